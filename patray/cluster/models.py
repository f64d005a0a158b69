"""The models of a suite, found before anything starts: record, engine, and where the files lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patray.models.content import snapshot_content
from patray.models.record import ModelRecord
from patray.models.resolve import Snapshot, find_snapshot, require_runnable
from patray.models.verify import require_as_recorded
from patray.runs.resolve import model_record
from patray.runs.suite import ModelEntry, ModelsFrom


@dataclass(frozen=True)
class Model:
    """A model of the suite, found."""

    name: str
    record: ModelRecord
    engine: str
    snapshot: Snapshot
    content: str | None = None
    """Hash of the files of a model that no hub revision identifies."""

    def facts(self) -> dict[str, Any]:
        """What the provenance says of it."""
        where = {"engine": self.engine, "found": self.snapshot.found, "content": self.content}
        return {**self.record.model_dump(mode="json"), **where}


def find_model(entry: ModelEntry, source: ModelsFrom) -> Model:
    """The model of a resolved entry; ModelError, with what to do, when it cannot run or its files are nowhere."""
    record = model_record(entry)
    require_runnable(record, str(entry.engine), source.remote_code)
    snapshot = find_snapshot(record, entry.path, source.mirror, source.hub)
    if "://" not in snapshot.location and not snapshot.location.startswith("hub:"):
        require_as_recorded(record, Path(snapshot.location))  # a bucket's or the hub's is checked once it is here
    content = snapshot_content(snapshot) if record.revision == "local" else None
    return Model(str(entry.name), record, str(entry.engine), snapshot, content)
