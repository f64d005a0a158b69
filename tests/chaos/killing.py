"""Kill a driver as a crash would, and see that all that it started is gone."""

from __future__ import annotations

import os
import signal
import subprocess

import psutil


def kill_with_children(process: subprocess.Popen[str]) -> None:
    """SIGKILL the process, then whatever it left running; waits until all are gone."""
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    for child in family:
        if child.is_running():
            child.kill()
    psutil.wait_procs(family, timeout=60)
