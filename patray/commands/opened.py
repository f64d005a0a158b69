"""A finished run with the landscapes that it was made from, for commands that need more than its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from patray.errors import InputError

if TYPE_CHECKING:
    from patray.files import Folder
    from patray.runs.suite import Suite
    from patray.steps.landscape import Landscape


@dataclass(frozen=True)
class OpenedRun:
    """suite: as resolved; store: the work directory."""

    folder: Folder
    suite: Suite
    store: Folder

    @property
    def names(self) -> list[str]:
        return [str(entry.name) for entry in self.suite.landscapes]

    @property
    def systems(self) -> list[str]:
        return [str(system.name) for system in self.suite.systems or ()]

    def landscape(self, name: str) -> Landscape:
        """Raises InputError where the clean copy that the run read is gone."""
        from patray.landscapes.validate import is_prepared, read_prepared
        from patray.steps.landscape import open_landscape

        entry = next(entry for entry in self.suite.landscapes if entry.name == name)
        place = self.store / "landscapes" / name
        copies = [read_prepared(place / key) for key in place.list() if is_prepared(place / key)]
        found = next((copy for copy in copies if copy.content_hash == entry.content), None)
        if found is None:
            raise InputError(
                f"{place}: no clean copy with the content {entry.content} of this run; `patray run` makes it again"
            )
        return open_landscape(found, self.suite)


def open_run(run: Folder) -> OpenedRun:
    """Raises InputError where the run is not finished or is no part of a work directory."""
    from patray.runs.provenance import suite_of
    from patray.runs.run_files import work_directory

    if not run.exists("provenance.json"):
        raise InputError(f"{run}: no finished run (no provenance.json)")
    return OpenedRun(run, suite_of(run), work_directory(run))
