"""Common and rare labels on the page and in the tables, with how many labels and patents each row is about."""

from pathlib import Path

import numpy as np
from make_provenance import resolved_suite, run_provenance
from make_run import Builder

from patray.files import Folder
from patray.report.answer import answers_for
from patray.report.data import load_results
from patray.report.html import render_page
from patray.report.sections.frequency import frequency_layouts, frequency_part

ROWS = {"all": (0.5, 9), "labels=head": (0.7, 2), "labels=tail": (0.2, 7)}


def results_at(folder: Path):
    build = Builder(1)
    for system, gain in (("minilm", 0.0), ("qwen3-0.6b", 0.05)):
        for part, (mean, labels) in ROWS.items():
            where = ("classification:area", "mobility", "ta", system, part, "knn-macro-F1")
            build.rows["summary"].append((*where, mean + gain, mean + gain - 0.1, mean + gain + 0.1, 400, labels))
    build.write(
        Folder.at(folder),
        run_provenance("demo", {"mobility": 620}, ["minilm", "qwen3-0.6b"], ["ta"]),
        resolved_suite("demo", {"mobility": 620}, ["ta"], ["minilm", "qwen3-0.6b"]),
    )
    return load_results(Folder.at(folder))


def test_a_row_a_band_with_its_labels_and_patents(tmp_path: Path) -> None:
    results = results_at(tmp_path)
    part = frequency_part(results, answers_for(results, "classification"))
    assert part is not None
    (panel,) = part.panels
    assert [column.title for column in panel.grid.columns[-2:]] == ["qwen3-0.6b", "minilm"]
    shown = [[cell.text for cell in row] for row in panel.grid.rows]
    assert shown == [
        ["head", "over 100", "2", "400", "0.750", "0.700"],
        ["tail", "under 20", "7", "400", "0.250", "0.200"],
    ]
    assert "Common and rare labels" in render_page(results)


def test_the_table_names_the_counts_in_its_heads(tmp_path: Path) -> None:
    results = results_at(tmp_path)
    (layout,) = frequency_layouts(results, answers_for(results, "classification"))
    assert layout.columns == ("System", "head (2 labels, 400 patents)", "tail (7 labels, 400 patents)")
    assert layout.rows[0][0] == "qwen3-0.6b"
    assert layout.rows[0][1] == "0.7500 [0.650, 0.850]"


def test_a_run_that_knew_no_bands_has_no_such_part(tmp_path: Path) -> None:
    results_at(tmp_path)
    run = Folder.at(tmp_path)
    table = run.read_table("summary.parquet")
    old = table.filter(np.asarray(table["slice"]) == "all").drop_columns(["labels"])
    run.write_table("summary.parquet", old)
    results = load_results(run)
    assert results.rows[0].labels == 0
    assert frequency_part(results, answers_for(results, "classification")) is None
