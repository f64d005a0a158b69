"""Let a command be stopped: by Ctrl-C, `ray job stop`, or a scheduler's SIGTERM, with one sentence and no traceback."""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from patray.errors import PatrayError

INTERRUPTED, ENDED = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""Exit statuses of a command that was stopped, as shells count them: 130 and 143."""
READER_GONE = 128 + signal.SIGPIPE
"""Nobody reads the output any more (`| head`): what other commands end with then, 141."""


class Ended(KeyboardInterrupt):
    """SIGTERM came: whatever ends what was started at Ctrl-C ends it here too."""


def end(number: int, frame: FrameType | None) -> None:
    """The handler of SIGTERM."""
    raise Ended


def stoppable(work: Callable[[], int]) -> int:
    """Return the status of `work`, or of how it ended: 1 for an error that a user can act on, 130 or 143 when it was
    stopped. What was wrong is one line on stderr."""
    with _sigterm_ends():
        try:
            status = work()
            sys.stdout.flush()
            return status
        except BrokenPipeError:
            if not _reader_is_gone():
                raise
            return int(READER_GONE)
        except PatrayError as error:
            print(f"patray: error: {error}", file=sys.stderr)
            return error.status
        except OSError as error:
            from patray.filesystems import storage_trouble

            found = storage_trouble(error)  # a store that failed in the middle of a long read
            if found is None:
                raise
            print(f"patray: error: {found}", file=sys.stderr)
            return 1
        except KeyboardInterrupt as stop:
            logging.disable()  # threads of libraries that lose their cluster now would write tracebacks
            ended = isinstance(stop, Ended)
            how = "ended (SIGTERM)" if ended else "stopped"
            print(f"patray: {how}; the same command goes on from here", file=sys.stderr, flush=True)
            return int(ENDED if ended else INTERRUPTED)


def _reader_is_gone() -> bool:
    """True when nobody reads stdout any more (`patray ... | head`); what is left to print then goes nowhere."""
    output = sys.stdout.fileno()
    poll = select.poll()
    poll.register(output, select.POLLOUT)
    gone = any(event & select.POLLERR for _, event in poll.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return gone


@contextmanager
def _sigterm_ends() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
