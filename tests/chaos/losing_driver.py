"""A run whose cluster loses nodes in the middle of a phase: `python -m tests.chaos.losing_driver SUITE WORKDIR FAULTS`.

FAULTS is JSON, {"embed": pid, "search": pid, ...}: at the first result of a phase that raylet is killed,
and with it the workers of its node.
"""

import json
import os
import signal
import sys

from patray import progress
from patray.cli import main

FAULTS: dict[str, int] = json.loads(sys.argv[3])
_move = progress.Progress.move


def move(self: progress.Progress, units: int, note: str = "") -> None:
    _move(self, units, note)
    phase = self._label.split()[0]
    if units and phase in FAULTS:
        os.kill(FAULTS.pop(phase), signal.SIGKILL)
        print(f"lost a node in {phase}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    progress.Progress.move = move  # type: ignore[method-assign]
    status = main(["run", sys.argv[1], "--workdir", sys.argv[2]])
    sys.exit(status or len(FAULTS))
