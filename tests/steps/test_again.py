"""Rankings hold while the artifacts they were made of stand; a run that makes vectors again goes on with it."""

from __future__ import annotations

from pathlib import Path

from patray.files import Folder
from patray.runs.run_files import MARK
from patray.steps.again import forget_other_rankings, mark_of
from patray.systems.kinds import read_system

SYSTEMS = [
    read_system({"name": "one", "dense": "one"}),
    read_system({"name": "two", "dense": "two"}),
    read_system({"name": "bm25", "lexical": "bm25"}),
    read_system({"name": "fused", "rrf": ["one", "bm25"]}),
    read_system({"name": "over", "rerank": "fused", "with": "cross"}),
]


def ranked(run: Folder) -> set[str]:
    return {Path(name).stem for name in run.walk() if name.startswith("rankings/a/ta/")}


def test_rankings_of_other_vectors_and_all_that_stand_on_them_are_forgotten(tmp_path: Path) -> None:
    run = Folder.at(tmp_path)
    made = {("a", "ta", "one"): "k1:x", ("a", "ta", "two"): "k2:y"}
    assert forget_other_rankings(run, SYSTEMS, made) == []
    for system in SYSTEMS:
        run.write_text(f"rankings/a/ta/{system.name}.parquet", "")
    assert forget_other_rankings(run, SYSTEMS, made) == []
    gone = forget_other_rankings(run, SYSTEMS, {**made, ("a", "ta", "one"): "k1:z"})
    assert gone == ["a/ta/one", "a/ta/fused", "a/ta/over"]
    assert ranked(run) == {"two", "bm25"}


def test_rankings_of_a_run_that_did_not_say_what_they_were_made_of_are_forgotten(tmp_path: Path) -> None:
    run = Folder.at(tmp_path)
    for system in SYSTEMS:
        run.write_text(f"rankings/a/ta/{system.name}.parquet", "")
    forget_other_rankings(run, SYSTEMS, {("a", "ta", "one"): "k1:x", ("a", "ta", "two"): "k2:y"})
    assert ranked(run) == {"bm25"}


def test_a_finished_run_that_is_made_again_is_open_and_a_stopped_one_goes_on_with_the_same_mark(tmp_path: Path) -> None:
    run = Folder.at(tmp_path)
    assert mark_of(run, reembed=False) is None
    run.write_json("provenance.json", {})
    run.write_text("rankings/a/ta/one.parquet", "")
    mark = mark_of(run, reembed=True)
    assert mark
    assert not run.exists("provenance.json")
    assert ranked(run) == set()
    assert mark_of(run, reembed=False) == mark_of(run, reembed=True) == mark, "it was stopped"
    run.write_json("provenance.json", {})  # finished, but killed before it put the mark away
    assert mark_of(run, reembed=False) is None
    assert run.exists(MARK)
    assert mark_of(run, reembed=True) not in (None, mark)
