"""Hard negatives come from the stated ranks of the base, never from what is related to the pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from wild_landscapes import make_wild

from patray.errors import InputError
from patray.recipes.false_negatives import related
from patray.recipes.hard_negatives import SHORT, add_hard_negatives, make_pool, rank_pool
from patray.recipes.pairs import PAIRS, PairSet, make_pairs
from patray.recipes.read import change_recipe, find_recipe
from patray.recipes.record import HardNegatives


def unit(rows: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def mined(pairs: PairSet, options: HardNegatives, seed: int = 0) -> PairSet:
    ranked = {}
    for source in pairs.weights:
        pool = make_pool(pairs, source)
        ranked[source] = rank_pool(unit(len(pool.anchors), 1), unit(len(pool.positives), 2), options)
    return add_hard_negatives(pairs, ranked, options, seed)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairSet:
    wild = make_wild(tmp_path_factory.mktemp("wild"), 3, patents=150)
    return make_pairs(wild.folder, change_recipe(find_recipe("R4"), {"batch": 2, "mini_batch": 2}))


def test_negatives_stand_in_the_ranks_asked_for_and_are_unrelated_to_their_pair(pairs: PairSet) -> None:
    options = HardNegatives(per_anchor=2, from_rank=3, to_rank=14)
    got = mined(pairs, options)
    assert got.table.schema == PAIRS
    assert got.table.num_rows > 0
    texts = {row["positive"]: row["positive_id"] for row in pairs.table.to_pylist()}
    for source in got.weights:
        pool = make_pool(pairs, source)
        queries, documents = unit(len(pool.anchors), 1), unit(len(pool.positives), 2)
        for row in (row for row in got.table.to_pylist() if row["source"] == source):
            scores = documents @ queries[pool.anchors.index(row["anchor"])]
            best = [pool.positives[at] for at in np.argsort(-scores, kind="stable")[2:14]]
            assert len(set(row["negatives"])) == 2
            assert {*row["negatives"]} <= {*best}
            rows = pairs.relations.rows(row["negative_ids"])
            for side in ("anchor_id", "positive_id"):
                own = pairs.relations.rows([row[side]])
                assert not related(pairs.relations, own, rows, ("family", "text")).any()
            anchor = pairs.relations.rows([row["anchor_id"]])
            assert not related(pairs.relations, anchor, rows, ("citation",)).any()
            assert all(text in texts for text in row["negatives"])


def test_pairs_with_too_few_negatives_are_counted(pairs: PairSet) -> None:
    got = mined(pairs, HardNegatives(per_anchor=1, from_rank=1, to_rank=1))
    counts = {(row["source"], row["reason"]): row["pairs"] for row in got.counts.to_pylist()}
    lost = [n for (_, reason), n in counts.items() if reason == SHORT]
    assert sum(lost) == pairs.table.num_rows - got.table.num_rows > 0
    for source in got.weights:
        reasons = {reason: n for (name, reason), n in counts.items() if name == source}
        assert reasons.pop("found") == sum(reasons.values())


def test_the_draw_is_that_of_its_seed(pairs: PairSet) -> None:
    options = HardNegatives(per_anchor=1, from_rank=2, to_rank=20)
    assert mined(pairs, options, 1).table.equals(mined(pairs, options, 1).table)
    assert not mined(pairs, options, 1).table.equals(mined(pairs, options, 2).table)


def test_ranks_beyond_the_pool_are_refused_with_its_size(tmp_path: Path, pairs: PairSet) -> None:
    with pytest.raises(InputError, match=r"has 1 negatives in ranks 5000 to 5001 of \d+ texts; widen the range"):
        mined(pairs, HardNegatives(from_rank=5000, to_rank=5001))
