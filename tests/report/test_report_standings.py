"""Who may be the best, who is not worse, and what is the cheapest of those, from rows that can be checked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from test_answer import WHERE, pair, results_of, row

from patray import tables
from patray.errors import InputError
from patray.files import Folder
from patray.report.advice import headline as advice
from patray.report.answer import answers_for
from patray.report.data import Results, load_results
from patray.report.html import render_page
from patray.report.sections.standing import explain_cheapest, explain_standing, standing_part
from patray.report.words import Name, plain

SUITE = """\
systems:
- {name: large, dense: large}
- {name: small, dense: small}
- {name: bm25, lexical: bm25}
statistics: {non_inferior: {margin: 0.01}}
"""
MEANS = {"large": 0.30, "small": 0.295, "bm25": 0.25}
SHORT = {"large": 0.002, "small": 0.009, "bm25": 0.06}
HOURS = {"large": 1.0, "small": 0.01}


def standing(system: str, rank: int, low: int, high: int, **other: Any) -> dict[str, Any]:
    numbers = {"mean": MEANS[system], "rank": rank, "rank_low": low, "rank_high": high, "may_win": low == 1}
    half = {"picked": 0.5, "held_out": 0.28, "winner_held_out": 0.285, "n": 1204}
    short = SHORT[system]
    where = {"family": "systems/retrieval", **WHERE}
    return {**where, "system": system, **numbers, "shortfall": short, "not_worse": short < 0.01, **half, **other}


THREE = [standing("large", 1, 1, 2), standing("small", 2, 1, 2), standing("bm25", 3, 3, 3)]


def read(folder: Path, rows: list[dict[str, Any]], suite: str = SUITE, priced: bool = True) -> Results:
    pairs = [pair("large", "small", 0.005, 0.3, p_equivalent=0.004), pair("large", "bm25", 0.05, 0.001)]
    steps = [
        {"step": "embed", "model": name, "view": "tac", "role": "document", "patents": 1000, "cpu_hours": hours}
        for name, hours in (HOURS if priced else {}).items()
    ]
    results_of(folder, [row(name, mean) for name, mean in MEANS.items()], pairs, provenance={"steps": steps})
    run = Folder.at(folder)
    run.write_text("suite.yaml", suite)
    run.write_table("standings.parquet", pa.Table.from_pylist(rows, schema=tables.STANDINGS))
    return load_results(run)


def said(results: Results) -> list[str | None]:
    answer = answers_for(results, "retrieval")[0]
    texts = [explain(results, answer, (Name("land"),)) for explain in (explain_standing, explain_cheapest)]
    return [None if text is None else plain(text) for text in texts]


def test_the_possible_winners_are_named_and_the_winner_is_not_oversold(tmp_path: Path) -> None:
    best, _ = said(read(tmp_path, THREE))
    assert best == (
        "On land, the best of 3 systems is one of 2, with 95% confidence: large and small. On others like them expect "
        "about 0.285 of the winner, not 0.300, its score on the very queries that chose it."
    )


def test_one_possible_winner_is_the_best_and_all_of_them_is_no_knowledge(tmp_path: Path) -> None:
    sure = [standing("large", 1, 1, 1), standing("small", 2, 2, 2), standing("bm25", 3, 3, 3)]
    assert (said(read(tmp_path / "1", sure))[0] or "").startswith("On land, large is the best of 3 systems with 95%")
    open_ = [standing(name, at, 1, 3) for at, name in enumerate(MEANS, start=1)]
    assert "any of the 3 systems may be the best: these queries cannot tell" in (
        said(read(tmp_path / "2", open_))[0] or ""
    )


def test_what_cannot_be_the_best_is_not_called_as_good_on_the_first_screen(tmp_path: Path) -> None:
    # Every pair is level by its own corrected test; the standings, whose intervals hold together, see more.
    both = read(tmp_path / "both", THREE)
    assert "small" in plain(advice(both, answers_for(both, "retrieval")))
    alone = [standing("large", 1, 1, 1), standing("small", 2, 2, 3), standing("bm25", 3, 2, 3)]
    one = read(tmp_path / "one", alone)
    text = plain(advice(one, answers_for(one, "retrieval")))
    assert "small" not in text
    assert "It is the only one that may be the best, with 95% confidence (1,204 queries)." in text


def test_the_cheapest_that_is_not_worse_is_chosen_by_its_recorded_cost(tmp_path: Path) -> None:
    _, cheapest = said(read(tmp_path, THREE))
    assert cheapest == (
        "On land, 2 of 3 systems are not worse than the best by more than 0.01 nDCG@10 (95% confidence, all at once); "
        "the cheapest of them is small (embedding model, about 10.0 CPU-hours ($0.50 at an example price of "
        "$0.05 a core-hour) for a million patents)."
    )
    near = [*THREE[:2], standing("bm25", 3, 3, 3, not_worse=True)]
    assert "the cheapest of them is bm25 (keyword search, nothing to embed)." in (
        said(read(tmp_path / "2", near))[1] or ""
    )


def test_what_is_not_shown_or_not_recorded_is_said_so(tmp_path: Path) -> None:
    none = [{**one, "not_worse": False, "shortfall": one["shortfall"] + 0.02} for one in THREE]
    assert said(read(tmp_path / "1", none))[1] == (
        "On land, no system is shown to be within 0.01 nDCG@10 of the best; large comes closest, "
        "worse by 0.022 at most."
    )
    assert (said(read(tmp_path / "2", THREE, priced=False))[1] or "").endswith(
        ": large and small; what they cost is not recorded."
    )
    assert (
        said(read(tmp_path / "3", THREE, SUITE.replace("0.01}", "null}").replace("{margin: null}", "null")))[1] or ""
    ).startswith("On land, the cheapest system that may be the best is small (embedding model, about 10.0 CPU-hours")


def test_the_section_shows_ranks_shortfall_and_equivalence(tmp_path: Path) -> None:
    results = read(tmp_path, THREE)
    part = standing_part(results, "retrieval", answers_for(results, "retrieval"), False)
    assert part is not None
    grid = part.panels[0].grid
    assert grid is not None
    rows = {
        cells[0].text: {column.title: cell for column, cell in zip(grid.columns, cells, strict=True)}
        for cells in grid.rows
    }
    assert [rows[name]["may be best"].text for name in MEANS] == ["yes", "yes", "no"]
    assert [rows[name]["rank"].small for name in MEANS] == ["1 to 2", "1 to 2", "3 for sure"]
    assert rows["small"]["within 0.01"].text == "yes"
    assert rows["small"]["equal to leader"].text == "p = 0.004"
    assert rows["bm25"]["cost"].text == "nothing to embed"
    assert "Which systems may be the best" in render_page(results)


def test_an_older_run_has_no_standings_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    results = results_of(tmp_path / "old", [row("a", 0.3), row("b", 0.2)], [pair("a", "b", 0.1, 0.01)])
    assert said(results) == [None, None]
    run = Folder.at(tmp_path / "old")
    run.write_table("standings.parquet", pa.table({"task": ["retrieval"]}))
    with pytest.raises(InputError, match=r"standings\.parquet: no column family, landscape"):
        load_results(run)
