"""Markdown and LaTeX tables: what they hold, and that no text can break out of its cell."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.files import Folder
from patray.report.data import Results, load_results
from patray.report.layouts import Layout, study_layouts
from patray.report.tables_latex import LONG, escape_latex, latex_table
from patray.report.tables_md import markdown_table
from patray.report.words import clean

UNESCAPE = {
    r"\textbackslash{}": "\\",
    r"\textasciicircum{}": "^",
    r"\textasciitilde{}": "~",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    **{rf"\{sign}": sign for sign in "{}$&%#_"},
}


def read_latex(text: str) -> str:
    pattern = "|".join(re.escape(key) for key in sorted(UNESCAPE, key=len, reverse=True))
    return re.sub(pattern, lambda found: UNESCAPE[found[0]], text)


@given(st.text("\\{}$&%#_^~<>|abc é"))
def test_escaped_latex_reads_as_the_text_it_was(text: str) -> None:
    escaped = escape_latex(text)
    assert read_latex(escaped) == text
    assert escaped.count("{") - escaped.count(r"\{") == escaped.count("}") - escaped.count(r"\}")
    assert not re.search(r"(?<!\\)[&%#$_~^]", escaped)


def rows_of_markdown(text: str) -> list[list[str]]:
    """Cells as GitHub's Markdown reads them; anything that would be markup, except bold, fails."""
    return [cells_of(line) for line in text.splitlines() if line.startswith("|") and not set(line) <= set("| -:")]


def cells_of(line: str) -> list[str]:
    cells, at = [""], 0
    while at < len(line):
        if line[at] == "\\":
            cells[-1] += line[at + 1]
            at += 1
        elif line[at] == "|":
            cells.append("")
        elif line.startswith("**", at):
            at += 1
        else:
            assert line[at] not in "`*_<>[]~#$", f"markup in {line}"
            cells[-1] += line[at]
        at += 1
    return [html.unescape(cell.strip(" ")) for cell in cells[1:-1]]


@given(st.lists(st.text(max_size=12).map(clean), min_size=2, max_size=2), st.text("ab|\\*_", max_size=9))
def test_a_cell_of_a_markdown_table_reads_as_the_text_it_was(cells: list[str], name: str) -> None:
    layout = Layout("x", "caption", ("System", name or "view"), (False, True), (tuple(cells),), frozenset({(0, 1)}))
    head, body = rows_of_markdown(markdown_table(layout))
    assert head == ["System", name or "view"]
    assert body == cells


def latex_rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.endswith(r"\\") and not line.startswith(r"\caption")]


@pytest.mark.parametrize("name", ["demo", "hostile", "large"])
def test_latex_tables_are_balanced_and_every_row_has_every_column(name: str, request: pytest.FixtureRequest) -> None:
    layouts = study_layouts(load_results(request.getfixturevalue(name)))
    assert layouts
    for layout in layouts:
        text = latex_table(layout)
        plain = re.sub(r"\\[{}\\]", "", text)
        assert plain.count("{") == plain.count("}")
        assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1]
        assert len(latex_rows(text)) == len(layout.rows) + (2 if len(layout.rows) > LONG else 1)
        for line in latex_rows(text):
            assert len(re.findall(r"(?<!\\)&", line)) == len(layout.columns) - 1
        spec = re.search(r"\\begin\{(?:tabular|longtable)\}\{([lr]+)\}", text)
        assert spec is not None
        assert len(spec[1]) == len(layout.columns)
        assert text.isprintable() or "\n" in text


@pytest.fixture(scope="module")
def results(demo: Folder) -> Results:
    return load_results(demo)


def found(results: Results, name: str) -> Layout:
    return next(layout for layout in study_layouts(results) if layout.name == name)


def test_the_table_of_views_holds_every_mean_and_marks_the_highest_of_each_column(results: Results) -> None:
    layout = found(results, "views-retrieval-mobility-nDCG@10")
    assert layout.columns == ("System", "abstract", "ta", "ta+claim1", "tac", "Mean")
    numbers = {cells[0]: [float(text) for text in cells[1:]] for cells in layout.rows}
    for row in results.ranked("retrieval", "mobility", "nDCG@10"):
        assert numbers[row.system][layout.columns.index(row.view) - 1] == pytest.approx(row.mean, abs=5e-5)
    for system, values in numbers.items():
        assert values[4] == pytest.approx(sum(values[:4]) / 4, abs=1e-4), system
    columns = list(zip(*numbers.values(), strict=True))
    for i, j in layout.bold:
        assert columns[j - 1][i] == max(columns[j - 1])
    assert {j for _, j in layout.bold} == {1, 2, 3, 4, 5}


def test_the_table_of_label_sets_has_the_mean_over_them(results: Results) -> None:
    layout = found(results, "labels-classification-vision-tac-knn-macro-F1")
    assert layout.columns == ("System", "area", "ipc-subclass", "Mean")
    first = [float(text) for text in layout.rows[0][1:]]
    assert first[2] == pytest.approx((first[0] + first[1]) / 2, abs=1e-4)


def test_the_table_of_comparisons_holds_all_of_them_with_stars_on_the_corrected_p(results: Results) -> None:
    layout = found(results, "comparisons-systems-retrieval-mobility")
    assert layout.columns == ("View", "System A", "System B", "A", "B", "Difference", "p", "", "n")
    expected = [c for c in results.comparisons if (c.family, c.landscape) == ("systems/retrieval", "mobility")]
    assert len(layout.rows) == len(expected) == 4 * 28
    for cells, seen in zip(layout.rows, expected, strict=True):
        assert cells[:3] == (seen.view, seen.a, seen.b)
        assert float(cells[5].replace("−", "-")) == pytest.approx(seen.diff, abs=5e-5)
        assert seen.p_adjusted is not None
        assert len(cells[7]) == sum(seen.p_adjusted < level for level in (0.05, 0.01, 0.001))


def test_intervals_are_written_on_request(results: Results) -> None:
    plain, wide = (study_layouts(results, intervals=flag)[0] for flag in (False, True))
    assert re.fullmatch(r"0\.\d{4} \[0\.\d{4}, 0\.\d{4}\]", wide.rows[0][1])
    assert wide.rows[0][1].startswith(plain.rows[0][1])


@pytest.mark.parametrize("name", ["demo", "hostile", "large"])
def test_table_names_are_unique_and_safe_on_every_file_system(name: str, request: pytest.FixtureRequest) -> None:
    names = [layout.name for layout in study_layouts(load_results(request.getfixturevalue(name)))]
    assert len({found.lower() for found in names}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_@.+-]+", found) and len(found) < 130 for found in names)
