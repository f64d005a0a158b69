"""The report speaks of the measures that the suite asks for, in the suite's order, and of no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml

from patray.files import Folder
from patray.report.data import load_results
from patray.report.sections.tasks import verdicts
from patray.report.words import plain
from patray.report.write import write_report
from patray.statistics.reach import flips_that_carry

RENAMED = {
    "nDCG@10": "Recall@1000",
    "nDCG@100": "nDCG@20",
    "RR@10": "RR@5",
    "nDCG@10.drop": "Recall@1000.drop",
    "knn-macro-F1": "knn-micro-F1",
    "V-measure": "ARI",
    "V-measure.seed_sd": "ARI.seed_sd",
}
"""Metrics of the demo run as another suite would have them; all others are left out."""
TASKS: dict[str, Any] = {
    "retrieval": {"measures": ["Recall@1000", "nDCG@20", "RR@5"], "domain_from": "ipc"},
    "classification": {"probes": ["knn"], "measures": ["micro-F1"]},
    "clustering": {"measures": ["ARI"]},
}
OTHERS = ("nDCG@10", "Recall@10<", "Recall@100<", "AP@", "P@10", "RR@10", "macro-F1", "V-measure", "NMI", "logistic")


def odd_run(demo: Folder, to: Path, tasks: dict[str, Any], renamed: dict[str, str]) -> Folder:
    """The demo run with other measures: its tables renamed, its suite asking for them."""
    run = Folder.at(to)
    for name in ("evidence", "summary", "comparisons", "tuning", "items", "map", "quarantine"):
        table = demo.read_table(f"{name}.parquet")
        if "metric" in table.column_names:
            kept = table.filter(pc.is_in(table["metric"], value_set=pa.array(list(renamed))))
            column = pa.array([renamed[metric] for metric in kept["metric"].to_pylist()], pa.string())
            table = kept.set_column(kept.column_names.index("metric"), "metric", column)
        run.write_table(f"{name}.parquet", table)
    run.write_json("provenance.json", demo.read_json("provenance.json"))
    suite = yaml.safe_load(demo.read_text("suite.yaml"))
    run.write_text("suite.yaml", yaml.safe_dump({**suite, "tasks": tasks}))
    return run


@pytest.fixture(scope="module")
def odd(demo: Folder, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    run = odd_run(demo, tmp_path_factory.mktemp("odd"), TASKS, RENAMED)
    write_report(run)
    return run


def test_every_section_leads_with_the_first_measure_of_the_suite(odd: Folder) -> None:
    results = load_results(odd)
    assert [(item.kind, item.metric) for item in verdicts(results)] == [
        ("retrieval", "Recall@1000"),
        ("classification", "knn-micro-F1"),
        ("clustering", "ARI"),
    ]
    assert results.metrics("retrieval") == ["Recall@1000", "nDCG@20", "RR@5"]


def test_the_page_and_the_tables_name_the_suites_measures_and_no_other(odd: Folder) -> None:
    page = odd.read_text("report.html")
    tables = "\n".join(f"{name}\n{(odd / 'tables').read_text(name)}" for name in (odd / "tables").list())
    for measure in ("Recall@1000", "nDCG@20", "RR@5", "knn-micro-F1", "ARI"):
        assert measure in page
    for measure in ("Recall@1000", "knn-micro-F1", "ARI"):
        assert measure in tables
    for other in OTHERS:
        assert other not in page.replace("Macro-F1 and the clustering", ""), other
        assert other not in tables, other
    assert 'id="retrieval' in page


def test_the_order_of_the_suite_decides_which_measure_leads(demo: Folder, tmp_path: Path) -> None:
    same = {name: name for name in ("nDCG@10", "Recall@100")}
    run = odd_run(demo, tmp_path, {"retrieval": {"measures": ["Recall@100", "nDCG@10"]}}, same)
    [retrieval] = verdicts(load_results(run))
    assert retrieval.metric == "Recall@100"
    said = plain(retrieval.headline)
    assert "never significantly ahead" not in said  # its families are on nDCG@10: nothing was tested on Recall@100
    assert "not tested" in said or "no difference was tested" in said
    assert {line.badge for line in retrieval.lines} == {"no test"}


def test_a_suite_that_says_nothing_gets_what_the_run_holds_in_the_order_of_the_definitions(
    demo: Folder, tmp_path: Path
) -> None:
    run = odd_run(demo, tmp_path, {}, RENAMED)
    results = load_results(run)
    assert results.metrics("retrieval") == ["nDCG@20", "Recall@1000", "RR@5"]
    assert results.main_metric("clustering:area") == "ARI"


def test_families_that_their_flips_cannot_carry_are_told_before_the_answer(demo: Folder, tmp_path: Path) -> None:
    same = {name: name for name in ("nDCG@10", "knn-macro-F1", "V-measure")}
    run = odd_run(demo, tmp_path, {}, same)
    suite = yaml.safe_load(run.read_text("suite.yaml"))
    table = run.read_table("comparisons.parquet")
    size = table["family"].to_pylist().count("systems/retrieval")
    enough = flips_that_carry(size)
    for flips, told in ((enough - 1, True), (enough, False)):
        suite["statistics"] |= {"correction": "holm", "flips": flips}
        run.write_text("suite.yaml", yaml.safe_dump(suite))
        write_report(run)
        page = run.read_text("report.html")
        assert (f"comparisons systems/retrieval: {size} comparisons on {flips:,} flips" in page) is told
        if told:
            assert page.index("Read this first") < page.index('class="verdict"')
            assert f"statistics.flips to {enough:,} or more" in page
