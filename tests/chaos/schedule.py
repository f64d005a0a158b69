"""A schedule of faults, drawn from a seed: which fault in which phase, in which order, and what each one hits."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos import faults
from tests.chaos.faults import Outcome, Trial

SLOW_DOWN = ("503 Service Unavailable", "SlowDown")
BAD_KEY = ("403 Forbidden", "InvalidAccessKeyId")


@dataclass(frozen=True)
class Fault:
    """One fault in one phase. suite: which runs; fresh: in an empty work directory; short: also
    in `make test`."""

    what: str
    phase: str
    play: Callable[[Trial, str], Outcome]
    suite: str = "dense"
    fresh: bool = False
    short: bool = False

    @property
    def name(self) -> str:
        return f"{self.what} in {self.phase}".replace(" ", "-")


def on_s3(what: str, phase: str, rule: faults.Rule, *sentence: str, **words: str) -> list[Fault]:
    return [Fault(f"S3 {what}", phase, faults.trouble_store(rule, *sentence, **words), "words")]


FAULTS = (
    Fault("node lost", "embed", faults.lose_node, fresh=True),
    Fault("stale lease", "all", faults.leave_lease, "words"),
    Fault("dead head", "all", faults.address_nobody, "words"),
    Fault("vectors one bit off", "store", faults.damage_vectors("a bit"), short=True),
    Fault("ranking cut short", "store", faults.damage_ranking, "words"),
    *on_s3("slow", "search", faults.slowly(0.2), words="waited"),
    *on_s3("wrong credentials", "search", faults.all_of(BAD_KEY), "the store refused the credentials"),
    *on_s3("out of reach", "judge", faults.all_of(SLOW_DOWN), "the store was busy or out of reach"),
)


def seed() -> int:
    """PATRAY_CHAOS_SEED, by which a schedule is played again; 1 where nothing is said."""
    return int(os.environ.get("PATRAY_CHAOS_SEED", "1"))


def schedule(of: int) -> list[Fault]:
    """All faults in an order drawn from the seed; each draws what it hits from the seed and its own name."""
    drawn = list(FAULTS)
    random.Random(of).shuffle(drawn)
    return drawn
