"""A run that stands still at the first result of a phase: `python -m tests.chaos.phased_driver SUITE WORKDIR PHASE..`

It says "reached PHASE" on stdout and goes on when it is given a line on stdin; then the next phase. What was begun on
the cluster goes on meanwhile. Ends with the run's status, or 99 when a phase never came.
"""

import sys

from patray import progress
from patray.cli import main

PHASES = sys.argv[3:]
_move = progress.Progress.move


def move(self: progress.Progress, units: int, note: str = "") -> None:
    _move(self, units, note)
    if units and PHASES and self._label.split()[0] == PHASES[0]:
        print(f"reached {PHASES.pop(0)}", flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    progress.Progress.move = move  # type: ignore[method-assign]
    status = main(["run", sys.argv[1], "--workdir", sys.argv[2]])
    sys.exit(status or (99 if PHASES else 0))
