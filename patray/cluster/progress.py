"""Progress of one step on stderr: a bar in a terminal, a line every few seconds in a log."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm


class Progress:
    """Counts patents and tokens; shows patents/s, tokens/s and the time left."""

    def __init__(self, label: str, total: int, unit: str = "patents") -> None:
        self._tokens = 0
        self._begin = time.perf_counter()
        self._label = label
        self._bar = tqdm(
            total=total,
            desc=label,
            unit=f" {unit}",
            file=sys.stderr,
            mininterval=0.5 if sys.stderr.isatty() else 15.0,
            maxinterval=30.0,
            ascii=not sys.stderr.isatty(),
        )

    def advance(self, patents: int, tokens: int) -> None:
        self._tokens += tokens
        rate = self._tokens / max(1e-9, time.perf_counter() - self._begin)
        self.move(patents, f"{rate:,.0f} tokens/s")

    def move(self, units: int, note: str) -> None:
        """So many units more (or fewer, where work is done again), with a note behind the bar."""
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(units)

    def say(self, text: str) -> None:
        say(f"{self._label}: {text}")

    def close(self) -> None:
        self._bar.close()


def say(text: str) -> None:
    """One line for the person who watches, without breaking a bar."""
    tqdm.write(f"patray: {text}", file=sys.stderr)
