"""What a record and a snapshot disagree on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One fact on which record and snapshot disagree. The first four are words for a person; note: it is no fault."""

    what: str
    record: str
    snapshot: str
    consequence: str
    note: bool = False

    def __str__(self) -> str:
        return f"{self.what}: the record says {self.record}, the snapshot {self.snapshot}. {self.consequence}"
