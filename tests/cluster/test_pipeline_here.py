"""Windows that are done by threads of the driver's own process."""

import threading
from typing import Any

import pyarrow as pa
import pytest

from patray.cluster.pipeline import WindowPipeline, WindowWorker
from patray.progress import Progress
from patray.runs.suite import Embedding

STEP, LONG = 0.005, 60.0
"""Seconds of one step in Python, and of a window that nobody stops."""


class Slow(WindowWorker):
    """Does the first window at once, and the second one in many steps."""

    def load(self, work: Any) -> None:
        self.seen = work

    def do(self, row: pa.Table) -> pa.Table:
        if row["at"][0].as_py() == 0:
            self.seen["begun"].wait(LONG)
        else:
            self.seen["begun"].set()
            for _ in range(int(LONG / STEP)):
                threading.Event().wait(STEP)
            self.seen["done"].append(True)
        return pa.table({"patents": [1], "tokens": [1]})


class Stopping(Progress):
    def advance(self, patents: int, tokens: int) -> None:
        raise KeyboardInterrupt


def test_a_stopped_run_does_not_wait_for_windows_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patray.cluster.pipeline.workers_here", lambda options: 2)
    seen: dict[str, Any] = {"begun": threading.Event(), "done": []}
    pipeline = WindowPipeline("test", seen, lambda row, work: row, Slow, [], "patents", Embedding())
    with pytest.raises(KeyboardInterrupt):
        pipeline.run([{"at": 0}, {"at": 1}], Stopping("test", 2, shown=False), here=True)
    assert not seen["done"]
