"""What runs in this process, in a run that Ray is up for, is given values and no references."""

import pytest
import ray

from patray.cluster import tasks
from patray.cluster.placement import Resources


def test_a_task_of_this_process_is_given_what_workers_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ranking that is read here, in a run that Ray is up for, is given the truth that workers share."""
    reference = ray.ObjectRef.from_random()
    monkeypatch.setattr(tasks, "is_up", lambda: True)
    monkeypatch.setattr(ray, "get", {reference: "the truth"}.get)
    with tasks.in_this_process(True):
        done = tasks.submit(lambda *given: given, Resources(1), reference, tasks.Done(2), 3)
    assert done.value == ("the truth", 2, 3)
