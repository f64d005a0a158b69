"""max-T against plain loops, against the test of one comparison, and by simulation."""

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.errors import InputError
from patray.measures.classification import label_counts, macro_f1
from patray.statistics.bootstrap import CountStatistic, count_matrix, jackknife_error, shift_p
from patray.statistics.corrections import holm
from patray.statistics.max_t import Null, flip_null, max_t, max_t_of, shift_null, swap_null
from patray.statistics.paired import Flips, Swaps, flip_test, paired_tests, swap_test
from patray.statistics.resample import Families, Weights, bootstrap_weights, group_families, leave_out, recompute


def pairs_of(systems: int) -> np.ndarray:
    return np.array(list(combinations(range(systems), 2)))


def scores(seed: int, n: int, systems: int, effects: np.ndarray | float = 0.0) -> np.ndarray:
    """Scores with ties, as measures have, of queries that are easy or hard for all systems."""
    generator = np.random.default_rng(seed)
    return np.round(generator.normal(size=(n, 1)) + 0.7 * generator.normal(size=(n, systems)), 1) + effects


def plain_t(values: np.ndarray, families: Families, pairs: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """|t| (B, P) of every pair under every sign vector, one after another."""
    found = np.empty((len(signs), len(pairs)))
    for column, (a, b) in enumerate(pairs):
        sums = families.sums(values[:, a] - values[:, b])
        length = np.sqrt(np.sum(sums**2))
        for row, sign in enumerate(signs):
            z = 0.0 if length < 1e-9 else np.sum(sign * sums) / length
            found[row, column] = abs(z) * np.sqrt((len(sums) - 1) / max(len(sums) - z**2, 1e-9))
    return found


def plain_step_down(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Romano and Wolf 2016, with one loop a hypothesis: its p is of the largest of those that are no larger than it."""
    order = np.argsort(-observed, kind="stable")
    p, before = np.empty(len(observed)), 0.0
    for at, hypothesis in enumerate(order):
        largest = null[:, order[at:]].max(axis=1)
        before = max(before, (1 + np.sum(largest >= observed[hypothesis] - 1e-9)) / (1 + len(null)))
        p[hypothesis] = before
    return p


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(8, 40),
    systems=st.integers(2, 5),
    size=st.integers(1, 3),
    hurt=st.booleans(),
)
def test_step_down_p_is_that_of_plain_loops(seed: int, n: int, systems: int, size: int, hurt: bool) -> None:
    values = scores(seed, n, systems, np.linspace(0, 0.8, systems))
    if hurt:
        values[:, 0] = values[:, 1]
    families, pairs, flips = group_families(np.arange(n) // size), pairs_of(systems), Flips(-(-n // size), 60, seed)
    signs = np.concatenate([block.rows for block in flips.sample()])
    null = plain_t(values, families, pairs, signs)
    observed = plain_t(values, families, pairs, np.ones((1, families.count)))[0]
    found = max_t([flip_null(values, families, pairs, flips)])
    np.testing.assert_allclose(found.p, plain_step_down(observed, null), atol=1e-12)
    assert found.critical == pytest.approx(np.quantile(null.max(axis=1), 0.95, method="higher"))


def test_comparisons_on_several_sets_of_items_are_one_family() -> None:
    """Rows of the nulls are joint draws: p over two landscapes is that of their columns side by side."""
    pairs, parts, nulls = pairs_of(3), [], []
    for seed, n in ((1, 30), (2, 47)):
        values, families, flips = (
            scores(seed, n, 3, np.array([0, 0.3, 0.6])),
            group_families(np.arange(n)),
            Flips(n, 99, 0),
        )
        signs = np.concatenate([block.rows for block in flips.sample()])
        parts.append((plain_t(values, families, pairs, np.ones((1, n)))[0], plain_t(values, families, pairs, signs)))
        nulls.append(flip_null(values, families, pairs, flips))
    observed, null = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
    np.testing.assert_allclose(max_t(nulls).p, plain_step_down(observed, null), atol=1e-12)
    with pytest.raises(InputError, match=r"\[98, 99\]"):
        max_t([nulls[0], Null(observed, 98, 1024, nulls[1].blocks)])


def test_the_p_of_a_single_comparison_is_that_of_the_flip_test_and_its_statistic_is_the_paired_t() -> None:
    values, families = scores(5, 60, 2, np.array([0.2, 0.0])), group_families(np.arange(60))
    flips, pair = Flips(60, 400, 3), np.array([[0, 1]])
    null = flip_null(values, families, pair, flips)
    tests = paired_tests(values, families, pair)
    assert null.observed[0] == pytest.approx(tests.diff[0] / tests.standard_error[0])
    assert max_t([null]).p[0] == flip_test(values, families, pair, flips)[0]


def test_a_family_of_66_systems_sees_a_difference_that_holm_cannot_see_on_the_same_flips() -> None:
    effects = np.zeros(66)
    effects[0] = 3.0
    values, families, pairs = scores(0, 80, 66, effects), group_families(np.arange(80)), pairs_of(66)
    flips = Flips(80, 400, 0)
    found = max_t([flip_null(values, families, pairs, flips)])
    apart = (pairs == 0).any(axis=1)
    assert (found.p[apart] == 1 / 401).all()
    assert (holm(flip_test(values, families, pairs, flips)) == 1.0).all()
    assert (found.p[~apart] > 0.05).all()


def test_false_alarms_stay_below_five_percent_and_simultaneous_intervals_hold_all_differences() -> None:
    """150 data sets of 10 systems, 6 of them equal: the bounds are those of a binomial at 3.5 standard errors."""
    effects, pairs = np.array([0, 0, 0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8]), pairs_of(10)
    equal = effects[pairs[:, 0]] == effects[pairs[:, 1]]
    truth = effects[pairs[:, 0]] - effects[pairs[:, 1]]
    alarms, held, ours, theirs = 0, 0, 0, 0
    for seed in range(150):
        values, families, flips = scores(seed, 40, 10, effects), group_families(np.arange(40)), Flips(40, 499, seed)
        found = max_t([flip_null(values, families, pairs, flips)])
        tests = paired_tests(values, families, pairs)
        alarms += bool((found.p[equal] < 0.05).any())
        held += bool((np.abs(tests.diff - truth) <= found.reach * tests.standard_error).all())
        ours += int((found.p[~equal] < 0.05).sum())
        theirs += int((holm(flip_test(values, families, pairs, flips))[~equal] < 0.05).sum())
    assert alarms <= 150 * 0.05 + 3.5 * np.sqrt(150 * 0.05 * 0.95)
    assert held >= 150 * 0.95 - 3.5 * np.sqrt(150 * 0.05 * 0.95)
    assert ours > theirs


def test_equal_systems_are_never_apart_and_a_statistic_without_a_value_is_no_member() -> None:
    values = np.repeat(scores(0, 40, 1), 2, axis=1)
    null = flip_null(values, group_families(np.arange(40)), np.array([[0, 1]]), Flips(40, 200, 0))
    assert max_t([null]).p.tolist() == [1.0]
    missing = Null(np.array([np.nan]), 200, 1024, lambda rows: iter([(np.full((200, 1), np.nan),) * 2]))
    assert np.isnan(max_t([missing]).p).all()
    assert np.isnan(max_t([]).critical)


def labelled(seed: int, items: int = 60, labels: int = 4) -> tuple[list[list[CountStatistic]], Families]:
    """Three systems' predictions, each worse than the one before."""
    generator = np.random.default_rng(seed)
    truth = generator.random((items, labels)) < 0.4
    families = group_families(np.arange(items))

    def function(totals: np.ndarray) -> np.ndarray:
        return macro_f1(totals[..., :labels], totals[..., labels : 2 * labels], totals[..., 2 * labels :])

    systems = []
    for noise in (0.05, 0.2, 0.4):
        predicted = truth ^ (generator.random(truth.shape) < noise)
        cells, drawn = [], []
        for kind, part in enumerate((truth & predicted, ~truth & predicted, truth & ~predicted)):
            item, label = np.nonzero(part)
            cells.append(kind * labels + label)
            drawn.append(item)
        matrix = count_matrix(np.concatenate(cells), np.concatenate(drawn), (3 * labels, items))
        assert label_counts(truth, predicted)[0].sum() == (truth & predicted).sum()
        systems.append([CountStatistic(matrix, function)])
    return systems, families


def test_of_one_f1_difference_the_p_is_that_of_the_swap_test() -> None:
    systems, families = labelled(1)
    for pair in pairs_of(3):
        flips = Flips(families.count, 300, 2)
        null = swap_null(Swaps.of(systems, pair[None]), np.array([0.1]), flips)
        assert max_t([null]).p[0] == swap_test(systems, pair[None], flips)[0]


class _Spread:
    """A statistic that is no mean: the standard deviation over families of S columns."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __call__(self, weights: Weights) -> np.ndarray:
        size = weights.totals(np.ones((len(self.values), 1)))
        mean = weights.totals(self.values) / size
        return np.sqrt(weights.totals(self.values**2) / size - mean**2)


def test_of_one_difference_that_no_flip_can_test_the_p_is_the_bootstraps() -> None:
    statistic = _Spread(np.random.default_rng(0).normal(size=(50, 2)) * np.array([1.0, 1.4]))
    (replicates,) = recompute(bootstrap_weights(50, 500, 0), [statistic])
    (left,) = recompute([leave_out(50)], [statistic])
    error = jackknife_error(left[:, :1] - left[:, 1:])
    estimates = statistic(next(iter([*bootstrap_weights(50, 1, 0)]))) * 0 + statistic.values.std(axis=0)
    null = shift_null(replicates, estimates[0], np.array([[0, 1]]), error)
    wanted = shift_p(replicates[:, :1] - replicates[:, 1:], estimates[0, :1] - estimates[0, 1:], error)
    assert max_t([null]).p[0] == pytest.approx(wanted[0])


def test_groups_of_one_pass_are_what_each_gives_by_itself() -> None:
    """A family over two sets of items and cells inside it, one with an undefined comparison."""
    pairs, nulls, alone = pairs_of(4), [], []
    for seed, n in ((3, 30), (4, 45)):
        values, families, flips = scores(seed, n, 4, np.arange(4) * 0.2), group_families(np.arange(n)), Flips(n, 99, 0)
        nulls.append(flip_null(values, families, pairs, flips))
        alone.append(lambda rows, at=(values, families, flips): flip_null(at[0], at[1], pairs[rows], at[2]))
    groups = [np.arange(12), np.arange(6), np.array([11, 6, 8]), np.array([2]), np.zeros(0, dtype=np.int64)]
    wanted = [
        max_t(nulls),
        max_t([nulls[0]]),
        max_t([alone[1](np.array([5, 0, 2]))]),
        max_t([alone[0](np.array([2]))]),
        max_t([]),
    ]
    for found, expected in zip(max_t_of(groups, nulls), wanted, strict=True):
        np.testing.assert_array_equal(found.p, expected.p)
        np.testing.assert_allclose([found.critical, found.reach], [expected.critical, expected.reach], rtol=1e-12)


def test_no_array_of_families_by_pairs_is_made() -> None:
    """780 pairs of 20,000 families would be 125 MB; the study's 12,870 pairs of 46,069 families are 4.7 GB."""
    values = np.random.default_rng(0).random((20_000, 40))
    pairs, families, flips = np.array(list(combinations(range(40), 2))), group_families(np.arange(20_000)), 64
    tracemalloc.start()
    try:
        flip_test(values, families, pairs, Flips(families.count, flips, 0))
        max_t([flip_null(values, families, pairs, Flips(families.count, flips, 0))])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 80e6
