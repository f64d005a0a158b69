"""What the commonest label scores by itself, and how the page says it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from make_study_run import study_run
from sklearn.metrics import f1_score

from patray.report.baselines import commonest
from patray.report.html import build_page
from patray.report.words import plain
from patray.report.write import results_of
from patray.tasks.evidence_file import EvidenceFile
from patray.tasks.scores import LabelScore


@pytest.mark.parametrize("seed", range(5))
def test_the_commonest_label_scores_what_scikit_learn_says(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.random((40, 6)) < np.array([0.7, 0.4, 0.3, 0.2, 0.1, 0.05])
    macro, micro, label, count = commonest(truth, list("ABCDEF"))
    at = "ABCDEF".index(label)
    assert count == truth.sum(axis=0).max() == truth[:, at].sum()
    predicted = np.zeros(truth.shape, dtype=int)
    predicted[:, at] = 1
    assert macro == pytest.approx(f1_score(truth, predicted, average="macro", zero_division=np.nan), abs=1e-12)
    assert micro == pytest.approx(f1_score(truth, predicted, average="micro"), abs=1e-12)


def test_no_other_constant_guess_has_a_higher_micro_f1() -> None:
    truth = np.random.default_rng(1).random((50, 5)) < 0.3
    _, best, _, _ = commonest(truth, list("ABCDE"))
    for at in range(5):
        predicted = np.zeros(truth.shape, dtype=int)
        predicted[:, at] = 1
        assert f1_score(truth, predicted, average="micro") <= best + 1e-12


def test_the_page_puts_the_commonest_label_beside_the_leader(tmp_path: Path) -> None:
    run = study_run(str(tmp_path / "run"))
    evidence = EvidenceFile(run)
    score = next(
        one
        for one in evidence.load([key for key in evidence.index if key.where.task.startswith("classification")])
        if isinstance(one, LabelScore)
    )
    macro, _, label, count = commonest(score.truth, score.labels.tolist())
    verdict = next(one for one in build_page(results_of(run)).verdicts if one.kind == "classification")
    said = next(text for sentence in verdict.small if "commonest class" in (text := plain(sentence)))
    n = len(score.truth)
    assert said.startswith(f"Giving every patent the commonest class, {label} ({count} of the {n} patents), ")
    assert f"scores {macro:.3f}" in said
