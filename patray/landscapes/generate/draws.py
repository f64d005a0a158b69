"""Random integers addressed by what they decide: `draw(keys, "title", k)` is the same number in every run, block size,
platform and numpy version.

A patent's text must not depend on which block it is written in, and a duplicate must repeat its source's draws. A
sequential generator gives neither, and numpy does not promise the streams of its distributions across versions. So
every draw is a hash: SplitMix64's finaliser (Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195) over the key of the
thing and the name of the decision.
"""

from __future__ import annotations

import zlib

import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser, elementwise: uint64 in, uint64 out, one to one."""
    mixed = values + np.uint64(_GOLDEN)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def keys(seed: int, kind: str, count: int) -> np.ndarray:
    """(count,) uint64: one key per thing of a kind (`topic`, `invention`, ...)."""
    start = np.uint64((seed * _GOLDEN + zlib.crc32(kind.encode())) & _MASK)
    return mix(mix(np.full(1, start)) + np.arange(count, dtype=np.uint64))


def draw(key: np.ndarray, decision: str, index: int | np.ndarray = 0) -> np.ndarray:
    """uint64 per key for one named decision; `index` (scalar or array) tells repeated decisions apart."""
    salt = np.uint64((zlib.crc32(decision.encode()) * _GOLDEN) & _MASK)
    return mix(mix(key ^ salt) + np.asarray(index).astype(np.uint64))


def below(key: np.ndarray, decision: str, limit: int | np.ndarray, index: int | np.ndarray = 0) -> np.ndarray:
    """int64 per key, uniform in [0, limit); limit at most 2**31. A limit of 0 gives 0."""
    high = draw(key, decision, index) >> np.uint64(32)
    return ((high * np.asarray(limit).astype(np.uint64)) >> np.uint64(32)).astype(np.int64)


def chance(key: np.ndarray, decision: str, share: float | np.ndarray, index: int | np.ndarray = 0) -> np.ndarray:
    """bool per key, True for `share` of the keys."""
    threshold = np.rint(np.asarray(share, dtype=np.float64) * 2.0**31).astype(np.int64)
    return below(key, decision, 1 << 31, index) < threshold


def weighted(key: np.ndarray, decision: str, weights: tuple[int, ...]) -> np.ndarray:
    """int64 per key: position in `weights`, drawn in proportion to the integer weights."""
    ends = np.cumsum(np.asarray(weights, dtype=np.int64))
    return np.searchsorted(ends, below(key, decision, int(ends[-1])), side="right")
