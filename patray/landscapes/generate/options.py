"""What can be asked of the generator, checked once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from patray.errors import InputError

MAX_DOCUMENTS = 10_000_000
"""Publication numbers have seven digits for the row."""


@dataclass(frozen=True)
class Options:
    """The options of `generate`, which documents them."""

    name: str
    seed: int
    patents: int
    queries: int
    cross_domain: float
    family_share: float
    duplicate_share: float
    combined_share: float
    citations: float
    vocabulary_overlap: float
    description: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise InputError(f"name {self.name!r}: allowed are letters, digits, '.', '_' and '-', the first no sign")
        for key, least, most in (
            ("seed", 0, 2**63 - 1),
            ("patents", 1, MAX_DOCUMENTS),
            ("queries", 0, MAX_DOCUMENTS - self.patents),
            ("cross_domain", 0, 1),
            ("family_share", 0, 0.5),
            ("duplicate_share", 0, 0.2),
            ("combined_share", 0, 1),
            ("citations", 0, 50),
            ("vocabulary_overlap", 0, 1),
            ("description", 0, 50),
        ):
            value = getattr(self, key)
            if not least <= value <= most:
                raise InputError(f"{key} {value!r}: allowed is {least} to {most}")
