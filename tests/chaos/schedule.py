"""A schedule of faults, drawn from a seed: which fault in which phase, in which order, and what each one hits."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos import faults, growing_faults
from tests.chaos.faults import Outcome, Trial

SLOW_DOWN = ("503 Service Unavailable", "SlowDown")
TOO_MANY = ("429 Too Many Requests", "TooManyRequests")
NO_BUCKET = ("404 Not Found", "NoSuchBucket")
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
    Fault("node lost", "search", faults.lose_node_at_work),
    Fault("node lost", "judge", faults.lose_node_at_work),
    Fault("spot node lost while scaling", "embed", growing_faults.lose_new_node, fresh=True),
    Fault("node stands still", "search", faults.stop_node),
    Fault("actor killed", "embed", faults.kill_actor, fresh=True),
    Fault("actor stands still", "embed", faults.stop_actor, fresh=True),
    Fault("workers killed", "search", faults.kill_workers),
    Fault("workers killed", "judge", faults.kill_workers),
    Fault("driver killed", "embed", faults.kill_driver, fresh=True),
    Fault("driver killed", "search", faults.kill_driver),
    Fault("driver killed", "judge", faults.kill_driver, "words"),
    Fault("driver killed", "write", faults.kill_driver, "words"),
    Fault("two drivers", "search", faults.two_drivers, "words"),
    Fault("two drivers", "embed", faults.two_drivers, fresh=True),
    Fault("full disk", "embed", faults.fill_disk, fresh=True),
    Fault("full disk", "search", faults.fill_disk, "words"),
    Fault("full disk", "judge", faults.fill_disk, "words"),
    Fault("stale lease", "all", faults.leave_lease, "words"),
    Fault("hosts apart", "embed", faults.part_hosts, fresh=True),
    Fault("hosts apart", "search", faults.part_hosts),
    Fault("head lost", "search", faults.lose_head),
    Fault("dead head", "all", faults.address_nobody, "words"),
    Fault("vectors one bit off", "store", faults.damage_vectors("a bit"), short=True),
    Fault("vectors cut short", "store", faults.damage_vectors("cut short")),
    Fault("vectors emptied", "store", faults.damage_vectors("emptied")),
    Fault("vectors missing", "store", faults.damage_vectors("missing")),
    Fault("clean copy one bit off", "store", faults.damage_copy("a bit"), "words"),
    Fault("clean copy missing", "store", faults.damage_copy("missing"), "words"),
    Fault("counts of words one bit off", "store", faults.damage_counts, "words"),
    Fault("ranking cut short", "store", faults.damage_ranking, "words"),
    *on_s3("slow", "search", faults.slowly(0.2), words="waited"),
    *on_s3("busy for a while", "search", faults.first_of(SLOW_DOWN, 6), words="asked again"),
    *on_s3("too many requests for a while", "judge", faults.first_of(TOO_MANY, 6), words="asked again"),
    *on_s3("wrong credentials", "search", faults.all_of(BAD_KEY), "the store refused the credentials"),
    *on_s3("bucket gone", "judge", faults.all_of(NO_BUCKET), "bucket"),
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
