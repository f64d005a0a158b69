"""`patray pool` and `patray judge` on a run: the sheet out, filled by its truth, and back."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from patray.cli import main
from patray.cluster.execute import execute
from tests.cluster.conftest import make_suite

pytestmark = pytest.mark.slow


def test_a_sheet_goes_out_and_comes_back(
    small_landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = make_suite(
        small_landscape, "views=[ta]", "systems=[{lexical: bm25}]", "exports=[]", "models=[]", "tasks={retrieval: {}}"
    )
    run = str(execute(suite, str(tmp_path / "work")))
    sheet = tmp_path / "sheet.csv"
    assert main(["pool", run, str(sheet), "--queries", "12", "--depth", "5"]) == 0
    with sheet.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    cited = pd.read_parquet(small_landscape / "citations.parquet")
    known = set(zip(cited.citing_id, cited.cited_id, strict=True))
    assert rows
    assert all(row["title"] or row["abstract"] for row in rows)
    assert not known & {(row["query_id"], row["patent_id"]) for row in rows}
    for row in rows:
        row["grade"] = "0"
    for name, grade in (("zero.csv", "0"), ("one.csv", "1")):
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, "grade": grade} for row in rows)
    capsys.readouterr()
    assert main(["judge", run, str(tmp_path / "zero.csv"), "--out", str(tmp_path / "out")]) == 0
    assert f"{len(rows):,} of {len(rows):,} pairs graded by 1 judge: zero" in capsys.readouterr().out
    scores = pd.read_csv(tmp_path / "out" / "scores.csv").set_index("metric")
    summary = pd.read_parquet(Path(run) / "summary.parquet")
    main_row = summary[(summary.slice == "all") & (summary.task == "retrieval")].set_index("metric")["mean"]
    (metric,) = set(scores.index) - {"RR@10", "P@10"}
    assert metric == "nDCG@5"
    assert scores.loc[metric, "estimate"] == scores.loc[metric, "before"]
    assert (main_row >= 0).all()
    assert main(["judge", run, str(tmp_path / "one.csv"), "--out", str(tmp_path / "all")]) == 0
    better = pd.read_csv(tmp_path / "all" / "scores.csv").set_index("metric")
    assert better.loc[metric, "judged_after"] > better.loc[metric, "judged_before"]
    assert better.loc[metric, "judged@5_after"] == 1.0
    qrels = pd.read_csv(tmp_path / "all" / "qrels.tsv", sep="\t")
    assert len(qrels) == len(rows)
    assert set(qrels.relevance) == {1}
    sheet.write_bytes((tmp_path / "one.csv").read_bytes().replace(rows[0]["patent_id"].encode(), b"nobody", 1))
    assert main(["judge", run, str(sheet)]) == 1
    assert "sheet.csv, row 2: patent_id 'nobody' was not pooled for query" in capsys.readouterr().err
    assert main(["judge", run, str(tmp_path / "one.csv"), "--machine", str(tmp_path / "zero.csv")]) == 1
    assert "zero.csv: the pool holds 12 of the " in capsys.readouterr().err
