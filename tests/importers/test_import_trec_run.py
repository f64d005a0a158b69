"""Runs of other tools as systems: what trec_eval would make of them, and nothing left out unsaid."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import pytrec_eval
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patray.errors import InputError
from patray.importers.source import find_files
from patray.importers.trec_run import ReadRun, read_run, run_ranking
from patray.landscapes.records import Metadata, Truth
from patray.landscapes.truth import build_truth
from patray.measures.definitions import parse_measure
from patray.measures.ranking import evaluate
from patray.search.trec import run_lines


def make_truth(qrels: dict[str, dict[str, int]], patents: dict[str, str], earlier_only: bool = False) -> Truth:
    """patents: id -> family. Queries are documents of their own; patents are dated in the order given."""

    def documents(families: dict[str, str]) -> pa.Table:
        count = len(families)
        table = pa.table(
            {
                "patent_id": list(families),
                "family_id": list(families.values()),
                "jurisdiction": ["EP"] * count,
                "date": pa.array(np.arange(count) + 100, pa.int32()).cast(pa.date32()),
                "ipc": pa.array([["A46B5/02"]] * count, pa.list_(pa.string())),
                "cpc": pa.array([[]] * count, pa.list_(pa.string())),
            }
        )
        return table.sort_by("patent_id")

    pairs = [(query, patent, grade) for query, found in qrels.items() for patent, grade in found.items()]
    names = ["query_id", "patent_id", "relevance"]
    judged = pa.table([pa.array(column) for column in zip(*pairs, strict=True)], names=names)
    judged = judged.set_column(2, "relevance", judged["relevance"].cast(pa.int32()))
    asked = documents({query: patents.get(query, query) for query in qrels if query not in patents})
    metadata = Metadata("x", documents(patents), asked if asked.num_rows else None, None, judged, {}, {})
    return build_truth(metadata, earlier_only=earlier_only)[0]


def read(folder: Path, text: str | bytes, truth: Truth, depth: int = 100) -> ReadRun:
    (folder / "tool.run").write_bytes(text if isinstance(text, bytes) else text.encode())
    return run_ranking(find_files([str(folder / "tool.run")])[0], truth, depth)


def ids(found: ReadRun, truth: Truth) -> dict[str, list[str]]:
    return {
        query: [str(truth.patent_ids[one]) for one in row if one >= 0]
        for query, row in zip(truth.query_ids, found.ranking.patents, strict=True)
    }


FOUR = {"d1": "f1", "d2": "f2", "d3": "f3", "d4": "f4"}
TWO = {"q1": {"d1": 1}, "q2": {"d2": 1}}


def test_a_run_of_another_tool_has_trec_evals_values_ties_and_all(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    queries, patents = [f"q{i}" for i in range(30)], [f"d{i}" for i in range(60)]
    qrels = {q: {p: int(rng.integers(0, 3)) for p in rng.choice(patents, 8, replace=False).tolist()} for q in queries}
    qrels = {q: found for q, found in qrels.items() if max(found.values())}
    truth = make_truth(qrels, {patent: patent for patent in patents})
    answered = [*qrels][:-2]
    results = {q: {p: float(rng.integers(0, 5)) for p in rng.choice(patents, 40, replace=False)} for q in answered}
    lines = [f"{q} Q0 {p} 0 {s} tool" for q, found in results.items() for p, s in found.items()]
    rng.shuffle(lines)
    found = read(tmp_path, "\n".join([*lines, "qX Q0 d1 0 3 tool", "q0 Q0 unknown 0 9 tool"]) + "\n", truth)
    assert found.notes == (
        "tool.run: 1 results of queries not asked here (first: qX)",
        "tool.run: 1 results name patents outside the landscape (first: unknown)",
        f"tool.run: 2 of {len(qrels)} queries have no results; they count with 0",
        f"tool.run: {len(answered)} queries have equal scores; they stand by id descending, as in trec_eval, whatever "
        "their ranks say",
        "tool.run: its longest list has 40 results, the others' 100: measures that look deeper see less",
    )
    names = {"nDCG@10": "ndcg_cut_10", "Recall@10": "recall_10", "AP@100": "map_cut_100"}
    measures = [parse_measure(name) for name in names]
    ours = evaluate(found.ranking.patents, truth.query, truth.patent, truth.relevance, measures)
    theirs = pytrec_eval.RelevanceEvaluator(qrels, set(names.values())).evaluate(results)
    for measure, values in ours.items():
        for place, name in enumerate(truth.query_ids):
            expected = theirs[name][names[str(measure)]] if name in theirs else 0.0
            assert abs(values[place] - expected) < 1e-9


def check_against_trec_eval(
    tmp_path: Path, results: dict[str, dict[str, str]], qrels: dict[str, dict[str, int]]
) -> None:
    """pytrec_eval's values of the run file, of patray's ranking of it, and of what patray writes of that are equal."""
    names = {"nDCG@10": "ndcg_cut_10", "RR@1000": "recip_rank", "AP@1000": "map_cut_1000", "P@5": "P_5"}
    patents = sorted({patent for found in results.values() for patent in found})
    truth = make_truth(qrels, {patent: patent for patent in patents})
    text = "".join(f"{q} Q0 {p} 0 {score} t\n" for q, found in results.items() for p, score in found.items())
    ranking = read(tmp_path, text, truth, depth=len(patents)).ranking
    exported = "".join(run_lines(ranking, truth, np.ones(len(truth.query_ids), bool), "t"))
    theirs = pytrec_eval.RelevanceEvaluator(qrels, set(names.values()))
    numbers = {q: {p: float(score) for p, score in found.items()} for q, found in results.items()}
    of_file, of_export = theirs.evaluate(numbers), theirs.evaluate(pytrec_eval.parse_run(exported.splitlines()))
    assert of_file == of_export
    ours = evaluate(
        ranking.patents, truth.query, truth.patent, truth.relevance, [parse_measure(name) for name in names]
    )
    for measure, values in ours.items():
        for place, query in enumerate(truth.query_ids):
            assert values[place] == pytest.approx(of_file[query][names[str(measure)]], abs=1e-12), (query, str(measure))


def test_scores_that_differ_beyond_float32_alone_are_equal_as_in_trec_eval(tmp_path: Path) -> None:
    check_against_trec_eval(tmp_path, {"q": {"d0": "16.0000004", "d84": "16.0000001"}}, {"q": {"d0": 1}})
    truth = make_truth({"q": {"d1": 1}}, FOUR)
    text = "q Q0 d1 1 16.0000004 t\nq Q0 d2 2 16.0000001 t\nq Q0 d3 3 16.0000001 t\nq Q0 d4 0 1e39 t\n"
    found = read(tmp_path, text, truth, depth=4)
    assert ids(found, truth) == {"q": ["d4", "d3", "d2", "d1"]}
    assert found.ranking.scores[0].tolist() == [np.inf, 16, 16, 16]
    assert found.notes == (
        "tool.run: 1 queries have equal scores; they stand by id descending, as in trec_eval, whatever their ranks say",
        "tool.run: 1 queries have scores that differ beyond float32 alone; trec_eval reads C floats, so they are equal",
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_scores_and_ids_are_ordered_as_trec_eval_orders_them(tmp_path: Path, data: st.DataObject) -> None:
    near = st.floats(0.0, 4e-7).map(lambda small: repr(16 + small))
    wide = st.floats(allow_nan=False).map(repr)
    score = st.one_of(near, wide, st.sampled_from(["0", "-0.0", "1e39", "-1e39", "1e-46", "3"]))
    names = st.text("aZ0~\u00e9\u4e2d\uff21\U0001f600", min_size=1, max_size=3)
    patents = data.draw(st.lists(names, min_size=2, max_size=8, unique=True))
    results = {"q": {patent: data.draw(score) for patent in patents}}
    qrels = {"q": {patent: data.draw(st.integers(0, 2)) for patent in patents} | {patents[0]: 1}}
    check_against_trec_eval(tmp_path, results, qrels)


def test_what_the_landscape_never_ranks_is_taken_out_and_what_stood_below_moves_up(tmp_path: Path) -> None:
    truth = make_truth({"d1": {"d3": 1}}, {**FOUR, "d2": "f1"})
    text = "d1 Q0 d1 1 9 t\nd1 Q0 d2 2 8 t\nd1 Q0 d4 3 7 t\nd1 Q0 d3 4 6 t\n"
    found = read(tmp_path, text, truth, depth=2)
    assert ids(found, truth) == {"d1": ["d4", "d3"]}
    assert found.notes == (
        "tool.run: 2 results are taken out: the query itself, its family, or (earlier_only) a later patent",
    )


def test_later_patents_are_taken_out_where_only_earlier_ones_may_be_ranked(tmp_path: Path) -> None:
    truth = make_truth({"d3": {"d1": 1}}, FOUR, earlier_only=True)
    found = read(tmp_path, "".join(f"d3 Q0 d{n} {5 - n} {n} t\n" for n in (4, 2, 1)), truth)
    assert ids(found, truth) == {"d3": ["d2", "d1"]}


def test_more_results_than_the_depth_are_cut_and_counted(tmp_path: Path) -> None:
    truth = make_truth({"q": {"d1": 1}}, FOUR)
    found = read(tmp_path, "".join(f"q Q0 d{i} {i} {-i} a\n" for i in range(1, 5)), truth, depth=2)
    assert ids(found, truth) == {"q": ["d1", "d2"]}
    assert found.notes == ("tool.run: 2 results below rank 2 are cut",)


def test_lines_that_are_no_results_are_counted_with_the_first_of_them(tmp_path: Path) -> None:
    truth = make_truth(TWO, FOUR)
    text = "\ufeffq1 Q0 d1 1 0.5 a\r\n\n# a comment\nq1 Q0 d2 2 nan a\nq2 Q0 d2 1 x a\nq2 Q0 d2 1 0.5 b\n"
    found = read(tmp_path, text, truth, depth=1)
    assert ids(found, truth) == {"q1": ["d1"], "q2": ["d2"]}
    assert found.notes == (
        "tool.run: 3 lines are no results (line 3: wrong number of fields: 3)",
        "tool.run: 2 run ids in one file (a, b)",
    )


def test_a_few_queries_whose_ranks_contradict_their_scores_are_counted_and_scores_decide(tmp_path: Path) -> None:
    qrels = {f"q{n}": {"d1": 1} for n in range(4)}
    truth = make_truth(qrels, FOUR)
    text = "".join(f"q{n} Q0 d1 1 2 t\nq{n} Q0 d2 2 1 t\n" for n in range(3)) + "q3 Q0 d1 1 1 t\nq3 Q0 d2 2 2 t\n"
    found = read(tmp_path, text, truth, depth=2)
    assert ids(found, truth)["q3"] == ["d2", "d1"]
    assert found.notes == (
        "tool.run: 1 queries have ranks that contradict their scores; scores decide, as in trec_eval",
    )


def test_scores_that_are_distances_are_an_error(tmp_path: Path) -> None:
    truth = make_truth(TWO, FOUR)
    text = "".join(f"q{q} Q0 d{n} {n} 0.{n} t\n" for q in (1, 2) for n in (1, 2, 3))
    with pytest.raises(InputError, match=r"contradict one another for 2 of 2 queries .*rank 1 has score 0\.1"):
        read(tmp_path, text, truth)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q1 Q0 d1 1 0.5 a\nq1 Q0 d2 2 0.4 a\nq1 Q0 d1 3 0.3 a\n", "line 3: query q1 ranks d1 a second time"),
        ("qX Q0 d1 1 0.5 a\n", r"none of its queries is one of this landscape \(the file says 'qX', .* 'q1'\)"),
        ("q1 Q0 EP1 1 0.5 a\n", r"none of its patents is one of this landscape \(the file says 'EP1', .* 'd1'\)"),
        ("q1 0 d1 1\n", "tool.run: qrels, wanted a run"),
        ("q1 Q0 d1 1 high a\n", "none of its 1 lines is a result; line 1: score is no number: 'high'"),
        ("", "line 0: 0 fields; wanted"),
        ("one two\n", "line 1: 2 fields; wanted"),
    ],
)
def test_a_file_that_is_no_run_of_this_landscape_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text, make_truth(TWO, FOUR))


def test_a_compressed_run_is_read_and_a_cut_one_is_an_error(tmp_path: Path) -> None:
    import gzip

    truth = make_truth(TWO, FOUR)
    packed = gzip.compress(
        "".join(f"q1 Q0 d1 1 0.5 a{n}\n" if n == 0 else f"x{n} Q0 d1 1 0.{n} a\n" for n in range(5000)).encode()
    )
    assert ids(read(tmp_path, packed, truth), truth) == {"q1": ["d1"], "q2": []}
    with pytest.raises(InputError, match=r"tool\.run: cut off or damaged"):
        read(tmp_path, packed[: len(packed) // 2], truth)


def test_every_line_read_is_a_row_or_a_finding(tmp_path: Path) -> None:
    (tmp_path / "x.run").write_text("q1 Q0 d1 - 0.5 a\nq1 Q0 d2 2 nan a\nshort\n\nq2 Q0 d2 1 7\n")
    found = read_run(find_files([str(tmp_path / "x.run")])[0])
    assert found.read == 4 == found.table.num_rows + len(found.findings)
    assert found.table.to_pylist() == [
        {"query_id": "q1", "patent_id": "d1", "rank": None, "score": 0.5},
        {"query_id": "q2", "patent_id": "d2", "rank": 1.0, "score": 7.0},
    ]
