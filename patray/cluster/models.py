"""The models of a suite, found before anything starts: record, engine, and where the files lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patray.errors import ModelError
from patray.models.content import identify
from patray.models.engines import CPU_ALONE
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
    """What its files are, see `models.content.identify`."""

    def facts(self) -> dict[str, Any]:
        """What the provenance says of it."""
        where = {"engine": self.engine, "found": self.snapshot.found, "content": self.content}
        return {**self.record.model_dump(mode="json"), **where}


def find_models(entries: Iterable[ModelEntry], source: ModelsFrom) -> list[Model]:
    """The models of resolved entries, as `find_model`; files that several of them share are read once."""
    known: dict[tuple[str, str], Snapshot] = {}
    return [find_model(entry, source, known) for entry in entries]


def most_gpus(models: Sequence[Model]) -> int:
    """How many GPUs the largest of the models is spread over; 0 where all of them run on a CPU alone."""
    wanted = [model.record.tensor_parallel for model in models if model.engine not in CPU_ALONE]
    return max(wanted, default=0 if models else 1)


def find_model(entry: ModelEntry, source: ModelsFrom, known: dict[tuple[str, str], Snapshot] | None = None) -> Model:
    """The model of a resolved entry, its files read through and through.

    known: what was read before in this command. ModelError, with what to do, when it cannot run, its files are nowhere,
    or they are not what the suite says (`content`).
    """
    record = model_record(entry)
    require_runnable(record, str(entry.engine), source.remote_code)
    snapshot = find_snapshot(record, entry.path, source.mirror, source.hub)
    if "://" not in snapshot.location and not snapshot.location.startswith("hub:"):
        require_as_recorded(record, Path(snapshot.location))  # a bucket's or the hub's is checked once it is here
    known = {} if known is None else known
    at = snapshot.location, record.model_dump_json(include={"repo", "revision", "remote_code"})
    if at not in known:
        known[at] = identify(record, snapshot)
    snapshot = known[at]
    if entry.content is not None and entry.content != snapshot.content:
        raise ModelError(
            f"models: {entry.name}: the suite says content {entry.content}, but the files in {snapshot.location} are "
            f"{snapshot.content}; give the model that it was written for, or leave `content` out"
        )
    return Model(str(entry.name), record, str(entry.engine), snapshot, snapshot.content)
