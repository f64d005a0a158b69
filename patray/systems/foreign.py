"""Systems that ranked elsewhere: a TREC run of any other tool joins a suite and gets the same statistics.

PATH is a file, for a suite with one landscape and one view, or a folder with LANDSCAPE/VIEW.run, or LANDSCAPE.run
where the tool had its own view of the text. Files may be compressed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, model_validator

from patray.errors import InputError
from patray.importers.source import SourceFile, content_of, find_files, locate
from patray.importers.trec_run import run_ranking
from patray.systems.base import Inputs, Ranked, RankTask, System


class Foreign(System):
    """`{run: results/ours, name: ours}` takes a TREC run as it is."""

    KIND: ClassVar[str] = "run"
    NOUN: ClassVar[str] = "ranking made elsewhere"
    STEP: ClassVar[str] = "read"
    KEPT: ClassVar[bool] = False
    HERE: ClassVar[bool] = True

    run: str = Field(description="a TREC run made elsewhere: a file, or a folder with LANDSCAPE[/VIEW].run")
    content: str | None = Field(default=None, description="hash of its files; written when resolved")

    @model_validator(mode="after")
    def _named(self) -> Foreign:
        if self.name is None:
            raise ValueError("`run` needs a `name`")
        return self

    def in_words(self) -> str:
        return "ranking made outside patray"

    def with_inputs(self, inputs: Inputs) -> System:
        foreign_files(self.run, inputs.landscapes, inputs.views)
        return self.model_copy(update={"content": content_of(self.run)})

    def rank(self, task: RankTask) -> Ranked:
        """Read the run of one landscape and view. InputError as `run_ranking` and `foreign_files` raise it."""
        [file] = foreign_files(self.run, [task.landscape], [task.view]).values()
        try:
            read = run_ranking(file, task.truth, task.depth)
        except InputError as error:
            raise InputError(f"system {task.system}, landscape {task.landscape}, view {task.view}: {error}") from error
        notes = [f"{task.landscape}, {task.view}, {task.system}: {note}" for note in read.notes]
        return Ranked(read.ranking, notes, facts={"file": file.label})


def foreign_files(path: str, landscapes: Sequence[str], views: Sequence[str]) -> dict[tuple[str, str], SourceFile]:
    """The run file of every (landscape, view). Cheap: call it before anything that costs.

    Raises InputError when the path is absent, a single file where there are several landscapes or views, or a folder
    in which files are missing: all of them are named.
    """
    found = find_files([path], open_archives=False)
    places = [(landscape, view) for landscape in landscapes for view in views]
    if not places:
        return {}
    filesystem, inside = locate(path)
    if filesystem.get_file_info(inside).is_file:
        if len(places) > 1:
            raise InputError(
                f"run: {path} is one file, but the suite has {len(landscapes)} landscape(s) and {len(views)} view(s); "
                "give a folder with LANDSCAPE/VIEW.run or LANDSCAPE.run"
            )
        return {places[0]: found[0]}
    by_end: dict[str, SourceFile] = {}
    for file in found:
        name = locate(file.uri)[1].removeprefix(inside).lstrip("/")
        for suffix in (".gz", ".xz", ".bz2", ".zst"):
            name = name.removesuffix(suffix)
        if name in by_end:
            raise InputError(f"run: {path} holds {by_end[name].label} and {file.label}; delete one of them")
        by_end[name] = file
    files: dict[tuple[str, str], SourceFile] = {}
    missing = []
    for landscape, view in places:
        names = [name for name in (f"{landscape}/{view}.run", f"{landscape}.run") if name in by_end]
        if names:
            files[landscape, view] = by_end[names[0]]
        else:
            missing.append(f"{landscape}/{view}.run (or {landscape}.run)")
    if missing:
        raise InputError(f"run: {path} lacks {', '.join(missing)}; it holds {', '.join(sorted(by_end)[:10])}")
    return files
