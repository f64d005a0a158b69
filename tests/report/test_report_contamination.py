"""What the page says of queries newer than the models: who falls more, who does not, who is not known."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from test_answer import WHERE, pair, results_of, row

from patray import tables
from patray.files import Folder
from patray.report.answer import answers_for
from patray.report.data import load_results
from patray.report.html import render_page
from patray.report.sections.contamination import contamination_part
from patray.report.words import plain


def exposed(system: str, interaction: float, p: float | None, **other: Any) -> dict[str, Any]:
    where = {key: value for key, value in WHERE.items() if key != "slice"}
    counts = {"before": 900, "after": 250, "same_time": 4, "undated": 50, "mean_before": 0.3, "mean_after": 0.2}
    changes = {"change": -0.1, "reference_change": -0.1 - interaction, "interaction": interaction}
    changes |= {"reference_mean_before": 0.28, "reference_mean_after": 0.18 - interaction}
    ends = {"ci_low": interaction - 0.02, "ci_high": interaction + 0.02} if p is not None else {}
    empty = dict.fromkeys(tables.CONTAMINATION.names)
    found = empty | where | {"system": system, "released": "2021-01", "reference": "bm25"} | counts | changes | ends
    return found | {"p": p, "p_adjusted": p, "correction": "holm"} | other


def said(folder: Path, rows: list[dict[str, Any]]) -> tuple[str, str]:
    results_of(folder, [row("large", 0.3), row("small", 0.29), row("bm25", 0.25)], [pair("large", "small", 0.01, 0.3)])
    Folder.at(folder).write_table("contamination.parquet", pa.Table.from_pylist(rows, schema=tables.CONTAMINATION))
    results = load_results(Folder.at(folder))
    part = contamination_part(results, answers_for(results, "retrieval"))
    assert part is not None
    return " ".join(plain(sentence) for sentence in part.panels[0].text), render_page(results)


def test_a_system_that_falls_more_is_named_with_its_interval_and_n(tmp_path: Path) -> None:
    text, page = said(tmp_path, [exposed("large", -0.05, 0.001), exposed("small", 0.01, 0.6)])
    assert "large loses more on queries newer than the model than bm25 does" in text
    assert "0.050 [0.030, 0.070]" in text
    assert "250 newer queries" in text
    assert "large scores nDCG@10 0.300 on 900 queries dated before its model and 0.200 on 250 after; bm25 " in text
    assert "bm25 0.280 and 0.230." in text
    assert "Newer than the model" in page


def test_where_none_falls_more_it_says_how_many_queries_can_tell(tmp_path: Path) -> None:
    text, _ = said(tmp_path, [exposed("large", -0.01, 0.4), exposed("small", 0.01, 0.6, after=40)])
    assert "as far as 40 newer queries can tell" in text
    assert "large scores nDCG@10 0.300 on 900 queries" in text
    assert "small scores" not in text


def test_unknown_releases_and_missing_references_are_said(tmp_path: Path) -> None:
    text, _ = said(tmp_path, [exposed("large", -0.01, None, after=3), exposed("small", 0.0, None, released=None)])
    assert "at most 250 queries are newer" in text
    assert "small were released is not known" in text
    text, _ = said(tmp_path, [exposed("large", -0.01, None, reference=None)])
    assert "No keyword search was run beside them" in text


@pytest.mark.parametrize("rows", [[], [exposed("large", 0.0, None, before=0, after=0)]])
def test_without_dates_there_is_no_such_part(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(AssertionError):
        said(tmp_path, rows)
