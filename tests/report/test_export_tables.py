"""Systems by measures with intervals: what the CSV holds is the summary, what LaTeX shows is the CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from patray.cli import main
from patray.errors import InputError
from patray.exports.tables import export_tables
from patray.files import Folder
from patray.report.data import load_results


def test_every_score_of_the_summary_is_there_in_full(demo: Folder, tmp_path: Path) -> None:
    assert main(["export", "tables", str(demo), str(tmp_path)]) == 0
    with (tmp_path / "scores.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    results = load_results(demo)
    wanted = {
        (row.task, row.landscape, row.view, row.system, row.metric): (row.mean, row.low, row.high, row.n)
        for row in results.rows
        if row.slice == "all" and row.metric in results.metrics(row.task)
    }
    found = {
        tuple(row[name] for name in ("task", "landscape", "view", "system", "measure")): (
            float(row["mean"]),
            *(float(row[end]) if row[end] else None for end in ("ci_low", "ci_high")),
            int(row["n"]),
        )
        for row in rows
    }
    assert found == wanted
    table = (tmp_path / "measures-retrieval-mobility-tac.tex").read_text()
    best = results.ranked("retrieval", "mobility", "nDCG@10", "tac")[0]
    assert rf"\textbf{{{best.mean:.4f} [{best.low:.4f}, {best.high:.4f}]}}" in table
    assert len(list(tmp_path.glob("*.tex"))) == len({row[:3] for row in wanted})


def test_a_run_without_a_score_is_refused(hostile: Folder, tmp_path: Path) -> None:
    run = Folder.at(tmp_path / "empty")
    for name in hostile.list():
        if "." in name:
            run.write_bytes(name, hostile.read_bytes(name))
    run.write_table("summary.parquet", run.read_table("summary.parquet").slice(0, 0))
    with pytest.raises(InputError, match="holds no score"):
        export_tables(run, Folder.at(tmp_path / "out"))
