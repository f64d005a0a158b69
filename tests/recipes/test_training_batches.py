"""Which pairs a step sees, and at which rate it learns."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.errors import InputError
from patray.recipes.batches import batches, source_turns, text_codes, training_steps
from patray.recipes.schedule import rate_share
from tests.recipes.tiny_training import tiny_pairs


def first(count: int, *arguments: object, **keywords: object) -> list[np.ndarray]:
    return list(itertools.islice(batches(*arguments, **keywords), count))  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 3))
def test_no_batch_repeats_a_text_or_mixes_sources(seed: int, batch: int, sources: int) -> None:
    rng = np.random.default_rng(seed)
    source = np.arange(300) % sources
    anchor, positive = rng.integers(0, 40, 300), rng.integers(100, 140, 300)
    names, weights = [f"s{at}" for at in range(sources)], list(rng.uniform(0.5, 2, sources))
    for rows in first(30, source, anchor, positive, names, weights, batch, seed):
        assert len(rows) == len(set(anchor[rows])) == len(set(positive[rows])) == batch
        assert len(set(source[rows])) == 1


def test_a_pass_holds_every_pair_once_where_no_texts_repeat() -> None:
    everything = np.arange(60)
    made = first(12, np.zeros(60, int), everything, everything + 60, ["s"], [1.0], 10, 3)
    for start in (0, 6):
        assert sorted(np.concatenate(made[start : start + 6])) == list(range(60))
    assert not np.array_equal(made[0], made[6])


def test_batches_depend_on_seed_and_step_alone() -> None:
    pairs = np.arange(50)
    arguments = (pairs % 2, pairs, pairs + 50, ["a", "b"], [1.0, 2.0], 5)
    long, short = first(20, *arguments, 1), first(8, *arguments, 1)
    assert all(np.array_equal(a, b) for a, b in zip(long, short, strict=False))
    assert not all(np.array_equal(a, b) for a, b in zip(long, first(8, *arguments, 2), strict=False))


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=6), st.integers(1, 200))
def test_sources_never_stray_from_their_share_by_more_than_their_number(weights: list[float], steps: int) -> None:
    taken = np.bincount(list(itertools.islice(source_turns(weights), steps)), minlength=len(weights))
    assert np.abs(taken - steps * np.array(weights) / sum(weights)).max() <= len(weights)
    assert taken.sum() == steps


def test_a_source_that_cannot_fill_a_batch_is_named_with_how_many_it_has() -> None:
    few = np.arange(4)
    with pytest.raises(InputError, match="source s has 4 pairs, fewer than one batch of 5"):
        first(1, np.zeros(4, int), few, few + 9, ["s"], [1.0], 5, 0)
    alike = np.array([0, 0, 0, 1, 1, 1])
    with pytest.raises(InputError, match="only 2 of its 6 pairs are"):
        first(1, np.zeros(6, int), alike, np.arange(6) + 9, ["s"], [1.0], 3, 0)


def test_equal_texts_have_equal_codes_over_both_columns() -> None:
    table = tiny_pairs(6).table
    table = table.set_column(table.column_names.index("positive"), "positive", table["anchor"].take([5, 4, 3, 2, 1, 0]))
    anchor, positive = text_codes(table)
    assert positive.tolist() == anchor[::-1].tolist()
    assert len(set(anchor)) == 6


def test_steps_follow_from_epochs_or_are_given() -> None:
    assert training_steps(1000, 64, 2.0, None) == 31
    assert training_steps(1000, 64, None, 7) == 7
    assert training_steps(10, 64, 1.0, None) == 1


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant"])
@given(st.integers(1, 500), st.floats(0, 0.9))
def test_the_rate_rises_then_never_rises_again_and_stays_within_its_bounds(
    kind: str, steps: int, warmup_share: float
) -> None:
    rates = [rate_share(step, steps, warmup_share, kind) for step in range(steps)]  # type: ignore[arg-type]
    top = int(np.argmax(rates))
    assert all(0 < rate <= 1 for rate in rates)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    if kind == "constant":
        assert rates[-1] == rates[top]


def test_the_linear_rate_is_that_of_transformers_after_the_warm_up() -> None:
    torch = pytest.importorskip("torch")
    from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

    for kind, make in (("linear", get_linear_schedule_with_warmup), ("cosine", get_cosine_schedule_with_warmup)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
        schedule = make(optimizer, 10, 100)
        for step in range(100):
            if step >= 10:
                assert rate_share(step, 100, 0.1, kind) == pytest.approx(schedule.get_last_lr()[0])  # type: ignore[arg-type]
            optimizer.step()
            schedule.step()
