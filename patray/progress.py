"""Show the progress of a step on stderr: a bar in a terminal, plain lines in a log, nothing when asked to be quiet.

    patray: embed minilm: 512 of 2,244 patents (23%), 8,120 tokens/s, about 3 min left

A log keeps what ends with a line feed: what draws over itself there (carriage returns, cursor moves) is shown as one
line at the very end by `docker logs`, `kubectl logs` and journald.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

LOG_SECONDS = 10.0
"""How often a log gets a line of one step."""

_quiet = False


def be_quiet(quiet: bool = True) -> None:
    """Leave out progress and remarks from now on in this process (`--quiet`); warnings and errors are still shown."""
    global _quiet
    _quiet = quiet


def say(text: str) -> None:
    """Write one line for the person who watches, without breaking a bar."""
    if not _quiet:
        warn(text)


def warn(text: str) -> None:
    """Write one line that must be seen, with `--quiet` too: what a run waits for, or has to do again."""
    line = f"patray: {text}"
    if sys.stderr.isatty():
        tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr, flush=True)


class Progress:
    """Count the units of one step; show how many are done, how fast, and the time that is left.

    bytes: the units are bytes, shown as kB, MB or GB.
    """

    def __init__(self, label: str, total: int, unit: str = "patents", bytes: bool = False, shown: bool = True) -> None:
        self._label, self._total, self._unit, self._bytes = label, total, unit, bytes
        self._tokens = self._done = 0
        self._note = ""
        self._begin = self._told = time.monotonic()
        self._lines = shown and not _quiet and not sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            desc=label,
            unit="B" if bytes else f" {unit}",
            unit_scale=bytes,
            file=sys.stderr,
            mininterval=0.5,
            disable=_quiet or self._lines or not shown,
        )

    def advance(self, patents: int, tokens: int) -> None:
        """So many patents more, of so many tokens."""
        self._tokens += tokens
        rate = self._tokens / max(1e-9, time.monotonic() - self._begin)
        self.move(patents, f"{rate:,.0f} tokens/s")

    def move(self, units: int, note: str = "") -> None:
        """So many units more (or fewer, where work is done again), with a note behind them."""
        self._done += units
        self._note = note
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(units)
        now = time.monotonic()
        if self._lines and now - self._told >= LOG_SECONDS:
            self._told = now
            say(self.line(now - self._begin))

    def line(self, seconds: float) -> str:
        """The step in one line after so many seconds: "embed minilm: 512 of 2,244 patents (23%), about 3 min left"."""
        done, total = (in_bytes(n) if self._bytes else f"{n:,}" for n in (self._done, self._total))
        parts = [f"{self._label}: {done} of {total}" + ("" if self._bytes else f" {self._unit}")]
        if self._total:
            parts[0] += f" ({min(100, 100 * self._done // self._total)}%)"
        if self._note:
            parts.append(self._note)
        if 0 < self._done < self._total:
            parts.append(f"about {_in_time(seconds / self._done * (self._total - self._done))} left")
        return ", ".join(parts)

    def say(self, text: str) -> None:
        say(f"{self._label}: {text}")

    def close(self) -> None:
        """End the step; a log gets its last line."""
        if self._lines and self._done:
            say(self.line(time.monotonic() - self._begin))
        self._lines = False
        self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._bar.close()


def _in_time(seconds: float) -> str:
    """Seconds in words: 40 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def in_bytes(size: float) -> str:
    """Bytes in words: 12.3 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
