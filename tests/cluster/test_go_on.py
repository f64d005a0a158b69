"""What holds a lost node up is left and joined again, where that can be done; a damaged file is made again."""

from pathlib import Path

import pytest

from patray.cluster import go_on as module
from patray.cluster.go_on import REJOINS, Setbacks, go_on
from patray.errors import DamagedError, LostNodeError
from patray.files import Folder


class Work:
    """Work that is begun a few times in vain; befell: what was told of before, each time."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.befell = list(errors), list[list[str]]()

    def __call__(self, before: Setbacks) -> str:
        self.befell.append(before.notes)
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done with the cluster."""
    done: list[str] = []
    monkeypatch.setattr(module, "leave", lambda: done.append("left"))
    monkeypatch.setattr(module, "connect", lambda: done.append("joined"))
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    return done


def lost() -> LostNodeError:
    return LostNodeError("embed m: nothing was done for 180 s, since a node was lost")


def test_a_cluster_with_a_lost_node_is_left_and_joined_before_the_work_begins_again(
    cluster: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = Work(lost(), lost())
    assert go_on(work, Folder.at(tmp_path)) == "done"
    assert cluster == ["left", "joined"] * 2
    assert work.befell[0] == []
    assert "joined again: 2 time(s)" in work.befell[2][0]
    assert capsys.readouterr().err.count("the cluster is left and joined again") == 2


def test_it_ends_with_its_sentence_where_that_happens_too_often_or_there_is_nothing_to_join_again(
    cluster: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LostNodeError, match="since a node was lost"):
        go_on(Work(*[lost() for _ in range(REJOINS + 1)]), Folder.at(tmp_path))
    assert cluster == ["left", "joined"] * REJOINS
    monkeypatch.delenv("RAY_ADDRESS")
    with pytest.raises(LostNodeError):
        go_on(Work(lost()), Folder.at(tmp_path))
    assert cluster == ["left", "joined"] * REJOINS


def test_a_damaged_file_is_taken_out_once_and_left_alone_by_work_that_makes_none(tmp_path: Path) -> None:
    store = Folder.at(tmp_path)
    for name in ("landscapes/one/key/prepared.json", "landscapes/one/key/patents.parquet"):
        store.write_text(name, "{}")
    damage = f"{store.uri}/landscapes/one/key/patents.parquet: one bit is off"
    with pytest.raises(DamagedError, match="one bit is off"):
        go_on(Work(DamagedError(damage)), None)
    assert store.exists("landscapes/one/key/prepared.json")
    work = Work(DamagedError(damage))
    assert go_on(work, store) == "done"
    assert not store.exists("landscapes/one/key/prepared.json")
    assert "patents.parquet of the work directory was damaged" in work.befell[1][0]
    with pytest.raises(DamagedError):
        go_on(Work(DamagedError(damage), DamagedError(damage)), store)
