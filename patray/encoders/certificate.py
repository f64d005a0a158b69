"""May vectors that other versions made be used? A fixed sample of the texts is encoded again and compared.

Other versions of torch, transformers, an engine or patray's own encoders give vectors that differ in their last digits,
or vectors that are wrong: a pooling that changed, a prompt lost, a text cut elsewhere. The first may be used again, the
second must not, and a version number does not tell them apart. What was compared is the *certificate*.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from patray.encoders.token_vectors import TokenVectors

LONGEST, SPREAD = 32, 64
"""How many texts of the sample are the longest ones, and how many are spread over all: most faults of a limit show in
the first alone, most others in any."""
COSINES = {"float32": 0.99999, "float16": 0.9999, "bfloat16": 0.999, "int8": 0.999}
"""Lowest cosine of old and new vector that is rounding, by the dtype of the weights. 1 - cosine is half the square of
the relative error: float32 on CPUs stays below 1e-10, TensorFloat-32 (11 bits at each of some 100 steps) near 3e-6,
float16 below 5e-5, bfloat16 (8 bits) near 2e-4. int8 of one engine rounds nearly all numbers as before."""
SCORES = {"float32": 0.01, "float16": 0.05, "bfloat16": 0.25}
"""Largest difference of a reranker's log-odds that is rounding: scores span about 20, and bfloat16 has 8 bits."""
NEIGHBOURS = 10
"""Nearest texts of the sample that must stay, in order, for each text of it."""


@dataclass(frozen=True)
class Certificate:
    """What encoding a sample again gave.

    then, now: versions that made the old and the new vectors ({} where they were not recorded). compared: texts (pairs,
    for a reranker). lowest_cosine: of old and new vector, over the sample; None for a reranker, which has
    largest_difference of its scores instead. worst: the text or pair where that was. bound: what it must keep to.
    neighbours_changed: texts of which one of the 10 nearest in the sample is another one (pairs: queries that rank in
    another order). near_ties: texts where places changed only among texts whose old similarities lie within `tie`.
    """

    then: Mapping[str, str]
    now: Mapping[str, str]
    compared: int
    lowest_cosine: float | None
    largest_difference: float | None
    worst: str
    bound: float
    neighbours_changed: int
    near_ties: int
    tie: float

    @property
    def agrees(self) -> bool:
        if self.lowest_cosine is not None:
            within = self.lowest_cosine >= self.bound
        else:
            within = self.largest_difference is not None and self.largest_difference <= self.bound
        return within and not self.neighbours_changed

    @property
    def facts(self) -> dict[str, Any]:
        """As provenance and artifacts keep it."""
        return {**asdict(self), "agrees": self.agrees}

    @property
    def words(self) -> str:
        """`lowest cosine 0.412345 (P7; at least 0.9999), nearest neighbours changed for 61 of 96 texts`."""
        if self.lowest_cosine is not None:
            worst, of = f"lowest cosine {self.lowest_cosine:.6f} ({self.worst}; at least {self.bound:g})", "texts"
        else:
            worst, of = f"largest difference {self.largest_difference:.4g} ({self.worst}; at most {self.bound:g})", ""
        changed = f"nearest neighbours changed for {self.neighbours_changed} of {self.compared} {of}"
        return f"{worst}, " + (changed if of else f"order changed for {self.neighbours_changed} queries")


def certificate_of(facts: Mapping[str, Any]) -> Certificate:
    """The certificate that `facts` were made of."""
    return Certificate(**{key: value for key, value in facts.items() if key != "agrees"})


def changed_versions(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """`torch 2.8.0 -> 2.9.1, patray-encoders not recorded -> 5f0c...`."""
    names = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    return ", ".join(f"{name} {then.get(name, 'not recorded')} -> {now.get(name, 'not installed')}" for name in names)


def choose_sample(ids: Sequence[str], lengths: np.ndarray) -> np.ndarray:
    """(m,) int64 ascending: positions of the sample, decided by ids and lengths alone: the longest texts, and others
    spread by a hash of their ids. All of them where there are no more than 96."""
    hashes = [_hash(name) for name in ids]
    spread = np.array(sorted(range(len(hashes)), key=hashes.__getitem__), dtype=np.int64)
    rank = np.empty(len(spread), np.int64)
    rank[spread] = np.arange(len(spread))
    longest = np.lexsort((rank, -np.asarray(lengths)))[:LONGEST]
    others = spread[~np.isin(spread, longest)][:SPREAD]
    return np.sort(np.concatenate([longest, others]).astype(np.int64))


def similarity_error(cosine: float, dimension: int) -> float:
    """How far, as a standard deviation, the cosine of two vectors moves when each has a random error that leaves it
    `cosine` near to what it was: 2 sqrt((1 - cosine) / dimension)."""
    return float(2 * np.sqrt(max(0.0, 1 - cosine) / dimension))


def near_tie(lowest: float, bound: float, dimension: int) -> float:
    """How far apart two similarities may lie and still change places by rounding.

    Six standard deviations of errors of the size that was seen (`lowest` cosine), which is four of the gap between two
    similarities: with 96 texts and 10 neighbours chance exceeds that in one sample of many. At most three of the
    largest errors that are allowed. A fault that keeps the cosines is not random, and moves some similarities more.
    """
    return min(6 * similarity_error(max(lowest, bound), dimension), 3 * similarity_error(bound, dimension)) + 1e-7


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,) float64 cosine of each row of `one` (n, d) float64 with the same row of `other`; nan where one is 0."""
    return np.asarray((one * other).sum(axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)))


def compare_vectors(
    ids: Sequence[str], old: np.ndarray, new: np.ndarray, dtype: str, then: Mapping[str, str], now: Mapping[str, str]
) -> Certificate:
    """The certificate of unit vectors (n, d) of the same texts."""
    old, new = old.astype(np.float64), new.astype(np.float64)
    return _certificate(ids, cosines(old, new), old @ old.T, new @ new.T, dtype, old.shape[1], then, now)


def compare_token_vectors(
    ids: Sequence[str], old: TokenVectors, new: TokenVectors, dtype: str, then: Mapping[str, str],
    now: Mapping[str, str],
) -> Certificate:  # fmt: skip
    """The certificate of token vectors of the same texts: the cosine of a text is that of its worst token, and -1 where
    it has another number of them; texts are near by MaxSim for each of their tokens."""
    lowest = np.full(len(ids), -1.0)
    for at in range(len(ids)):
        before, after = (_tokens(side, at) for side in (old, new))
        if before.shape == after.shape:
            lowest[at] = cosines(before, after).min()
    return _certificate(ids, lowest, _maxsim(old), _maxsim(new), dtype, old.vectors.shape[1], then, now)


def _tokens(tokens: TokenVectors, at: int) -> np.ndarray:
    return np.asarray(tokens.vectors[tokens.start[at] : tokens.start[at + 1]], dtype=np.float64)


def _maxsim(tokens: TokenVectors) -> np.ndarray:
    """(n, n): mean over the tokens of text i of the best cosine with a token of text j."""
    found = np.empty((len(tokens), len(tokens)))
    every = tokens.vectors.astype(np.float32)
    for at in range(len(tokens)):
        products = _tokens(tokens, at).astype(np.float32) @ every.T
        found[at] = np.maximum.reduceat(products, tokens.start[:-1], axis=1).mean(axis=0)
    return found


def _certificate(
    ids: Sequence[str], cosines: np.ndarray, old: np.ndarray, new: np.ndarray, dtype: str, dimension: int,
    then: Mapping[str, str], now: Mapping[str, str],
) -> Certificate:  # fmt: skip
    bound = COSINES[dtype]
    worst = int(np.argmin(np.where(np.isfinite(cosines), cosines, -2)))
    lowest = float(cosines[worst]) if np.isfinite(cosines[worst]) else -1.0
    tie = near_tie(lowest, bound, dimension)
    changed, ties = count_changes(old, new, tie)
    return Certificate(dict(then), dict(now), len(ids), lowest, None, ids[worst], bound, changed, ties, tie)


def count_changes(old: np.ndarray, new: np.ndarray, tie: float) -> tuple[int, int]:
    """How many texts have another neighbour among their 10 nearest, and how many only swapped near-ties.

    old, new (n, n): similarities. At each of the 10 places the text that the new similarities put there must be within
    `tie`, by the old ones, of the text that stood there.
    """
    changed = ties = 0
    for at in range(len(old)):
        before, after = old[at].copy(), new[at].copy()
        before[at] = after[at] = -np.inf  # not itself
        places = min(NEIGHBOURS, len(old) - 1)
        stood, stands = (np.argsort(-side, kind="stable")[:places] for side in (before, after))
        moved = stood != stands
        if moved.any():
            far = np.abs(before[stood] - before[stands]) > tie
            changed += bool(far.any())
            ties += not far.any()
    return changed, ties


def compare_scores(
    queries: Sequence[str], patents: Sequence[str], old: np.ndarray, new: np.ndarray, dtype: str,
    then: Mapping[str, str], now: Mapping[str, str],
) -> Certificate:  # fmt: skip
    """The certificate of a reranker's log-odds (n,) of the same pairs; the order within each query must stay."""
    bound = SCORES[dtype]
    gaps = np.abs(old.astype(np.float64) - new.astype(np.float64))
    worst = int(np.argmax(np.where(np.isfinite(gaps), gaps, np.inf)))
    changed = ties = 0
    names = np.asarray(queries, dtype=object)
    for query in dict.fromkeys(queries):
        rows = np.flatnonzero(names == query)
        stood, stands = (np.argsort(-side[rows], kind="stable") for side in (old, new))
        if (stood != stands).any():
            far = np.abs(old[rows][stood] - old[rows][stands]) > bound
            changed += bool(far.any())
            ties += not far.any()
    pair = f"query {queries[worst]}, patent {patents[worst]}"
    return Certificate(dict(then), dict(now), len(old), None, float(gaps[worst]), pair, bound, changed, ties, bound)


QUERIES, OF_QUERY = 16, 8
"""How many queries a sample of pairs has, and how many pairs of each."""


def choose_pairs(queries: Sequence[str], patents: Sequence[str], lengths: np.ndarray) -> np.ndarray:
    """(m,) int64 ascending: positions of the sampled pairs, decided by ids and lengths alone: of the queries that the
    longest pairs belong to and others spread by a hash, half the longest pairs and half spread."""
    names = [f"{query}\0{patent}" for query, patent in zip(queries, patents, strict=True)]
    asked = list(dict.fromkeys(queries))
    longest = dict.fromkeys(queries[at] for at in np.argsort(-np.asarray(lengths), kind="stable"))
    chosen = dict.fromkeys([*list(longest)[: QUERIES // 4], *sorted(asked, key=_hash)])
    rows: list[int] = []
    of_query: dict[str, list[int]] = {}
    for at, query in enumerate(queries):
        of_query.setdefault(query, []).append(at)
    for query in list(chosen)[:QUERIES]:
        mine = sorted(of_query[query], key=lambda at: (-int(lengths[at]), _hash(names[at])))
        rest = sorted(mine[OF_QUERY // 2 :], key=lambda at: _hash(names[at]))
        rows += mine[: OF_QUERY // 2] + rest[: OF_QUERY // 2]
    return np.array(sorted(rows), dtype=np.int64)


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8"), digest_size=8).digest()
