"""An interval without a width says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from test_answer import in_memory, row

from patray.files import Folder
from patray.report.data import Row
from patray.report.flat import reason, with_flat
from patray.report.sections.tasks import task_section
from patray.report.words import plain
from patray.tasks.evidence import to_evidence
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Where

ITEMS = np.array([f"P{i}" for i in range(50)], dtype=object)


def found(task: str, metric: str, mean: float = 0.0) -> Row:
    return Row(task, "land", "tac", "a", "all", metric, mean, mean, mean, len(ITEMS))


def where(task: str) -> Where:
    return Where(task, "land", "tac", "a", "all")


def test_queries_that_all_score_the_same_are_said_to() -> None:
    score = MeanScore(where("retrieval"), "nDCG@10", ITEMS, np.zeros(50))
    assert reason(found("retrieval", "nDCG@10"), score) == "each of the 50 queries scores 0.000"


def test_the_labels_left_and_the_share_of_the_largest_are_counted() -> None:
    truth = np.zeros((50, 5), dtype=bool)
    truth[np.arange(50), np.repeat([0, 1, 2, 3], [44, 2, 2, 2])] = True
    labels = np.array(list("abcde"), dtype=object)
    score = LabelScore(where("classification:area"), "knn", ITEMS, labels, truth, truth)
    said = reason(found("classification:area", "knn-macro-F1", 1.0), score)
    assert said == "all of the 50 patents are classified rightly; 4 labels are left, the largest holds 88%"


def test_one_cluster_and_a_class_that_holds_nearly_all_are_named() -> None:
    classes = np.array([0] * 46 + [1] * 4, dtype=np.int32)
    names = np.array(["big", "small"], dtype=object)
    score = ClusterScore(where("clustering:area"), ITEMS, names, classes, np.zeros((2, 50), dtype=np.int32))
    said = reason(found("clustering:area", "V-measure"), score)
    assert said == "all patents are in one cluster; 2 classes are left, the largest holds 92%"


def test_the_reason_stands_in_the_section_once_for_all_systems_of_which_it_is_true(tmp_path: Path) -> None:
    rows = [row(name, 0.0, ci_low=0.0, ci_high=0.0, n=50) for name in ("a", "b")]
    scores = [
        MeanScore(replace(where("retrieval"), system=name), "nDCG@10", ITEMS, np.zeros(50)) for name in ("a", "b")
    ]
    run = Folder.at(tmp_path)
    run.write_table("evidence.parquet", to_evidence(scores))
    section = task_section(with_flat(run, in_memory(rows, [])), "retrieval")
    assert section is not None
    texts = [plain(text) for text in section.parts[0].panels[0].text]
    assert texts[1:] == ["No width to the interval of a and b: each of the 50 queries scores 0.000."]
