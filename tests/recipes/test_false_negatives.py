"""The mask against a plain loop over rows, and what it must never do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wild_landscapes import SECTIONS, Wild, folded, make_wild, text_of

from patray.errors import InputError
from patray.recipes.false_negatives import Relations, false_negatives, mask, related
from patray.recipes.pairs import make_pairs
from patray.recipes.read import change_recipe, find_recipe

KINDS = ("family", "citation", "text", "label")
some_kinds = st.lists(st.sampled_from(KINDS), unique=True)


@st.composite
def relations(draw: st.DrawFn) -> Relations:
    n = draw(st.integers(1, 12))
    family = np.unique(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), return_inverse=True)[1]
    families = family.max() + 1
    edges = draw(st.lists(st.tuples(st.integers(0, families - 1), st.integers(0, families - 1)), max_size=8))
    both = {(a, b) for a, b in edges if a != b} | {(b, a) for a, b in edges if a != b}
    texts = draw(st.lists(st.integers(-1, 6), min_size=2 * n, max_size=2 * n))
    bits = draw(st.lists(st.sampled_from([0, 1, 2, 3, 2**63, 2**63 + 1]), min_size=2 * n, max_size=2 * n))
    return Relations(
        ids=np.array(sorted(f"P{number}" for number in range(n))),
        family=family.astype(np.int32),
        citations=np.array(sorted(a * families + b for a, b in both), np.int64),
        texts=np.array(texts, np.int64).reshape(n, 2),
        labels=np.array(bits, np.uint64).reshape(n, 2),
    )


def loop(known: Relations, anchor: int, positive: int, candidate: int, kinds: list[str]) -> bool:
    """Whether the candidate is a false negative, one rule after the other."""

    def text_in_common(a: int, b: int) -> bool:
        return bool({*known.texts[a].tolist()} & {*known.texts[b].tolist()} - {-1})

    key = int(known.family[anchor]) * known.families + int(known.family[candidate])
    return (
        ("family" in kinds and known.family[candidate] in (known.family[anchor], known.family[positive]))
        or ("citation" in kinds and key in known.citations.tolist())
        or ("text" in kinds and (text_in_common(anchor, candidate) or text_in_common(positive, candidate)))
        or (
            "label" in kinds
            and any(int(x) & int(y) for x, y in zip(known.labels[anchor], known.labels[candidate], strict=True))
        )
    )


@given(known=relations(), kinds=some_kinds, data=st.data())
def test_the_mask_is_that_of_a_plain_loop(known: Relations, kinds: list[str], data: st.DataObject) -> None:
    row = st.integers(0, len(known.ids) - 1)
    pairs = data.draw(st.lists(st.tuples(row, row), min_size=1, max_size=8))
    negatives = data.draw(st.lists(st.lists(row, max_size=2), min_size=len(pairs), max_size=len(pairs)))
    batch = pa.table(
        {
            "anchor_id": [known.ids[a] for a, _ in pairs],
            "positive_id": [known.ids[p] for _, p in pairs],
            "negative_ids": pa.array([[known.ids[one] for one in ones] for ones in negatives], pa.list_(pa.string())),
        }
    )
    candidates = [p for _, p in pairs] + [one for ones in negatives for one in ones]
    got = mask(batch, known, kinds)
    for i, (a, p) in enumerate(pairs):
        assert got[i].tolist() == [i != j and loop(known, a, p, c, kinds) for j, c in enumerate(candidates)]
    assert not got.diagonal().any()


@given(known=relations(), kinds=some_kinds, data=st.data())
def test_a_worker_sees_the_rows_of_the_whole_mask_that_are_its_own(
    known: Relations, kinds: list[str], data: st.DataObject
) -> None:
    row = st.integers(0, len(known.ids) - 1)
    pairs = data.draw(st.lists(st.tuples(row, row), min_size=2, max_size=8))
    anchors, positives = (known.ids[[pair[side] for pair in pairs]] for side in (0, 1))
    whole = false_negatives(known, anchors, positives, positives, np.arange(len(pairs)), kinds)
    half = np.arange(len(pairs) // 2, len(pairs))
    assert np.array_equal(false_negatives(known, anchors[half], positives[half], positives, half, kinds), whole[half])


@given(known=relations(), kinds=some_kinds)
def test_related_is_symmetric_and_knows_a_document_as_its_own_relative(known: Relations, kinds: list[str]) -> None:
    rows = np.arange(len(known.ids))
    whole = related(known, rows[:, None], rows[None, :], kinds)
    assert np.array_equal(whole, whole.T)
    if "family" in kinds:
        assert whole.diagonal().all()
    expected = [[loop(known, a, a, b, kinds) for b in rows.tolist()] for a in rows.tolist()]
    assert whole.tolist() == expected


def test_an_id_of_no_pair_is_refused_by_name() -> None:
    known = Relations(np.array(["A"]), np.zeros(1, np.int32), np.zeros(0, np.int64), np.zeros((1, 1), np.int64),
                      np.zeros((1, 1), np.uint64))  # fmt: skip
    with pytest.raises(InputError, match="'B' is in no pair of this set"):
        false_negatives(known, ["A"], ["B"], ["B"], np.arange(1), KINDS)


def facts(wild: Wild, views: list[tuple[str, ...]]) -> tuple[dict[str, str], set[frozenset[str]], dict[str, set[str]]]:
    """Family group of each id, pairs of groups joined by a citation, folded texts of each id."""
    by_id = {one["patent_id"]: one for one in wild.documents}
    group = {id: wild.group_of(id) for id in by_id}
    joined = {frozenset((group[a], group[b])) for a, b in wild.citations if group[a] != group[b]}
    texts = {id: {folded(text_of(one, view)) for view in views} - {""} for id, one in by_id.items()}
    return group, joined, texts


@pytest.mark.parametrize("name", ["R1", "R3"])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_mask_of_a_landscape_follows_its_files(
    name: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wild = make_wild(tmp_path_factory.mktemp("wild"), seed)
    recipe = change_recipe(find_recipe(name), {"batch": 2, "mini_batch": 2})
    pairs = make_pairs(wild.folder, recipe)
    source = recipe.sources[0]
    views = [SECTIONS[str(text)] for text in (source.anchor, source.positive)]
    group, joined, texts = facts(wild, views)
    table = pairs.table.slice(0, 40)
    got = mask(table, pairs.relations, recipe.mask)
    assert len(set(pairs.relations.ids.tolist())) == len(pairs.relations.ids)
    rows = list(zip(table["anchor_id"].to_pylist(), table["positive_id"].to_pylist(), strict=True))
    for i, (anchor, positive) in enumerate(rows):
        for j, (_, other) in enumerate(rows):
            same = group[other] in (group[anchor], group[positive])
            cited = frozenset((group[anchor], group[other])) in joined
            told = bool(texts[other] & (texts[anchor] | texts[positive]))
            assert got[i, j] == (i != j and (same or cited or told)), (anchor, positive, other)
    if name == "R1":
        assert got.any()


def test_without_a_mask_nothing_is_masked(tmp_path: Path) -> None:
    pairs = make_pairs(make_wild(tmp_path, 1).folder, change_recipe(find_recipe("R1"), {"batch": 2, "mini_batch": 2}))
    assert not mask(pairs.table, pairs.relations, ()).any()
    assert mask(pairs.table, pairs.relations, ("citation",)).any()


def test_citations_of_r1_are_often_in_batch_negatives_and_of_r3_rarely(real_landscapes: Path, tmp_path: Path) -> None:
    from patray.files import Folder
    from patray.landscapes.validate import prepare

    prepared = prepare(Folder.at(real_landscapes / "ultrasound"), Folder.at(tmp_path / "clean"), "ultrasound").folder
    hit = {}
    for name in ("R1", "R3"):
        pairs = make_pairs(prepared, change_recipe(find_recipe(name), {"batch": 64}))
        hit[name] = mask(pairs.table.slice(0, 64), pairs.relations, ("citation",)).any(axis=1).mean()
    assert hit["R1"] > hit["R3"] > 0
