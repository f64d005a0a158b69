"""What the page says of a landscape not yet seen: in plain words, wide where it is wide, nothing where two are all."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from make_run import large_run

from patray import tables
from patray.files import Folder
from patray.report.answer import answers_for
from patray.report.data import Results, load_results
from patray.report.html import render_page
from patray.report.sections.across import across_part
from patray.report.words import plain
from patray.tasks.across import across_landscapes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return large_run(str(tmp_path_factory.mktemp("across") / "large"), most=3)


def said(run: Folder, **change: Any) -> tuple[Results, str]:
    rows = across_landscapes(run.read_table("comparisons.parquet")).to_pylist()
    run.write_table("across.parquet", pa.Table.from_pylist([row | change for row in rows], schema=tables.ACROSS))
    results = load_results(run)
    part = across_part(results, "retrieval", answers_for(results, "retrieval"))
    assert part is not None
    return results, plain(part.panels[0].text[0])


def test_three_landscapes_say_how_little_they_are(run: Folder) -> None:
    results, text = said(run, new_low=-0.1, new_high=0.2)
    assert "over 3 landscapes" in text
    assert "it may as well be behind" in text
    assert "3 landscapes are few" in text
    assert "On a landscape not yet seen" in render_page(results)


def test_an_interval_on_one_side_of_zero_says_which(run: Folder) -> None:
    results, text = said(run, new_low=0.001, new_high=0.2)
    part = across_part(results, "retrieval", answers_for(results, "retrieval"))
    assert part is not None
    row = part.panels[0].grid.rows[0]
    assert len(row) == len(part.panels[0].grid.columns)
    assert ("it should be ahead there too" in text) or ("it should be behind there" in text)


def test_two_landscapes_are_said_to_say_nothing(run: Folder) -> None:
    _, text = said(run, landscapes=2, new_low=None, new_high=None)
    assert "2 landscapes say nothing of another one" in text


def test_a_run_of_before_has_no_such_part(tmp_path: Path) -> None:
    results = load_results(large_run(str(tmp_path / "old"), most=1))
    assert across_part(results, "retrieval", answers_for(results, "retrieval")) is None
