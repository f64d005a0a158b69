"""Who cites whom: near patents mostly, a stated share across domains, always an earlier date and another invention.

Inside the domain a patent cites its topic, its product or its area. Across domains (no 3-character IPC class in common)
it cites what its platform topic did for another product, or what uses the same technology there. More pairs than needed
are proposed in rounds; the first ones in a drawn order are kept, so that the share that crosses domains is the asked
one to the last pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patray.landscapes.generate.draws import below, draw, weighted
from patray.landscapes.generate.invention import Documents, ipc3_mask, on_platform, technology_groups
from patray.landscapes.generate.options import Options
from patray.landscapes.generate.taxonomy import Tree
from patray.landscapes.records import IN, OUT

LINKS = ("topic", "product", "area", "technology variant", "technology", "unrelated")
"""Why a pair is cited, nearest first."""
IN_WEIGHTS = (74, 20, 6)
OUT_WEIGHTS = (55, 25, 10, 10)
PLATFORM_EAGERNESS = 4
"""How many times as often a patent of a platform topic cites across domains."""

_DAYS = 1 << 16


@dataclass(frozen=True)
class Pairs:
    """citing, cited: int32 rows of the documents, sorted, unique. domain: int8. link: int8, position in LINKS."""

    citing: np.ndarray
    cited: np.ndarray
    domain: np.ndarray
    link: np.ndarray

    def where(self, keep: np.ndarray) -> Pairs:
        return Pairs(self.citing[keep], self.cited[keep], self.domain[keep], self.link[keep])


class _Earlier:
    """Answers "a random corpus document of this group that is older than I am" for whole arrays."""

    def __init__(self, group: np.ndarray, documents: Documents) -> None:
        self._group = group.astype(np.int64) * _DAYS
        self._key = self._group + documents.date
        corpus = self._key[: documents.corpus]
        self._rows = np.argsort(corpus, kind="stable").astype(np.int32)
        self._sorted = corpus[self._rows]

    def pick(self, citing: np.ndarray, key: np.ndarray, round_: int) -> np.ndarray:
        """(n,) int64 rows, -1 where there is none."""
        low = np.searchsorted(self._sorted, self._group[citing], side="left")
        high = np.searchsorted(self._sorted, self._key[citing], side="left")
        place = low + below(key[citing], "cited", high - low, round_)
        return np.where(high > low, self._rows[np.minimum(place, len(self._rows) - 1)], -1)


def cite(options: Options, documents: Documents, tree: Tree) -> Pairs:
    """All citations, of corpus patents and of queries; every cited document is in the corpus."""
    groups = (
        documents.topic,
        documents.product,
        tree.product_area[documents.product],
        *technology_groups(documents, tree),
        np.zeros(len(documents), np.int64),
    )
    earlier = [_Earlier(group, documents) for group in groups]
    mask = ipc3_mask(documents, tree)
    # Row and seed decide a document's draws; a duplicate cites on its own.
    key = draw(documents.text_key, "citing", np.arange(len(documents)))
    wanted = below(key, "citations", round(2 * options.citations) + 1)
    inside = _propose(documents, earlier, mask, key, wanted, IN, 1 - options.cross_domain, 1.4)
    eager = wanted * np.where(on_platform(documents.topic_key), PLATFORM_EAGERNESS, 1)
    across = _propose(documents, earlier, mask, key, eager, OUT, options.cross_domain, 2.0)
    return _balance(inside, across, options.cross_domain, round(options.citations * len(documents)), options.seed)


def _propose(
    documents: Documents,
    earlier: list[_Earlier],
    mask: np.ndarray,
    key: np.ndarray,
    wanted: np.ndarray,
    domain: int,
    share: float,
    surplus: float,
) -> Pairs:
    """Distinct pairs of one domain, about `surplus` times as many as needed where the landscape offers them."""
    tries = np.ceil(wanted * share * surplus).astype(np.int64)
    name, links, weights = ("in", (0, 1, 2), IN_WEIGHTS) if domain == IN else ("out", (0, 3, 4, 5), OUT_WEIGHTS)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for round_ in range(int(tries.max(initial=0))):
        citing = np.flatnonzero(tries > round_)
        salted = draw(key, name, round_)
        link = np.asarray(links)[weighted(salted[citing], "link", weights)]
        cited = np.full(len(citing), -1, np.int64)
        for number in links:
            # Where the nearest group has no older member, the next wider one is asked.
            ask = np.flatnonzero((link <= number) & (cited < 0))
            cited[ask] = earlier[number].pick(citing[ask], salted, round_)
            link[ask] = number
        pair = np.flatnonzero(cited >= 0)
        citing, cited, link = citing[pair], cited[pair], link[pair]
        shared = (mask[citing] & mask[cited]) != 0
        good = (shared == (domain == IN)) & (documents.invention[citing] != documents.invention[cited])
        found.append((citing[good].astype(np.int32), cited[good].astype(np.int32), link[good].astype(np.int8)))
    if not found:
        empty = np.zeros(0, np.int32)
        return Pairs(empty, empty, empty.astype(np.int8), empty.astype(np.int8))
    citing, cited, link = (np.concatenate([each[part] for each in found]) for part in range(3))
    _, first = np.unique(citing.astype(np.int64) * len(documents) + cited, return_index=True)
    return Pairs(citing[first], cited[first], np.full(len(first), domain, np.int8), link[first])


def _balance(inside: Pairs, across: Pairs, share: float, wanted: int, seed: int) -> Pairs:
    """As many pairs as possible, at most `wanted`, with round(share * pairs) of them across domains."""
    total = wanted
    if share < 1:
        total = min(total, int(len(inside.citing) / (1 - share)))
    if share > 0:
        total = min(total, int(len(across.citing) / share))
    crossing = min(round(share * total), len(across.citing))
    kept = (_first(inside, min(total - crossing, len(inside.citing)), seed), _first(across, crossing, seed))
    citing, cited, domain, link = (
        np.concatenate([getattr(pairs, name) for pairs in kept]) for name in ("citing", "cited", "domain", "link")
    )
    order = np.lexsort((cited, citing))
    return Pairs(citing, cited, domain, link).where(order)


def _first(pairs: Pairs, count: int, seed: int) -> Pairs:
    code = pairs.citing.astype(np.uint64) << np.uint64(32) | pairs.cited.astype(np.uint64)
    return pairs.where(np.argsort(draw(code, "kept", seed), kind="stable")[:count])
