"""Qrels and runs of other tools, against trec_eval's own reading of them."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import pytrec_eval
from sampling import jsonl, run

from patray.errors import InputError
from patray.importers.source import find_files
from patray.importers.trec import import_trec, read_qrels, read_run, run_ranking
from patray.metrics.measures import parse_measure
from patray.metrics.ranking import evaluate


def test_qrels_with_every_quirk_are_read_and_counted(tmp_path: Path) -> None:
    text = "# topic iter doc rel\nq1 0 d1 1\nq1 0 d1 2\nq1\t0  d2 0\nq2 0 d3 -1\nq2 0 d4 x\nbad\n"
    (tmp_path / "x.qrels").write_text(text)
    found = read_qrels(find_files([str(tmp_path / "x.qrels")])[0])
    assert found.table.to_pylist() == [
        {"query_id": "q1", "patent_id": "d1", "relevance": 2},
        {"query_id": "q1", "patent_id": "d2", "relevance": 0},
    ]
    assert found.read == 6 == found.table.num_rows + len(found.findings)
    assert [finding.line for finding in found.findings] == [3, 5, 6, 7]


def test_qrels_of_three_columns_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("PAC-1\tEP-1\t2\nPAC-1\tEP-2\t1\n")
    assert read_qrels(find_files([str(tmp_path / "x.txt")])[0]).table["relevance"].to_pylist() == [2, 1]


def test_a_run_that_ranks_a_patent_twice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.run").write_text("q1 Q0 d1 1 0.5 a\nq1 Q0 d1 2 0.4 a\n")
    with pytest.raises(InputError, match="line 2: query q1 ranks d1 a second time"):
        read_run(find_files([str(tmp_path / "x.run")])[0])


def test_a_run_of_another_tool_has_trec_evals_values_ties_and_all(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    queries, patents = [f"q{i}" for i in range(30)], [f"d{i}" for i in range(60)]
    qrels = {q: {p: int(rng.integers(0, 3)) for p in rng.choice(patents, 8, replace=False).tolist()} for q in queries}
    results = {q: {p: float(rng.integers(0, 5)) for p in rng.choice(patents, 40, replace=False)} for q in queries[:-2]}
    lines = [f"{q} Q0 {p} 0 {s} tool" for q, found in results.items() for p, s in found.items()]
    rng.shuffle(lines)
    (tmp_path / "tool.run").write_text("\n".join([*lines, "qX Q0 d1 1 3 tool", "q0 Q0 unknown 1 9 tool"]) + "\n")
    query_ids = np.array(sorted(queries), dtype=object)
    patent_ids = np.array(sorted(patents), dtype=object)

    read = run_ranking(str(tmp_path / "tool.run"), query_ids, patent_ids, depth=100)
    assert read.notes == ("2 results of unknown queries or patents", "2 of 30 queries without results")

    pairs = [(q, p, grade) for q, found in qrels.items() for p, grade in found.items()]
    order = sorted((query_ids.tolist().index(q), patent_ids.tolist().index(p), grade) for q, p, grade in pairs)
    query, patent, grade = (np.array(column, dtype=np.int32) for column in zip(*order, strict=True))
    names = {"nDCG@10": "ndcg_cut_10", "Recall@10": "recall_10", "AP@100": "map_cut_100"}
    ours = evaluate(read.ranking.patents, query, patent, grade, [parse_measure(name) for name in names])
    theirs = pytrec_eval.RelevanceEvaluator(qrels, set(names.values())).evaluate(results)
    for measure, values in ours.items():
        for place, name in enumerate(query_ids):
            expected = theirs[name][names[str(measure)]] if name in theirs else 0.0
            assert abs(values[place] - expected) < 1e-9


def test_more_results_than_the_depth_are_cut_and_counted(tmp_path: Path) -> None:
    (tmp_path / "x.run").write_text("".join(f"q Q0 d{i} {i} {-i} a\n" for i in range(5)))
    ids = np.array([f"d{i}" for i in range(5)], dtype=object)
    read = run_ranking(str(tmp_path / "x.run"), np.array(["q"], dtype=object), ids, depth=2)
    assert read.ranking.patents.tolist() == [[0, 1]]
    assert read.notes == ("3 results below rank 2",)


def test_runs_and_qrels_that_share_nothing_with_the_landscape_are_errors(tmp_path: Path) -> None:
    (tmp_path / "x.run").write_text("q1 Q0 d1 1 0.5 a\n")
    ids = np.array(["other"], dtype=object)
    with pytest.raises(InputError, match=r"none of its queries is one of this landscape .first: 'q1'"):
        run_ranking(str(tmp_path / "x.run"), ids, ids, depth=10)
    jsonl(tmp_path / "in.jsonl", [{"patent_id": "EP1", "title": "a"}])
    run("table", tmp_path / "in.jsonl", tmp_path / "out")
    (tmp_path / "x.qrels").write_text("q1 0 d1 1\n")
    with pytest.raises(InputError, match="none of the patents is in"):
        import_trec([str(tmp_path / "x.qrels")], str(tmp_path / "out"))
    with pytest.raises(InputError, match="no landscape folder"):
        import_trec([str(tmp_path / "x.qrels")], str(tmp_path))


def test_qrels_and_runs_go_into_a_landscape(tmp_path: Path) -> None:
    jsonl(tmp_path / "in.jsonl", [{"patent_id": "d1", "title": "a"}, {"patent_id": "d2", "title": "b"}])
    run("table", tmp_path / "in.jsonl", tmp_path / "out")
    (tmp_path / "x.qrels").write_text("d1 0 d2 1\n")
    (tmp_path / "tool.run").write_text("d1 Q0 d2 1 0.5 a\nd1 Q0 d1 2 nan a\n")
    report = import_trec([str(tmp_path / "x.qrels"), str(tmp_path / "tool.run")], str(tmp_path / "out"))
    assert report["tool.run"] == {
        "kind": "run", "read": 2, "kept": 1, "quarantined": 1, "reasons": {"score is no number": 1},
    }  # fmt: skip
    assert pq.read_table(tmp_path / "out" / "qrels.parquet").num_rows == 1
    assert pq.read_table(tmp_path / "out" / "runs" / "tool.parquet").num_rows == 1
