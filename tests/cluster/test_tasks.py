"""Tasks that die are done again, errors are not, and a wait says what it waits for."""

import os
from pathlib import Path

import pytest

from patray.cluster import meters, tasks
from patray.cluster.placement import Resources
from patray.cluster.tasks import Beside, Done, gather, in_this_process, shared, submit
from patray.errors import InputError, ResourceError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray")]
ONE = Resources(cpus=1)


def die_at_first(tries: Path, deaths: int) -> int:
    """A process that ends at once, as one on a lost node; the number of times it was begun."""
    begun = len(list(tries.iterdir()))
    (tries / str(begun)).touch()
    if begun < deaths:
        os._exit(1)
    return begun + 1


def fail(tries: Path) -> None:
    (tries / str(len(list(tries.iterdir())))).touch()
    raise InputError("line 3: no such column")


class Kept:
    """What an object beside the driver was given, in order."""

    def __init__(self, first: int) -> None:
        self.kept = [first]

    def keep(self, value: int) -> list[int]:
        self.kept.append(value)
        return list(self.kept)


def add(*numbers: int) -> int:
    return sum(numbers)


def test_a_task_whose_process_dies_is_done_again(tmp_path: Path) -> None:
    assert gather([submit(die_at_first, ONE, tmp_path, 2)], "search", 60) == [3]


def test_a_task_that_always_dies_ends_with_the_cause_after_its_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "TRIES", 1)
    with pytest.raises(ResourceError, match=r"a worker died \(WorkerCrashedError\)"):
        gather([submit(die_at_first, ONE, tmp_path, 100)], "search", 60)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_waits_for_a_dead_task_names_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "TRIES", 0)
    lost = submit(die_at_first, ONE, tmp_path, 100)
    with pytest.raises(ResourceError, match=r"a worker died \(WorkerCrashedError\)"):
        gather([submit(add, ONE, 1, lost)], "search", 60)


def test_an_error_of_the_work_is_raised_as_it_is_and_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^line 3: no such column$"):
        gather([submit(fail, ONE, tmp_path)], "search", 60)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_wait_for_what_no_node_has_says_so_and_ends_at_its_limit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOOK_SECONDS", "SAY_SECONDS"):
        monkeypatch.setattr(tasks, name, 0.2)
    with pytest.raises(ResourceError, match=r"^search: no node had 1 GPU \+ 1 CPU for 3 s \(embedding"):
        gather([submit(add, Resources(1, 1), 1)], "search", 3)
    assert "search: nothing done for " in capsys.readouterr().err


@pytest.mark.parametrize("here", [True, False])
def test_results_come_in_order_and_references_may_be_arguments_wherever_the_work_is_done(here: bool) -> None:
    with in_this_process(here):
        first, number = submit(add, ONE, 1, 2), shared(10)
        kept = Beside(Kept, 5)
        calls = [kept.call("keep", first), kept.call("keep", number)]
        found = gather([submit(add, ONE, first, number, Done(0)), first, Done(7), first], "search", 60)
        assert gather(calls, "keep", 60) == [[5, 3], [5, 3, 10]]
    assert found == [13, 3, 7, 3]


def test_what_is_done_is_counted_for_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, float, dict[str, str]]] = []

    class Fake:
        def __init__(self, name: str) -> None:
            self.name = name

        def inc(self, amount: float, tags: dict[str, str]) -> None:
            counted.append((self.name, amount, tags))

    monkeypatch.setattr(meters, "_counter", Fake)
    gather([submit(add, ONE, 1), submit(add, ONE, 2)], "search", 60)
    meters.count_window("embed x", {"patents": 5, "tokens": 70, "tries": 3})
    assert sum(amount for name, amount, tags in counted if name == "tasks" and tags == {"step": "search"}) == 2
    at = {"step": "embed x"}
    assert counted[-4:] == [("windows", 1, at), ("patents", 5, at), ("tokens", 70, at), ("retries", 2, at)]


def test_the_counters_are_ones_that_ray_takes() -> None:
    meters.count("search", dict.fromkeys(meters.COUNTED, 1.0))
    with meters.running("search"):
        pass
