"""Hard negatives come from the stated ranks of the base, never from what is related to the pair, nor from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wild_landscapes import SECTIONS, folded, make_wild, text_of

from patray.errors import InputError
from patray.recipes.false_negatives import Relations
from patray.recipes.hard_negatives import SHORT, add_hard_negatives, make_pool, rank_pool
from patray.recipes.identity import pairs_hash
from patray.recipes.pairs import COUNTS, PAIRS, PairSet, make_pairs
from patray.recipes.read import change_recipe, find_recipe
from patray.recipes.record import HardNegatives, Relation
from patray.recipes.sift import KEPT

DOCUMENTS, FAMILIES, CODES = 40, 25, 30
KINDS: tuple[Relation, ...] = ("family", "citation", "text", "label")


def vector_of(text: str, role: str) -> np.ndarray:
    """(4,) float32 of small whole numbers, so that scores are exact and many are equal."""
    seed = int.from_bytes(f"{role} {text}".encode()[-7:], "little")
    return np.array([1, *np.random.default_rng(seed).integers(-2, 3, 3)], np.float32)


def mined(pairs: PairSet, options: HardNegatives, seed: int = 0, mask: tuple[Relation, ...] = KINDS[:3]) -> PairSet:
    ranked = {}
    for source in pairs.weights:
        pool = make_pool(pairs, source)
        anchors = np.array([vector_of(text, "query") for text in pool.anchors])
        positives = np.array([vector_of(text, "document") for text in pool.positives])
        ranked[source] = rank_pool(anchors, positives, options)
    return add_hard_negatives(pairs, ranked, options, seed, mask)


@dataclass(frozen=True)
class Made:
    """Pairs of two sources, and what is known of each document: a plain set or number each."""

    pairs: PairSet
    family: dict[str, int]
    texts: dict[str, set[str]]
    labels: dict[str, int]
    cited: set[frozenset[int]]


def make(seed: int, count: int = 60) -> Made:
    rng = np.random.default_rng(seed)
    ids = [f"d{at:02}" for at in range(DOCUMENTS)]
    family = rng.integers(0, FAMILIES, DOCUMENTS)
    family[-1] = FAMILIES - 1
    codes = rng.integers(0, CODES, (DOCUMENTS, 2))
    labels = rng.integers(0, 8, DOCUMENTS)
    cited = {frozenset(ends) for ends in rng.integers(0, FAMILIES, (40, 2)).tolist() if len(set(ends)) == 2}
    edges = sorted(a * FAMILIES + b for a in range(FAMILIES) for b in range(FAMILIES) if frozenset((a, b)) in cited)
    relations = Relations(
        np.array(ids), family.astype(np.int32), np.array(edges, np.int64), codes, labels[:, None].astype(np.uint64)
    )
    rows = []
    for source in ("one", "two"):
        for anchor, positive in rng.integers(0, DOCUMENTS, (count, 2)).tolist():
            rows.append(
                {
                    "anchor_id": ids[anchor], "positive_id": ids[positive], "anchor_family": str(family[anchor]),
                    "positive_family": str(family[positive]), "source": source, "anchor": f"t{codes[anchor, 0]}",
                    "positive": f"t{codes[positive, 1]}", "negative_ids": [], "negatives": [],
                }
            )  # fmt: skip
    counts = [{"source": source, "reason": KEPT, "pairs": count} for source in ("one", "two")]
    pairs = PairSet(
        pa.Table.from_pylist(rows, schema=PAIRS), pa.Table.from_pylist(counts, schema=COUNTS), relations,
        {"one": 1.0, "two": 1.0},
    )  # fmt: skip
    return Made(
        pairs,
        dict(zip(ids, family.tolist(), strict=True)),
        {name: {f"t{code}" for code in row} for name, row in zip(ids, codes.tolist(), strict=True)},
        dict(zip(ids, labels.tolist(), strict=True)),
        cited,
    )


def allowed(made: Made, source: str, options: HardNegatives, mask: tuple[Relation, ...]) -> list[dict[str, str]]:
    """For every pair of a source what may be drawn for it, text -> id, by loops over all texts."""
    rows = [row for row in made.pairs.table.to_pylist() if row["source"] == source]
    owner: dict[str, str] = {}
    for row in rows:
        owner.setdefault(row["positive"], row["positive_id"])
    texts = sorted(owner)
    found = []
    for row in rows:
        query = vector_of(row["anchor"], "query")
        scored = [(float(query @ vector_of(text, "document")), at) for at, text in enumerate(texts)]
        ranked = [texts[at] for _, at in sorted(scored, reverse=True)]
        anchor, positive = row["anchor_id"], row["positive_id"]
        free = {}
        for text in ranked[options.from_rank - 1 : options.to_rank]:
            other = owner[text]
            false = made.family[other] in (made.family[anchor], made.family[positive])
            false |= bool(made.texts[other] & (made.texts[anchor] | made.texts[positive]))
            false |= "citation" in mask and frozenset((made.family[anchor], made.family[other])) in made.cited
            false |= "label" in mask and bool(made.labels[anchor] & made.labels[other])
            if not false:
                free[text] = other
        found.append(free)
    return found


@given(
    seed=st.integers(0, 10_000),
    first=st.integers(1, 6),
    more=st.integers(0, 20),
    per_anchor=st.integers(1, 3),
    mask=st.sets(st.sampled_from(KINDS)),
)
@settings(max_examples=40, deadline=None)
def test_negatives_are_drawn_from_what_plain_loops_allow(
    seed: int, first: int, more: int, per_anchor: int, mask: set[Relation]
) -> None:
    made = make(seed)
    kinds = tuple(kind for kind in KINDS if kind in mask)
    options = HardNegatives(per_anchor=per_anchor, from_rank=first, to_rank=first + per_anchor - 1 + more)
    free = {source: allowed(made, source, options, kinds) for source in made.pairs.weights}
    if any(all(len(one) < per_anchor for one in of) for of in free.values()):
        with pytest.raises(InputError, match=rf"no pair has {per_anchor} negatives in ranks {first} to"):
            mined(made.pairs, options, seed, kinds)
        return
    got = mined(made.pairs, options, seed, kinds)
    assert got.table.schema == PAIRS
    assert got.table.select(PAIRS.names[:-2]).equals(made.pairs.table.select(PAIRS.names[:-2]))
    for source, of in free.items():
        rows = [row for row in got.table.to_pylist() if row["source"] == source]
        for row, one in zip(rows, of, strict=True):
            assert len(row["negatives"]) == min(per_anchor, len(one))
            assert len(set(row["negatives"])) == len(row["negatives"])
            assert [one.get(text) for text in row["negatives"]] == row["negative_ids"]
        short = sum(len(one) < per_anchor for one in of)
        counts = {row["reason"]: row["pairs"] for row in got.counts.to_pylist() if row["source"] == source}
        assert counts == {KEPT: len(of) - short} | ({SHORT: short} if short else {})


@pytest.mark.parametrize("name", ["R1", "R2", "R3", "R4", "sham"])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_negative_is_of_a_validation_or_test_family_by_id_family_or_text(
    name: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wild = make_wild(tmp_path_factory.mktemp("wild"), seed, patents=150)
    recipe = change_recipe(find_recipe(name), {"batch": 2, "mini_batch": 2, "seed": seed})
    pairs = make_pairs(wild.folder, recipe)
    got = mined(pairs, HardNegatives(per_anchor=2, from_rank=1, to_rank=60), seed, recipe.mask)
    foreign = wild.foreign_families()
    held = [one for one in wild.documents if wild.family_of(one) in foreign]
    ids = {one["patent_id"] for one in held}
    views = {SECTIONS[str(text)] for source in recipe.sources for text in (source.anchor, source.positive)}
    told = {folded(text_of(one, view)) for one in wild.documents if one["patent_id"] in ids for view in views}
    trained = {(row["source"], row["positive"]) for row in pairs.table.to_pylist()}
    negatives = 0
    for row in got.table.to_pylist():
        for id, text in zip(row["negative_ids"], row["negatives"], strict=True):
            assert id not in ids
            assert folded(text) not in told
            assert (row["source"], text) in trained
            negatives += 1
    assert negatives > pairs.table.num_rows
    for source in got.weights:
        reasons = {row["reason"]: row["pairs"] for row in got.counts.to_pylist() if row["source"] == source}
        assert reasons.pop("found") == sum(reasons.values())


def test_the_draw_is_that_of_its_seed_and_identifies_a_training() -> None:
    pairs, options = make(7).pairs, HardNegatives(per_anchor=1, from_rank=2, to_rank=20)
    one, again, other = (mined(pairs, options, seed) for seed in (1, 1, 2))
    assert pairs_hash(one) == pairs_hash(again)
    assert len({pairs_hash(pairs), pairs_hash(one), pairs_hash(other)}) == 3


def test_the_same_pairs_in_another_order_have_the_same_pool() -> None:
    pairs = make(3).pairs
    turned = replace(pairs, table=pairs.table.take(list(reversed(range(pairs.table.num_rows)))))
    one, other = (make_pool(each, "two") for each in (pairs, turned))
    assert (one.anchors, one.positives) == (other.anchors, other.positives)
    assert one.anchor_of.tolist() == other.anchor_of.tolist()[::-1]


def test_ranks_beyond_the_pool_are_refused_with_its_size(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one: no pair has 1 negatives in ranks 5000 to 5001 of \d+ texts; widen the"):
        mined(make(1).pairs, HardNegatives(from_rank=5000, to_rank=5001))
