"""Certificates: rounding is told from other vectors, whatever the vectors are."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.encoders.certificate import (
    LONGEST,
    SPREAD,
    Certificate,
    certificate_of,
    changed_versions,
    choose_pairs,
    choose_sample,
    compare_scores,
    compare_token_vectors,
    compare_vectors,
    count_changes,
    similarity_error,
)
from patray.encoders.token_vectors import TokenVectors
from patray.encoders.versions import ENCODERS, code_of, encoder_versions

THEN, NOW = {"torch": "1.0"}, {"torch": "2.0"}


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def vectors_of(seed: int, count: int = 96, width: int = 64) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, width)))


def names(count: int) -> list[str]:
    return [f"P{at}" for at in range(count)]


def certify(old: np.ndarray, new: np.ndarray, dtype: str = "float32") -> Certificate:
    return compare_vectors(names(len(old)), old, new, dtype, THEN, NOW)


@pytest.mark.parametrize(("dtype", "error"), [("float32", 1e-6), ("float16", 1e-3), ("bfloat16", 1e-2)])
@pytest.mark.parametrize("seed", range(5))
def test_rounding_of_the_dtype_is_certified(dtype: str, error: float, seed: int) -> None:
    old = vectors_of(seed, width=384)
    moved = np.random.default_rng(seed + 100).normal(size=old.shape) * error / np.sqrt(old.shape[1])
    found = certify(old, unit(old + moved), dtype)
    assert found.agrees, found.words
    assert found.neighbours_changed == 0


def test_the_same_vectors_have_no_changes_and_no_ties() -> None:
    found = certify(vectors_of(0), vectors_of(0))
    assert (found.agrees, found.neighbours_changed, found.near_ties, found.compared) == (True, 0, 0, 96)
    assert found.lowest_cosine == pytest.approx(1)


def test_one_text_with_another_vector_is_refused_and_named() -> None:
    old = vectors_of(1)
    new = old.copy()
    new[17] = vectors_of(2)[0]
    found = certify(old, new)
    assert not found.agrees
    assert found.worst == "P17"
    assert "(P17; at least 0.99999)" in found.words


def test_vectors_that_are_not_numbers_are_refused() -> None:
    old = vectors_of(1)
    new = old.copy()
    new[3] = np.nan
    assert not certify(old, new).agrees


def test_neighbours_that_change_by_more_than_rounding_are_refused_though_every_cosine_is_high() -> None:
    """The error is no rounding, which goes in all directions, but lies where the texts differ."""
    rng = np.random.default_rng(3)
    flat = [vectors_of(4, 96, 8), unit(vectors_of(4, 96, 8) + 0.001 * rng.normal(size=(96, 8)))]
    old, new = (np.pad(side, ((0, 0), (0, 4088))) for side in flat)
    found = certify(old, new)
    assert found.lowest_cosine is not None
    assert found.lowest_cosine > 0.99999
    assert found.neighbours_changed > 0
    assert not found.agrees


@given(st.integers(0, 10_000), st.integers(2, 30))
@settings(max_examples=30, deadline=None)
def test_changes_are_counted_as_by_hand(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    old, new = (rng.integers(0, 6, (count, count)) / 5 for _ in range(2))
    tie = 0.25
    expected = [0, 0]
    for at in range(count):
        others = [other for other in range(count) if other != at]
        stood, stands = (sorted(others, key=lambda other, side=side: -side[at, other]) for side in (old, new))  # type: ignore[misc]
        pairs = list(zip(stood, stands, strict=True))[:10]
        if any(a != b for a, b in pairs):
            expected[all(abs(old[at, a] - old[at, b]) <= tie for a, b in pairs)] += 1
    assert count_changes(old, new, tie) == tuple(expected)


def test_random_errors_move_similarities_as_far_as_the_formula_says() -> None:
    rng = np.random.default_rng(5)
    cosine, width = 0.9999, 256
    a, b = (unit(rng.normal(size=(4000, width))) for _ in range(2))
    moved = [unit(side + np.sqrt(2 * (1 - cosine) / width) * rng.normal(size=side.shape)) for side in (a, b)]
    assert float((moved[0] * a).sum(axis=1).mean()) == pytest.approx(cosine, abs=1e-5)
    gap = (moved[0] * moved[1]).sum(axis=1) - (a * b).sum(axis=1)
    assert float(gap.std()) == pytest.approx(similarity_error(cosine, width), rel=0.1)


@given(st.lists(st.integers(1, 50), max_size=300, unique=False))
@settings(max_examples=50, deadline=None)
def test_the_sample_is_fixed_by_the_data_has_the_longest_and_at_least_64_where_there_are(lengths: list[int]) -> None:
    ids = names(len(lengths))
    found = choose_sample(ids, np.array(lengths, dtype=np.int64))
    assert len(found) == len(set(found.tolist())) == min(len(ids), LONGEST + SPREAD)
    rest = np.setdiff1d(np.arange(len(ids)), found)
    longest = sorted(lengths, reverse=True)[:LONGEST]
    assert sorted([lengths[at] for at in found], reverse=True)[: len(longest)] == longest
    order = np.random.default_rng(0).permutation(len(ids))
    other = choose_sample([ids[at] for at in order], np.array([lengths[at] for at in order], dtype=np.int64))
    assert {ids[order[at]] for at in other} == {ids[at] for at in found}
    assert len(rest) == len(ids) - len(found)


def test_pairs_are_sampled_from_the_queries_with_the_longest_pairs_and_others() -> None:
    queries = [f"Q{at // 50}" for at in range(2000)]
    patents = [f"P{at % 50}" for at in range(2000)]
    lengths = np.arange(2000) % 97
    lengths[1234] = 500
    found = choose_pairs(queries, patents, lengths)
    assert 1234 in found
    asked = [queries[at] for at in found]
    assert len(found) == 128
    assert {asked.count(query) for query in set(asked)} == {8}


def token_vectors(seed: int, lengths: list[int], width: int = 32) -> TokenVectors:
    flat = vectors_of(seed, sum(lengths), width).astype(np.float16)
    return TokenVectors(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), flat)


def test_token_vectors_are_compared_token_by_token_and_by_maxsim() -> None:
    lengths = [3, 5, 2, 7, 4]
    old = token_vectors(0, lengths)
    rounded = TokenVectors(old.start, (old.vectors.astype(np.float32) * 1.0002).astype(np.float16))
    assert compare_token_vectors(names(5), old, rounded, "float32", THEN, NOW).agrees
    other = old.vectors.copy()
    other[9] = -other[9]
    found = compare_token_vectors(names(5), old, TokenVectors(old.start, other), "float32", THEN, NOW)
    assert not found.agrees
    assert (found.worst, found.lowest_cosine) == ("P2", pytest.approx(-1, abs=1e-3))


def test_a_text_with_another_number_of_token_vectors_is_refused() -> None:
    old, new = token_vectors(0, [3, 5, 2]), token_vectors(0, [3, 4, 3])
    found = compare_token_vectors(names(3), old, new, "float32", THEN, NOW)
    assert not found.agrees
    assert found.lowest_cosine == -1


def test_scores_are_compared_by_difference_and_by_order_within_a_query() -> None:
    queries, patents = ["Q1"] * 4 + ["Q2"] * 4, names(8)
    old = np.array([4, 3, 2, 1, 9, 5, 3, 0], np.float32)
    new = old + np.float32(0.001)
    assert compare_scores(queries, patents, old, new, "float32", THEN, NOW).agrees
    swapped = old.copy()
    swapped[[0, 1]] = swapped[[1, 0]]
    found = compare_scores(queries, patents, old, swapped, "bfloat16", THEN, NOW)
    assert not found.agrees
    assert (found.neighbours_changed, found.largest_difference, found.lowest_cosine) == (1, 1.0, None)
    near = np.array([4, 4.001, 2, 1, 9, 5, 3, 0], np.float32)
    found = compare_scores(queries, patents, near, near[[1, 0, 2, 3, 4, 5, 6, 7]], "float32", THEN, NOW)
    assert (found.agrees, found.near_ties) == (True, 1)


def test_a_certificate_survives_json() -> None:
    found = certify(vectors_of(0), vectors_of(0))
    assert certificate_of(json.loads(json.dumps(found.facts))) == found
    assert changed_versions({}, NOW) == "torch not recorded -> 2.0"


def test_versions_name_the_engine_what_is_behind_it_and_patrays_own_code() -> None:
    found = encoder_versions("sentence-transformers")
    assert set(found) == {ENCODERS, "sentence-transformers", "tokenizers", "torch", "transformers"}
    assert "vllm" in encoder_versions("vllm")
    assert all(found.values())


def test_the_hash_of_patrays_code_sees_what_runs_and_not_what_is_said() -> None:
    code = 'def f(x):\n    """Say."""\n    return x + 1  # why\n'
    assert code_of(code) == code_of("def f(x):\n    return (x\n      + 1)\n")
    assert code_of(code) != code_of("def f(x):\n    return x + 2\n")
    assert code_of('"""Only words."""\n') == code_of("pass\n")
