"""The store's rankings for hard negatives: what decides their key, and that pairs are drawn once all are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patray.errors import InputError
from patray.files import Folder
from patray.recipes.hard_negatives import add_hard_negatives, make_pool
from patray.recipes.record import HardNegatives, Recipe
from patray.steps.mined import Ranker, as_trained, draw_mined, save_ranks
from tests.recipes.tiny_bases import tiny_record
from tests.recipes.tiny_training import tiny_pairs, tiny_recipe

OPTIONS = HardNegatives(from_rank=2, to_rank=9)


def recipe(**changes: Any) -> Recipe:
    return tiny_recipe(hard_negatives=OPTIONS.model_dump(), **changes)


def ranker(**changes: Any) -> Ranker:
    return Ranker(as_trained(tiny_record(**changes), recipe()), "sentence-transformers", None, "home")


def test_what_decides_a_ranking_decides_its_key(tmp_path: Path) -> None:
    store, pool = Folder.at(tmp_path), make_pool(tiny_pairs(), "citations")
    key = ranker().folder(pool, OPTIONS, store)
    prompts = {"document": "", "query": "find: ", "origin": "this test"}
    shorter = replace(ranker(), record=as_trained(tiny_record(), recipe(max_tokens=12)))
    others = [
        ranker(revision="0" * 40), ranker(prompts=prompts), shorter, replace(ranker(), content="other files"),
        replace(ranker(), engine="vllm"), replace(ranker(), home="abroad"),
    ]  # fmt: skip
    assert len({str(other.folder(pool, OPTIONS, store)) for other in others} | {str(key)}) == len(others) + 1
    assert ranker().folder(make_pool(tiny_pairs(59), "citations"), OPTIONS, store) != key
    assert ranker().folder(pool, OPTIONS.model_copy(update={"to_rank": 10}), store) != key
    drawn_otherwise = OPTIONS.model_copy(update={"from_rank": 3, "per_anchor": 4})
    assert ranker().folder(pool, drawn_otherwise, store) == key


@pytest.mark.parametrize("mask", [(), ("family", "citation", "text")])
def test_pairs_are_drawn_from_the_ranking_that_was_saved(mask: tuple[str, ...], tmp_path: Path) -> None:
    store, pairs, asked = Folder.at(tmp_path), tiny_pairs(), recipe(mask=list(mask), seed=3)
    assert draw_mined(pairs, tiny_recipe(), ranker(), store) is pairs
    assert draw_mined(pairs, asked, ranker(), store) is None
    pool = make_pool(pairs, "citations")
    order = np.random.default_rng(0).permuted(np.tile(np.arange(60, dtype=np.int32), (60, 1)), axis=1)
    save_ranks(ranker().folder(pool, OPTIONS, store), order[:, :9], {})
    got = draw_mined(pairs, asked, ranker(), store)
    assert got is not None
    wanted = add_hard_negatives(pairs, {"citations": order[:, :9]}, OPTIONS, 3, mask)
    assert got.table.equals(wanted.table)
    assert got.counts.equals(wanted.counts)


def test_a_range_that_gives_no_pair_its_negatives_is_told_with_home_and_recipe(tmp_path: Path) -> None:
    store, pool = Folder.at(tmp_path), make_pool(tiny_pairs(), "citations")
    save_ranks(ranker().folder(pool, OPTIONS, store), np.full((60, 9), -1, np.int32), {})
    with pytest.raises(InputError, match=r"home: recipe R1: hard_negatives: source citations: no pair has 1 negatives"):
        draw_mined(tiny_pairs(), recipe(), ranker(), store)
