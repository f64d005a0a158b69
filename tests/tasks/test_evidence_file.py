"""Evidence that is written group by group and judged part by part says what it says when it is held whole."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.errors import InputError
from patray.files import Folder
from patray.statistics.draws import Draws
from patray.tables import COMPARISONS, EVIDENCE, ITEMS
from patray.tasks import by_part, evidence_file
from patray.tasks.by_part import comparisons_of, summary_of, verdicts_of
from patray.tasks.comparisons import ComparisonFamily, judge_families, table_of
from patray.tasks.evidence import ScoreKey, from_evidence, to_evidence
from patray.tasks.evidence_file import EvidenceFile, write_evidence
from patray.tasks.inference import summarise
from patray.tasks.populations import Catalogue
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where
from patray.tasks.spill import Spill
from patray.tasks.trends import trends
from patray.tasks.verdicts import Made, recipe_pairs, verdicts

FEW = Draws(resamples=200, flips=200)
LANDSCAPES, VIEWS, SYSTEMS = ("l1", "l2"), ("ta", "abstract"), ("b", "a", "c", "a--r--l1--s0", "a--r--l1--s1")
MADE = {f"a--r--l1--s{seed}": Made("a", "r", "l1", seed) for seed in range(2)}
SLICES = {"all": 30, "in": 20, "out": 15}


def ids(landscape: str, count: int, start: int = 0) -> np.ndarray:
    return np.array([f"{landscape}-{number:03}" for number in range(start, start + count)], dtype=object)


def items() -> pa.Table:
    rows = [(name, item, f"F{at // 2}") for name in LANDSCAPES for at, item in enumerate(ids(name, 30))]
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=ITEMS)


def study() -> list[Score]:
    """Every kind of score in the order in which a run makes them: by landscape, view, system, slice and metric."""
    rng = np.random.default_rng(5)
    found: list[Score] = []
    for landscape in LANDSCAPES:
        classes = rng.integers(0, 3, 30, dtype=np.int32)
        for view in VIEWS:
            for system in SYSTEMS:
                for part, count in SLICES.items():
                    chosen = ids(landscape, count, 30 - count)
                    for metric in ("nDCG@10", "AP@100"):
                        where = Where("retrieval", landscape, view, system, part)
                        found.append(MeanScore(where, metric, chosen, rng.random(count).round(2)))
            for system in SYSTEMS[1:]:
                for labels in ("ipc3", "topic"):
                    truth, predicted = rng.random((2, 30, 4)) < 0.4
                    where = Where(f"classification:{labels}", landscape, view, system, "all")
                    names = np.array([f"{labels}{at}" for at in range(4)], dtype=object)
                    found.append(LabelScore(where, "knn", ids(landscape, 30), names, truth, predicted))
                where = Where("clustering:topic", landscape, view, system, "all")
                clusters = rng.integers(0, 3, (2, 30), dtype=np.int32)
                names = np.array(["x", "y", "z"], dtype=object)
                found.append(ClusterScore(where, ids(landscape, 30), names, classes, clusters))
    return found


def written(folder: Folder, scores: Sequence[Score], order: Sequence[int] | None = None) -> EvidenceFile:
    spill = Spill(folder.make().uri)
    for at in range(len(scores)) if order is None else order:
        spill.add((at,), scores[at])
    write_evidence(folder, spill)
    return EvidenceFile(folder)


def assert_same(found: Sequence[Score], given: Sequence[Score]) -> None:
    assert len(found) == len(given)
    for one, other in zip(found, given, strict=True):
        assert type(one) is type(other)
        for name, value in vars(other).items():
            assert np.array_equal(getattr(one, name), value), name


@pytest.fixture(params=[(1 << 20, 1 << 17), (100, 40), (1, 1)], ids=["one group", "some groups", "a group a score"])
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_file, "MOST_ROWS", request.param[0])
    monkeypatch.setattr(evidence_file, "ENOUGH_ROWS", request.param[1])


@pytest.mark.usefixtures("sizes")
def test_every_score_comes_back_whatever_the_size_of_row_groups(tmp_path: Path) -> None:
    scores = study()
    folder = Folder.at(tmp_path)
    evidence = written(folder, scores)
    given_scores = {ScoreKey.of(score): score for score in scores}
    assert set(evidence.index) == set(given_scores)
    found = evidence.load(evidence.index)
    assert [ScoreKey.of(score) for score in found] == list(evidence.index)
    assert_same(found, [given_scores[key] for key in evidence.index])
    assert_same(from_evidence(folder.read_table("evidence.parquet")), found)
    by_items: dict[tuple[str, ...], set[int]] = {}
    for score in [*found, *evidence.load(evidence.index)]:
        if isinstance(score, MeanScore):
            by_items.setdefault(tuple(score.items), set()).add(id(score.items))
    assert all(len(arrays) == 1 for arrays in by_items.values())


def test_other_tools_see_plain_strings_and_the_same_rows(tmp_path: Path) -> None:
    scores = study()
    folder = Folder.at(tmp_path)
    written(folder, scores)
    found = pd.read_parquet(tmp_path / "evidence.parquet")
    expected = to_evidence(scores).to_pandas()
    assert found.dtypes.equals(expected.dtypes)
    keys = EVIDENCE.names[:-1]
    pd.testing.assert_frame_equal(
        found.sort_values(keys, ignore_index=True), expected.sort_values(keys, ignore_index=True)
    )
    places = found[["landscape", "view", "task", "slice"]].drop_duplicates().values.tolist()
    assert places == sorted(places, key=lambda p: (p[0], VIEWS.index(p[1]), places.index(p)))
    retrieval = found[(found.task == "retrieval") & (found.landscape == "l2") & (found.view == "ta")]
    groups = retrieval.drop_duplicates(["slice", "metric", "system"])
    assert groups.system.tolist() == list(SYSTEMS) * 6


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_a_file_in_any_order_of_rows_and_any_part_of_it_is_read(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scores = [score for score in study() if score.where.view == "ta" and score.where.system != "c"]
    table = to_evidence(scores)
    seed = data.draw(st.none() | st.integers(0, 99))
    shuffled = table if seed is None else table.take(np.random.default_rng(seed).permutation(len(table)))
    folder = Folder.at(tmp_path_factory.mktemp("any"))
    folder.write_table("evidence.parquet", shuffled, row_group_size=data.draw(st.integers(50, 2000)))
    evidence = EvidenceFile(folder)
    chosen = data.draw(st.sets(st.sampled_from(sorted(evidence.index, key=repr)), max_size=6))
    expected = {ScoreKey.of(score): score for score in from_evidence(shuffled)}
    for score in evidence.load(chosen):
        key = ScoreKey.of(score)
        assert_same([score], [expected[key]])
    assert {ScoreKey.of(score) for score in evidence.load(chosen)} == chosen


def test_the_file_does_not_depend_on_which_score_came_first(tmp_path: Path) -> None:
    scores = study()
    one, other = Folder.at(tmp_path / "one"), Folder.at(tmp_path / "other")
    written(one, scores)
    written(other, scores, np.random.default_rng(1).permutation(len(scores)).tolist())
    assert one.read_bytes("evidence.parquet") == other.read_bytes("evidence.parquet")
    assert one.list() == ["evidence.parquet"]  # what waited on disk is gone


def test_one_metric_is_read_from_its_own_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_file, "ENOUGH_ROWS", 1)
    evidence = written(Folder.at(tmp_path), study())
    wanted = [key for key in evidence.index if key.where.view == "ta" and key.name == "AP@100"]
    groups = {group for key in wanted for group in evidence.index[key].groups}
    held = [key for key, entry in evidence.index.items() if groups & set(entry.groups)]
    assert held == wanted
    read: list[int] = []
    real = pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, group: int, *args: object, **named: object) -> pa.Table:
        read.append(group)
        return real(self, group, *args, **named)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    evidence.load(wanted)
    assert sorted(read) == sorted(groups)


@pytest.mark.parametrize(("budget", "small"), [(1, 1), (20_000, 1), (1, 40_000), (1 << 28, 1 << 25)])
def test_parts_give_what_the_whole_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: int, small: int
) -> None:
    monkeypatch.setattr(by_part, "BUDGET", budget)
    monkeypatch.setattr(by_part, "JOINED", small)
    evidence = written(Folder.at(tmp_path), study())
    scores, table = evidence.load(evidence.index), items()
    families = [
        ComparisonFamily("r", "retrieval", "nDCG@10"),
        ComparisonFamily("out", "retrieval", "AP@100", slice="out", against="c", landscapes=("l2",)),
        ComparisonFamily("v", "retrieval", "nDCG@10", between="views"),
        ComparisonFamily("f1", "classification:*", "knn-macro-F1"),
        ComparisonFamily("f1/views", "classification:*", "knn-micro-F1", between="views", systems=("a", "c")),
        ComparisonFamily("k", "clustering:*", "V-measure", against="a"),
        ComparisonFamily("tuned", "retrieval", "nDCG@10", between="bases"),
        ComparisonFamily("none", "reranking", "nDCG@10"),
    ]
    bases = {name: one.base for name, one in MADE.items()}
    close(summary_of(evidence, Catalogue.of(table), FEW), summarise(scores, table, FEW))
    names = [*SYSTEMS, *VIEWS]
    found, stands = comparisons_of(evidence, Catalogue.of(table), families, FEW, bases, names)
    whole, whole_stands = judge_families(scores, table, families, FEW, bases)
    close(found, whole, EVERY)
    close(stands, whole_stands)
    assert len(stands) > 40
    tuned = [
        *families[-2:],
        ComparisonFamily("tuned/f1", "classification:*", "knn-macro-F1", between="bases"),
        ComparisonFamily("pairs", "retrieval", "nDCG@10", between="recipes"),
    ]
    judged, ordered, pairs = verdicts_of(evidence, table, tuned, MADE, (), FEW)
    close(judged, verdicts(scores, table, tuned, MADE, FEW))
    close(ordered, trends(scores, table, tuned, MADE, (), FEW))
    assert len(judged) == 8
    assert pairs.equals(table_of(recipe_pairs(scores, table, tuned, MADE, (), FEW), COMPARISONS))


EVERY = ["family", "task", "landscape", "view", "system_a", "system_b"]


def close(found: pa.Table, expected: pa.Table, keys: Sequence[str] = ()) -> None:
    """The same rows, sums to rounding; with keys in any order of rows."""
    assert found.schema == expected.schema
    one, other = found.to_pandas(), expected.to_pandas()
    if keys:
        one, other = (frame.sort_values([*keys], ignore_index=True) for frame in (one, other))
    pd.testing.assert_frame_equal(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (
            ComparisonFamily("x", "retrieval", "P@10"),
            "no score of task 'retrieval' has the metric 'P@10'; there are nDCG",
        ),
        (ComparisonFamily("x", "retrieval", "nDCG@10", against="z"), "against 'z', but no score of the family has it"),
        (ComparisonFamily("x", "retrieval", "AP@100", between="views", against="a"), "there are ta, abstract"),
    ],
)
def test_a_family_of_what_does_not_exist_is_refused_before_anything_is_read(
    tmp_path: Path, family: ComparisonFamily, message: str
) -> None:
    evidence = written(Folder.at(tmp_path), study())
    with pytest.raises(InputError, match=message):
        comparisons_of(evidence, Catalogue.of(items()), [family], FEW)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop_columns(["slice"]), "no column slice"),
        (lambda table: table.set_column(7, "value", pa.nulls(len(table), pa.float64())), "rows have no value"),
        (lambda table: table.set_column(7, "value", pa.array([float("nan")] * len(table))), "is not a number"),
        (lambda table: table.set_column(6, "item_id", pa.array(["same"] * len(table))), "more than once in nDCG@10"),
    ],
)
def test_a_file_that_is_no_evidence_says_why(tmp_path: Path, change: object, message: str) -> None:
    folder = Folder.at(tmp_path)
    folder.write_table("evidence.parquet", change(to_evidence(study()[:1])))  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        (evidence := EvidenceFile(folder)).load(evidence.index)


def test_a_score_given_twice_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is given twice"):
        written(Folder.at(tmp_path), [study()[0], study()[0]])
    assert Folder.at(tmp_path).list() == []


def test_small_parts_of_several_measures_are_read_at_once_and_large_ones_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = written(Folder.at(tmp_path), study())
    loads: list[set[str]] = []
    load = evidence_file.EvidenceFile.load

    def counted(self: evidence_file.EvidenceFile, keys: list[ScoreKey]) -> list[Score]:
        loads.append({key.name for key in keys if key.where.task == "retrieval"})
        return load(self, keys)

    monkeypatch.setattr(evidence_file.EvidenceFile, "load", counted)
    for small, most in ((1, 1), (1 << 25, 2)):
        monkeypatch.setattr(by_part, "JOINED", small)
        loads.clear()
        summary_of(evidence, Catalogue.of(items()), FEW)
        assert max(map(len, loads)) == most
