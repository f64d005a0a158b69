"""A retrieval measure under the name people write: `nDCG@10`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from patray.errors import InputError

NAMES = ("nDCG", "Recall", "AP", "RR", "P")


@dataclass(frozen=True)
class Measure:
    """A measure of a ranking's first `cutoff` results.

    trec_eval calls them ndcg_cut_K, recall_K, map_cut_K, recip_rank of the first K, and P_K; ir-measures writes them
    nDCG@K, R@K, AP@K, RR@K and P@K.
    """

    name: str
    cutoff: int

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise InputError(f"measure {self.name!r}: no such measure; allowed are {_allowed()}")
        if self.cutoff < 1:
            raise InputError(f"measure {self.name}@{self.cutoff}: the cutoff must be 1 or more")

    def __str__(self) -> str:
        return f"{self.name}@{self.cutoff}"


def parse_measure(text: str) -> Measure:
    """The measure that `text` names, such as `nDCG@10`. Raises InputError, listing what is allowed, for any other."""
    match = re.fullmatch(r"([A-Za-z]+)@([0-9]+)", text)
    if match is None:
        raise InputError(f"measure {text!r}: not of the form NAME@CUTOFF; allowed are {_allowed()}")
    return Measure(match[1], int(match[2]))


def _allowed() -> str:
    return ", ".join(f"{name}@K" for name in NAMES) + " with K a whole number from 1, such as nDCG@10"


RETRIEVAL = (
    Measure("nDCG", 10),
    Measure("nDCG", 100),
    Measure("Recall", 10),
    Measure("Recall", 100),
    Measure("AP", 100),
    Measure("RR", 10),
    Measure("P", 10),
)
"""What the retrieval task reports by default."""
