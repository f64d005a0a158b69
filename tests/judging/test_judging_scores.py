"""Agreement against the textbook's numbers and scikit-learn; estimates against what is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from patray.judging.agreement import agreement, alpha
from patray.judging.scores import corrected, judged_share, values, with_grades
from patray.measures.definitions import parse_measure

_ = np.nan
TEXTBOOK = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
)
"""Krippendorff 2011, section E: four observers, twelve units; nominal alpha 0.743, ordinal 0.815."""


def test_alpha_is_the_textbooks() -> None:
    assert alpha(TEXTBOOK, ordinal=False) == pytest.approx(0.743, abs=5e-4)
    assert alpha(TEXTBOOK) == pytest.approx(0.815, abs=5e-4)


def test_alpha_is_one_for_full_agreement_and_near_zero_for_chance() -> None:
    random = np.random.default_rng(3)
    same = np.tile(random.integers(0, 3, 200).astype(float), (3, 1))
    assert alpha(same) == 1.0
    assert abs(alpha(random.integers(0, 2, (4, 4000)).astype(float))) < 0.03
    assert np.isnan(alpha(np.zeros((2, 5))))
    assert np.isnan(agreement(np.array([[1.0, _], [_, 1.0]])).alpha)


def test_kappa_of_two_judges_is_scikit_learns_and_counts_what_both_graded() -> None:
    from sklearn.metrics import cohen_kappa_score

    random = np.random.default_rng(5)
    first = random.integers(0, 4, 300)
    second = np.clip(first + random.integers(-1, 2, 300), 0, 3)
    grades = np.stack([first, second]).astype(float)
    grades[0, :20] = np.nan
    found = agreement(grades)
    assert found.kappa == pytest.approx(cohen_kappa_score(first[20:], second[20:], weights="quadratic"), abs=1e-12)
    assert found.pairs == 280
    assert found.same == pytest.approx(np.mean(first[20:] == second[20:]))
    assert np.isnan(agreement(TEXTBOOK).kappa)


def test_the_estimate_is_the_mean_when_all_is_judged() -> None:
    random = np.random.default_rng(1)
    before, after = random.random(60), random.random(60)
    found = corrected(before, after - before, np.ones(60, bool), np.arange(60))
    assert found.estimate == pytest.approx(after.mean(), abs=1e-12)
    error = after.std(ddof=1) / np.sqrt(60)
    from scipy import stats

    assert found.high - found.estimate == pytest.approx(stats.t.ppf(0.975, 59) * error, rel=1e-9)


@pytest.mark.parametrize("per_family", [1, 3])
def test_estimates_are_unbiased_and_their_intervals_hold_the_truth(per_family: int) -> None:
    """400 data sets of 300 queries, 60 judged: f is a poor prediction of y, shifted and noisy."""
    random = np.random.default_rng(7 + per_family)
    families = np.arange(300) // per_family
    estimates, inside, narrow = [], 0, 0
    for _round in range(400):
        shared = random.normal(0, 0.1, families.max() + 1)[families]
        truth = 0.4 + shared + random.normal(0, 0.15, 300)
        before = truth - 0.1 + random.normal(0, 0.08, 300)
        judged = np.zeros(300, bool)
        judged[np.isin(families, random.permutation(families.max() + 1)[: 60 // per_family])] = True
        found = corrected(before, truth - before, judged, families)
        estimates.append(found.estimate)
        inside += found.low <= 0.4 <= found.high
        narrow += found.high - found.low < 2 * 1.96 * truth[judged].std() / np.sqrt(60)
    assert abs(np.mean(estimates) - 0.4) < 4 * np.std(estimates) / 20
    assert 0.92 <= inside / 400 <= 0.985
    assert narrow > 360


def test_with_all_grades_the_scores_are_those_of_the_whole_truth() -> None:
    random = np.random.default_rng(11)
    grades = random.choice(3, (12, 40), p=[0.7, 0.2, 0.1])
    query, patent = np.nonzero(grades >= 0)
    known = (random.random(480) < 0.3) & (grades[query, patent] > 0)
    base = query[known], patent[known], grades[query, patent][known]
    rest = ~known
    full = with_grades(base, query[rest], patent[rest], grades[query, patent][rest])
    expected = tuple(part[grades[query, patent] > 0] for part in (query, patent, grades[query, patent]))
    assert all((a == b).all() for a, b in zip(full, expected, strict=True))
    ranked = np.stack([random.permutation(40) for _ in range(12)])
    measures = [parse_measure(name) for name in ("nDCG@10", "P@10", "Recall@5")]
    found, wanted = values(ranked, full, measures, 1), values(ranked, expected, measures, 1)
    assert all((found[one] == wanted[one]).all() for one in measures)
    share = judged_share(ranked, base, 10)
    seen = set(zip(base[0].tolist(), base[1].tolist(), strict=True))
    assert share.tolist() == [np.mean([(q, int(p)) in seen for p in row[:10]]) for q, row in enumerate(ranked)]
