"""A training is watched by validation families alone, and by the numbers that a plain loop gives."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wild_landscapes import SECTIONS, folded, make_wild, text_of

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.validate import prepare
from patray.recipes.false_negatives import mask
from patray.recipes.pairs import make_pairs
from patray.recipes.read import change_recipe, find_recipe
from patray.recipes.validation import Loss, Retrieval, make_validation

SMALL = {"batch": 4, "mini_batch": 4}


def unit(rows: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, 6))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@given(seed=st.integers(0, 10_000), by_qrels=st.booleans(), most=st.sampled_from([10, 30, None]))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_validation_retrieval_holds_nothing_of_a_test_family_and_asks_by_validation_families(
    seed: int, by_qrels: bool, most: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wild = make_wild(tmp_path_factory.mktemp("wild"), seed, patents=120, by_qrels=by_qrels)
    recipe = change_recipe(find_recipe("R3"), {**SMALL, "validation_queries": 8, "validation_corpus": most})
    found = make_validation(wild.folder, recipe)
    assert isinstance(found.by, Retrieval)
    not_validation, not_train = wild.foreign_families("validation"), wild.foreign_families("train")
    test = not_validation & not_train
    assert 0 < len(found.queries) <= 8
    by_id = {one["patent_id"]: one for one in wild.documents}
    for id, text in zip(found.query_ids, found.queries, strict=True):
        assert wild.family_of(by_id[id]) not in not_validation
        assert text == text_of(by_id[id], SECTIONS["ta"])
    patents = {one["patent_id"]: one for one in wild.patents}
    for id, text in zip(found.document_ids, found.documents, strict=True):
        assert wild.family_of(patents[id]) not in test
        assert text
        assert text_of(patents[id], SECTIONS["ta"]) == text or by_id[id] is not patents[id]
    assert list(found.document_ids) == sorted(found.document_ids)
    # The relevant pairs are all those of the chosen queries.
    said = [(q, p) for q, p, grade in wild.qrels if grade > 0] if by_qrels else wild.citations
    usable = {id for id, one in patents.items() if wild.family_of(one) not in test and text_of(one, SECTIONS["ta"])}
    wanted = {
        (q, p)
        for q, p in said
        if q in found.query_ids and p in usable and p in patents and q != p
        and wild.family_of(by_id[q]) != wild.family_of(patents[p])
    }  # fmt: skip
    got = {(found.query_ids[q], found.document_ids[p]) for q, p in zip(found.by.query, found.by.document, strict=True)}
    assert got == wanted
    if most is not None:
        assert len(found.documents) <= max(most, len({p for _, p in wanted}))


def test_the_score_is_the_mean_ndcg_of_a_plain_loop(tmp_path: Path) -> None:
    wild = make_wild(tmp_path, 3, patents=150)
    found = make_validation(wild.folder, change_recipe(find_recipe("R3"), SMALL))
    assert isinstance(found.by, Retrieval)
    queries, documents = unit(len(found.queries), 1), unit(len(found.documents), 2)
    relevant = list(zip(found.by.query.tolist(), found.by.document.tolist(), strict=True))
    hidden = {tuple(pair) for pair in found.by.excluded.tolist()}
    family = {one["patent_id"]: wild.group_of(one["patent_id"]) for one in wild.documents}
    assert hidden == {
        (q, d)
        for q, query in enumerate(found.query_ids)
        for d, document in enumerate(found.document_ids)
        if query == document or family[query] == family[document]
    }
    values = []
    for q in range(len(queries)):
        scores = documents.astype(np.float64) @ queries[q]
        ranked = [d for d in np.argsort(-scores) if (q, d) not in hidden][:10]
        gain = sum(1 / math.log2(rank + 2) for rank, d in enumerate(ranked) if (q, d) in relevant)
        n = sum(1 for one, _ in relevant if one == q)
        values.append(gain / sum(1 / math.log2(rank + 2) for rank in range(min(n, 10))))
    assert found.score(queries, documents) == pytest.approx(np.mean(values), abs=1e-9)


def test_the_loss_is_that_of_a_plain_loop_over_batches(tmp_path: Path) -> None:
    wild = make_wild(tmp_path, 3, patents=150)
    recipe = change_recipe(find_recipe("R1"), {**SMALL, "select_by": "loss"})
    found = make_validation(wild.folder, recipe)
    assert isinstance(found.by, Loss)
    table = found.by.pairs.table
    assert {*table["anchor_family"].to_pylist()} & wild.foreign_families("validation") == set()
    anchors, positives = unit(len(found.queries), 1), unit(len(found.documents), 2)
    total = 0.0
    for start in range(0, len(anchors), 4):
        rows = range(start, min(start + 4, len(anchors)))
        hidden = mask(table.slice(start, 4), found.by.pairs.relations, recipe.mask)
        for i, a in enumerate(rows):
            kept = [float(anchors[a] @ positives[p]) / 0.05 for j, p in enumerate(rows) if not hidden[i, j]]
            total += math.log(sum(math.exp(one) for one in kept)) - float(anchors[a] @ positives[a]) / 0.05
    assert found.score(anchors, positives) == pytest.approx(total / len(anchors), rel=1e-5)
    assert found.score(anchors, anchors) < found.score(anchors, positives)


def test_every_recipe_and_seed_is_watched_by_the_same_queries_and_documents(tmp_path: Path) -> None:
    wild = make_wild(tmp_path, 3, patents=150)
    small = {**SMALL, "validation_queries": 5, "validation_corpus": 40}
    first = make_validation(wild.folder, change_recipe(find_recipe("R3"), {**small, "seed": 1}))
    other = make_validation(wild.folder, change_recipe(find_recipe("R1"), {**small, "seed": 2}))
    assert (first.query_ids, first.document_ids) == (other.query_ids, other.document_ids)


def test_no_validation_query_is_in_a_training_pair_of_a_real_landscape(real_landscapes: Path, tmp_path: Path) -> None:
    prepared = prepare(Folder.at(real_landscapes / "ultrasound"), Folder.at(tmp_path / "clean"), "ultrasound").folder
    recipe = change_recipe(find_recipe("R1"), {"batch": 64})
    table = make_pairs(prepared, recipe).table
    found = make_validation(prepared, recipe)
    assert len(found.queries) == 200
    trained = {*table["anchor_id"].to_pylist(), *table["positive_id"].to_pylist()}
    told = {folded(text) for side in ("anchor", "positive") for text in table[side].to_pylist()}
    assert not trained & {*found.query_ids}
    assert not told & {folded(text) for text in found.queries}


def test_a_landscape_without_citations_says_what_else_to_watch(real_landscapes: Path, tmp_path: Path) -> None:
    prepared = prepare(Folder.at(real_landscapes / "a61"), Folder.at(tmp_path / "clean"), "a61").folder
    with pytest.raises(InputError, match=r"neither qrels.parquet nor citations.parquet; .* set `select_by: loss`"):
        make_validation(prepared, find_recipe("R2"))
    found = make_validation(prepared, change_recipe(find_recipe("R2"), {"select_by": "loss", "validation_corpus": 50}))
    assert len(found.queries) == 50
