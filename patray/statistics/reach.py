"""Can a family of comparisons find anything at all? A permutation p is never 0, so a correction may leave nothing.

With `flips` random flips the smallest p is 1 / (flips + 1), whatever the data; a correction multiplies it. 506
comparisons on 10,000 flips cannot be significant by Holm however large their differences are: 506 / 10,001 > 0.05.
"""

from __future__ import annotations

import math

from patray.statistics.corrections import procedure


def smallest_p(flips: int, families: int | None = None) -> float:
    """The smallest p that a sign-flip test of `flips` flips can give; families: of the items, where they are known.

    smallest_p(10_000) is 1 / 10_001. Few families are flipped in every way, 2^F of them, of which two are as extreme as
    the most extreme data: smallest_p(10_000, families=5) is 2 / 32, and more flips do not help.
    """
    if families is not None and families < 63 and 2**families <= flips:
        return 2.0 / 2**families
    return 1.0 / (flips + 1)


def smallest_adjusted(method: str, comparisons: int, smallest: float, together: int = 1) -> float:
    """The smallest adjusted p that a correction of `comparisons` can give, when no p is below `smallest`.

    together: how many of them reach `smallest` at once. smallest_adjusted("holm", 506, 1 / 10_001) is 0.0506. Holm asks
    m times the smallest p of the first, whatever the others are; Benjamini and Hochberg divide by the number that reach
    it, so one alone needs as much as Holm asks and all together need nothing; max-T needs no more than one comparison
    does. Raises InputError for another method.
    """
    method = procedure(method, comparisons)
    if method == "max-t":
        return smallest
    shared = max(together, 1) if method == "benjamini-hochberg" else 1
    return min(1.0, comparisons * smallest / shared)


def fewest_together(method: str, comparisons: int, smallest: float, alpha: float = 0.05) -> int | None:
    """How many comparisons must reach `smallest` at once for any to be significant; None where no number is enough.

    1 where a single one can be: fewest_together("holm", 400, 1 / 10_001). By Holm 506 never can, None; by Benjamini and
    Hochberg two of them must.
    """
    every = range(1, comparisons + 1)
    return next((k for k in every if smallest_adjusted(method, comparisons, smallest, k) < alpha), None)


def flips_that_carry(comparisons: int, alpha: float = 0.05) -> int:
    """The fewest flips with which a single one of `comparisons` can be significant: flips_that_carry(506) is 10,120.

    The same for Holm and for Benjamini and Hochberg. So few flips find only what no flip reaches; twice as many lose
    nearly nothing.
    """
    flips = max(1, math.floor(comparisons / alpha) - 2)
    while not comparisons * smallest_p(flips) < alpha:
        flips += 1
    return flips
