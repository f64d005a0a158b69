"""Qrels and runs of other tools into a landscape, counted line by line."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sampling import jsonl, run

from patray.errors import InputError
from patray.importers.source import find_files
from patray.importers.trec import import_trec, read_qrels


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


def test_qrels_that_share_nothing_with_the_landscape_are_an_error(tmp_path: Path) -> None:
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


def test_grades_that_are_whole_floats_are_read_and_the_others_are_lines_of_the_quarantine(tmp_path: Path) -> None:
    (tmp_path / "x.qrels").write_text(
        "q1 0 d1 1.0\nq1 0 d2 0.0\nq1 0 d3 2e0\nq1 0 d4 1.5\nq1 0 d5 3000000000\nq1 0 d6 nan\nq1 0 d7 -1.0\n"
    )
    found = read_qrels(find_files([str(tmp_path / "x.qrels")])[0])
    assert found.table["relevance"].to_pylist() == [1, 0, 2]
    assert [(one.line, one.reason) for one in found.findings] == [
        (4, "relevance is not a whole number: '1.5'"),
        (5, "relevance is beyond int32: '3000000000'"),
        (6, "relevance is not a whole number: 'nan'"),
        (7, "unjudged (negative relevance)"),
    ]


def test_qrels_without_one_judgement_say_what_is_wrong_with_the_first_line(tmp_path: Path) -> None:
    jsonl(tmp_path / "in.jsonl", [{"patent_id": "d1", "title": "a"}])
    run("table", tmp_path / "in.jsonl", tmp_path / "out")
    (tmp_path / "x.qrels").write_text("q1 0 d1 0.7\n")
    with pytest.raises(InputError, match=r"no judgement in it; x.qrels, line 1: relevance is not a whole .* '0.7'"):
        import_trec([str(tmp_path / "x.qrels")], str(tmp_path / "out"))
