"""The wall time of a plan: phases add up, and grow with what they are about."""

from pathlib import Path

import pytest

from patray.files import Folder
from patray.landscapes.generate import generate
from patray.planning.estimates import read_estimates
from patray.planning.plan import Plan, make_plan
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve

SUITE = """\
name: timed
landscapes: [{{path: {path}}}]
models: [minilm]
systems: [{{dense: minilm}}, {{lexical: bm25}}, {{rrf: [minilm, bm25]}}]
"""


@pytest.fixture(scope="module")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("timed") / "small"
    generate(Folder.at(path), seed=3, patents=60, name="small")
    return path


def planned(landscape: Path, workdir: Path, *changes: str) -> Plan:
    suite = resolve(parse_suite(SUITE.format(path=landscape), "timed.yaml", list(changes)))
    return make_plan(suite, str(workdir), None, read_estimates())


def test_the_wall_time_is_the_sum_of_its_phases_and_each_follows_its_work(landscape: Path, tmp_path: Path) -> None:
    one = planned(landscape, tmp_path).time
    assert one.wall == pytest.approx(one.start + one.prepare + one.encode + one.search + one.lexical + one.judge)
    assert min(one.start, one.prepare, one.encode, one.search, one.lexical, one.judge) > 0
    two = planned(landscape, tmp_path, "views=[ta, claim1]").time
    assert (two.start, two.prepare) == (one.start, one.prepare)
    assert two.lexical == pytest.approx(2 * one.lexical)
    assert two.search == pytest.approx(2 * one.search, rel=1e-6)
    assert two.judge == pytest.approx(2 * one.judge)
    fewer = planned(landscape, tmp_path, "statistics.resamples=1000").time
    assert fewer.judge < 0.3 * one.judge
    without = planned(landscape, tmp_path, "systems=[{lexical: bm25}]").time
    assert without.search == 0
    assert without.judge < one.judge


def test_files_for_others_are_planned_where_they_are_asked_for(landscape: Path, tmp_path: Path) -> None:
    none = planned(landscape, tmp_path).disk
    assert none.trec == none.indexes == 0
    asked = planned(landscape, tmp_path, "exports=[trec, faiss]").disk
    assert asked.indexes == 60 * 384 * 4
    assert asked.trec > 0
    assert asked.written == pytest.approx(none.written + asked.trec + asked.indexes)
