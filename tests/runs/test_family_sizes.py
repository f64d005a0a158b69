"""How many comparisons a suite declares, and what is said of families that their flips cannot carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from patray.errors import InputError
from patray.planning.estimates import read_estimates
from patray.planning.plan import make_plan
from patray.report.plan_text import format_plan
from patray.runs.family_sizes import family_sizes, uncarried, uncarried_note
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve
from patray.runs.suite import Suite
from patray.statistics.draws import Draws
from patray.tables import ITEMS
from patray.tasks.comparisons import ComparisonFamily, compare
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where

TASKS = ("retrieval", "classification:area", "classification:product", "clustering:area")
SUITE = """\
name: s
landscapes: [{name: a, generate: {patents: 60}}, {name: b, generate: {patents: 60, seed: 1}}]
views: [ta, abstract]
models: [minilm]
systems: [{dense: minilm}, {dense: minilm, dimensions: [64, 32]}, {lexical: bm25}]
"""


def read(*assignments: str, text: str = SUITE) -> Suite:
    return resolve(parse_suite(text, "s.yaml", list(assignments)))


def scores_of(suite: Suite, tasks: dict[str, Sequence[str]]) -> list[Score]:
    """Scores of twelve items wherever the suite has one, in slices all and out."""
    rng, ids = np.random.default_rng(0), np.array([f"i{n:02d}" for n in range(12)], object)
    found: list[Score] = []
    for landscape, names in tasks.items():
        for view in suite.views:
            for task in names:
                for system in suite.systems or ():
                    where = Where(task, landscape, SimpleNamespace(**dict(view)).name, str(system.name), "all")
                    labels, clusters = rng.random((12, 3)) < 0.5, rng.integers(0, 3, (2, 12)).astype(np.int32)
                    if task == "retrieval":
                        for part in ("all", "out"):
                            place = replace(where, slice=part)
                            found.append(MeanScore(place, "nDCG@10", ids, rng.random(12)))
                    elif system.vectors is not None and task.startswith("classification"):
                        names_of = np.array(["x", "y", "z"], object)
                        for probe in ("knn", "logistic"):
                            found.append(LabelScore(where, probe, ids, names_of, rng.random((12, 3)) < 0.5, labels))
                    elif system.vectors is not None:
                        classes = rng.integers(0, 3, 12).astype(np.int32)
                        found.append(ClusterScore(where, ids, np.array(["x", "y", "z"], object), classes, clusters))
    return found


@pytest.mark.parametrize("names", [TASKS, TASKS[:1], TASKS[1:2]])
def test_the_sizes_are_the_rows_that_the_comparisons_then_have(names: tuple[str, ...]) -> None:
    suite = read()
    tasks: dict[str, Sequence[str]] = {"a": names, "b": names[:2]}
    scores = scores_of(suite, tasks)
    items = pa.table([["a"] * 12 + ["b"] * 12, [f"i{n:02d}" for n in range(12)] * 2, [None] * 24], schema=ITEMS)
    families = [ComparisonFamily(**family.model_dump()) for family in suite.statistics.comparisons or ()]
    rows = compare(scores, items, families, Draws(resamples=100, flips=100))["family"].to_pylist()
    assert family_sizes(suite, tasks) == {family.name: rows.count(family.name) for family in families}


def test_506_comparisons_by_holm_are_told_with_the_flips_that_carry_them(tmp_path: Path) -> None:
    widths = [*range(16, 384, 16)][:22]
    systems = f"systems=[{{dense: minilm}}, {{dense: minilm, dimensions: {widths}}}]"
    suite = read(systems, "statistics.correction=holm", "tasks.classification=null", "tasks.clustering=null")
    tasks = {"a": ["retrieval"]}
    assert family_sizes(suite, tasks)["systems/retrieval"] == 506
    [note, _] = uncarried(suite, tasks)
    assert "systems/retrieval: 506 comparisons on 10,000 flips, corrected by Holm: no difference can be sig" in note
    assert "statistics.flips to 10,120 or more" in note
    carried = read(systems, "statistics.correction=holm", "statistics.flips=10120", "tasks.clustering=null")
    assert not uncarried(carried, tasks)
    assert not uncarried(read(systems), tasks)  # max-T carries any number


def test_the_plan_refuses_a_family_in_which_nothing_can_be_found(tmp_path: Path) -> None:
    suite = read("statistics.correction=holm", "statistics.flips=100", "models_from.hub=false")
    with pytest.raises(
        InputError, match=r"24 comparisons on 100 flips, corrected by Holm: no diff.*flips to 480 or more"
    ):
        make_plan(suite, str(tmp_path), None, read_estimates(None), None)


def test_the_plan_tells_of_a_family_in_which_single_differences_cannot_be_found(tmp_path: Path) -> None:
    correction = "statistics.correction=benjamini-hochberg"
    suite = read(correction, "statistics.flips=100", "models_from.hub=false")
    said = format_plan(make_plan(suite, str(tmp_path), None, read_estimates(None), None))
    assert "note: comparisons systems/retrieval: 24 comparisons on 100 flips, corrected by Benjamini-Hochberg" in said
    assert "a difference can be significant only where at least 5 of them" in said


def test_benjamini_and_hochberg_can_find_several_at_once_and_the_note_says_how_many() -> None:
    note = uncarried_note("f", "retrieval", 5000, "benjamini-hochberg", 10_000, 10_000)
    assert "only where at least 10 of them reach the smallest p together" in note


def test_clusterings_are_carried_by_resamples_not_by_flips() -> None:
    assert not uncarried_note("f", "clustering:area", 400, "holm", 100, 10_000)
    assert "400 comparisons on 100 resamples" in uncarried_note("f", "clustering:area", 400, "holm", 10_000, 100)


def test_a_family_on_a_measure_that_its_task_does_not_have_is_refused_before_anything_is_embedded() -> None:
    suite = read("statistics.comparisons=[{name: x, task: retrieval, metric: nDCG@7}]")
    with pytest.raises(InputError, match=r"'x': no score of task 'retrieval' has the metric 'nDCG@7'"):
        uncarried(suite, {"a": ["retrieval"]})
