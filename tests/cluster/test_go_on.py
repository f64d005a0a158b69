"""A node that is lost and holds up a step: the cluster is left and joined again, where that can be done."""

import queue
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from patray.cluster import go_on as module
from patray.cluster import growth, pipeline
from patray.cluster.go_on import REJOINS, go_on
from patray.errors import LostNodeError
from patray.files import Folder


class Runs:
    """Executions of which the first few are held up by a lost node."""

    def __init__(self, held_up: int) -> None:
        self.left, self.notes = held_up, []

    def begin(self) -> Any:
        self.notes.append([])
        return SimpleNamespace(provenance=SimpleNamespace(note=self.notes[-1].append), go=self.go)

    def go(self, reembed: bool) -> Folder:
        if self.left:
            self.left -= 1
            raise LostNodeError("embed m: no window was finished for 180 s, since a node was lost")
        return Folder.at("/done")


@pytest.fixture
def leaves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    left: list[str] = []
    monkeypatch.setattr(module, "leave", lambda: left.append("left"))
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    return left


def test_a_cluster_with_a_lost_node_is_left_and_the_phases_begin_again(
    leaves: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs(2)
    assert go_on(runs.begin, Folder.at(tmp_path), False).uri == "/done"
    assert leaves == ["left", "left"]
    assert runs.notes[0] == []
    assert "joined again: 2 time(s)" in runs.notes[2][0]
    assert capsys.readouterr().err.count("the cluster is left and joined again") == 2


def test_it_ends_with_its_sentence_where_that_happens_too_often_or_there_is_nothing_to_join_again(
    leaves: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LostNodeError, match="since a node was lost"):
        go_on(Runs(REJOINS + 1).begin, Folder.at(tmp_path), False)
    assert len(leaves) == REJOINS
    monkeypatch.delenv("RAY_ADDRESS")
    with pytest.raises(LostNodeError):
        go_on(Runs(1).begin, Folder.at(tmp_path), False)
    assert len(leaves) == REJOINS


@pytest.mark.parametrize("lost", [True, False])
def test_windows_that_a_lost_node_holds_are_not_waited_for_without_end(
    lost: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = iter([{"ab" * 14, "cd" * 14}])
    monkeypatch.setattr(growth, "node_ids", lambda: next(looks, {"ab" * 14} if lost else {"ab" * 14, "cd" * 14}))
    monkeypatch.setattr(pipeline, "demand", lambda: "waiting for what runs")
    monkeypatch.setattr(pipeline, "SAY_SECONDS", 0.01)
    monkeypatch.setattr(pipeline, "LOST_SECONDS", 0.05)
    results: queue.Queue[Any] = queue.Queue()
    with pytest.raises(pipeline.ResourceError) as raised:
        list(pipeline._received(results, object(), 1, "embed m"))
    assert isinstance(raised.value, LostNodeError) == lost
    assert ("node cdcdcdcd is gone" in capsys.readouterr().err) == lost
