"""Batches and windows are decided by the data alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from patray.encoders.batching import token_budget_batches
from patray.encoders.windows import ViewIndex, digests, plan_windows


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 1000))
def test_batches_cover_every_input_once_longest_first_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = token_budget_batches(np.array(lengths, dtype=np.int64), budget)
    flat = [int(i) for batch in batches for i in batch]
    assert sorted(flat) == list(range(len(lengths)))
    assert [lengths[i] for i in flat] == sorted(lengths, reverse=True)
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget


def make_index(texts: list[str], rows_per_part: int) -> ViewIndex:
    position = np.arange(len(texts))
    return ViewIndex(
        parts=tuple(f"patents/part-{i:05d}.parquet" for i in range(len(texts) // rows_per_part + 1)),
        ids=np.array([f"P{i}" for i in position], dtype=object),
        digest=digests(texts),
        empty=np.array([not text for text in texts], dtype=bool),
        part=(position // rows_per_part).astype(np.int32),
        row=(position % rows_per_part).astype(np.int32),
        external=np.zeros(len(texts), dtype=bool),
    )


@given(st.lists(st.sampled_from("abcdef"), max_size=40), st.integers(1, 7), st.data())
def test_every_chosen_patent_gets_the_vector_of_its_own_text_and_no_text_is_encoded_twice(
    texts: list[str], rows_per_part: int, data: st.DataObject
) -> None:
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))), dtype=bool)
    windows = plan_windows(make_index(texts, rows_per_part), chosen)
    encoded, owners = [], {}
    for window in windows:
        part = int(window.source.split("-")[1].split(".")[0])
        for row, members in zip(window.rows, window.members, strict=True):
            text = texts[part * rows_per_part + int(row)]
            encoded.append(text)
            for patent in members:
                assert patent not in owners
                owners[patent] = text
    assert owners == {f"P{i}": texts[i] for i in np.flatnonzero(chosen)}
    assert len(encoded) == len(set(encoded))


def test_the_inputs_hash_changes_with_a_text_an_id_and_the_choice() -> None:
    one = make_index(["a", "b"], 2)
    everything = np.array([True, True])
    base = one.inputs_hash(everything)
    assert base == make_index(["a", "b"], 1).inputs_hash(everything)
    assert base != make_index(["a", "c"], 2).inputs_hash(everything)
    assert base != one.inputs_hash(np.array([True, False]))
