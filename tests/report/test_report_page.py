"""The page as a browser would get it: whole, safe, complete, small enough, the same bytes every time."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from make_run import HOSTILE, demo_run, hostile_run

from patray.errors import InputError
from patray.files import Folder
from patray.report import html
from patray.report.advice import _glue
from patray.report.answer import answers_for
from patray.report.data import Results, load_results
from patray.report.grid import TOP
from patray.report.html import build_page, render_page
from patray.report.method import method_notes
from patray.report.words import Name, plain
from patray.report.write import write_report

VOID = {"meta", "br", "wbr", "link", "img", "hr", "input"}


class Reader(HTMLParser):
    """Checks nesting and collects tags, attributes, texts by element, and the unfolded rows of each table."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.rows: list[int] = []
        self.feed(page)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.rows.append(0)
        if tag == "tr" and "details" not in self.open:
            self.rows[-1] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def text(self) -> str:
        return " ".join(" ".join(part) for name, part in self.texts.items() if name not in ("script", "style"))


@pytest.fixture(scope="module")
def results(demo: Folder) -> Results:
    return load_results(demo)


@pytest.fixture(scope="module")
def page(results: Results) -> str:
    return render_page(results)


@pytest.mark.parametrize("name", ["demo", "hostile", "large"])
def test_the_page_is_well_formed_and_loads_nothing(name: str, request: pytest.FixtureRequest) -> None:
    page = render_page(load_results(request.getfixturevalue(name)))
    reader = Reader(page)
    identifiers = [found["id"] for _, found in reader.tags if "id" in found]
    assert len(set(identifiers)) == len(identifiers)
    for tag, attributes in reader.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not any(key.startswith("on") or key in ("style", "src", "srcset", "xlink:href") for key in attributes)
        if "href" in attributes:
            target = attributes["href"] or ""
            assert target.startswith("#")
            assert target[1:] in identifiers
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_allows_exactly_the_pages_own_style_and_script(page: str) -> None:
    reader = Reader(page)
    policy = next(found["content"] for tag, found in reader.tags if tag == "meta" and "http-equiv" in found)
    assert policy is not None
    for tag in ("style", "script"):
        contents = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert len(contents) == 1
        digest = base64.b64encode(hashlib.sha256(contents[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_untrusted_text_is_shown_as_text(hostile: Folder) -> None:
    page = render_page(load_results(hostile))
    reader = Reader(page)
    tags = [tag for tag, _ in reader.tags]
    assert tags.count("script") == 1
    assert HOSTILE not in page
    assert HOSTILE in "".join(reader.texts["h1"])
    assert any(HOSTILE in text for text in reader.texts["title"])
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", page)
    assert "модель<b>" in reader.text()


def test_what_provenance_does_not_hold_is_not_recorded(hostile: Folder) -> None:
    built = build_page(load_results(hostile))
    values = {fact.name: fact.value for fact in built.facts_of_run}
    assert values["Command"] == values["Machine"] == values["Commit"] == values["Took"] == "not recorded"
    assert [section.anchor for section in built.sections] == ["clustering", "map", "data"]
    assert built.notes == (f"retrieval not possible on {HOSTILE}",)


def test_the_first_section_answers_for_every_task_and_landscape(results: Results, page: str) -> None:
    built = build_page(results)
    assert [verdict.kind for verdict in built.verdicts] == ["retrieval", "classification", "clustering"]
    for verdict in built.verdicts:
        answers = answers_for(results, verdict.kind)
        assert [line.system for line in (*verdict.lines, *verdict.more)] == [answer.leader.system for answer in answers]
    first = page[: page.index('<section id="retrieval">')]
    for answer in answers_for(results, "retrieval"):
        assert f'<b class="n">{answer.leader.system}</b>' in first.replace("<wbr>", "")
        assert f"{answer.leader.mean:.3f}" in first
    assert [question for _, question, _ in built.questions] == [
        "Which part of the text?",
        "What is lost in other technical fields?",
        "Does it pay to join two systems?",
        "What did it take?",
    ]


def test_every_part_of_the_contents_is_there(page: str) -> None:
    contents = re.findall(r'href="#([^"]+)"', page[page.index("<nav") : page.index("</nav>")])
    expected = "systems views domain offices fusion"
    assert [name for name in contents if name.startswith("retrieval-")] == [f"retrieval-{n}" for n in expected.split()]
    assert [name for name in contents if "-" not in name] == [
        *("answer", "retrieval", "classification", "clustering", "comparisons", "map", "cost", "data", "landscapes"),
        *("quarantine", "models", "records", "vectors", "method", "run"),
    ]
    for name in contents:
        assert f'id="{name}"' in page


def tables_after(page: str, anchor: str) -> list[list[list[str]]]:
    """The visible tables after an anchor as lists of rows of texts."""
    part = page[page.index(f'id="{anchor}"') :]
    found = []
    for table in re.findall(r'<table class="grid">(.*?)</table>', part, re.DOTALL):
        rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        found.append([re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows])
    return found


def test_a_leaderboard_is_sorted_and_agrees_with_the_summary(results: Results, page: str) -> None:
    board = tables_after(page, "retrieval-systems")[0]
    ranked = results.ranked("retrieval", "mobility", "nDCG@10", "tac")
    assert [re.sub("<wbr>", "", row[0]) for row in board[1:]] == [row.system for row in ranked]
    for cells, row in zip(board[1:], ranked, strict=True):
        assert cells[1].startswith(f"{row.mean:.3f}<small>[{row.low:.3f}, {row.high:.3f}]")
        recall = results.find(row, "Recall@100")
        assert recall is not None
        assert f"{recall.mean:.3f}" in cells


def test_quarantine_rows_are_counted_by_reason(results: Results, page: str) -> None:
    rows = tables_after(page, "quarantine")[0][1:]
    assert sum(int(row[-1]) for row in rows) == len(results.quarantine) == 14


def test_the_resolved_suite_is_shown_whole(demo: Folder, page: str) -> None:
    shown = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)[0]
    assert shown.strip() == demo.read_text("suite.yaml").replace("'", "&#39;").strip()


def test_a_large_run_shows_few_rows_and_folds_the_rest(large: Folder) -> None:
    results = load_results(large)
    page = render_page(results)
    assert len(page) < 4_000_000
    open_tables = [rows for rows in Reader(page).rows if rows]
    assert len(open_tables) > 15
    assert max(open_tables) <= 22 + 1  # the models of the run; every other table stops at TOP
    assert sum(rows > TOP + 1 for rows in open_tables) == 1
    everything = tables_after(page, "retrieval-systems")[1]
    assert len(everything) - 1 == 27 * 6
    assert f"The first {TOP} of 27 systems." in page
    family = [c for c in results.comparisons if c.family == "systems/retrieval"]
    assert f"40 of {len(family):,} comparisons; all are in comparisons.parquet." in page


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    run, again = demo_run(str(tmp_path / "a")), demo_run(str(tmp_path / "b"))
    names = write_report(run)
    assert write_report(again) == names
    assert names[0] == "report.html"
    assert any(name.endswith(".md") for name in names)
    assert any(name.endswith(".tex") for name in names)
    first = {name: run.read_bytes(name) for name in names}
    assert {name: again.read_bytes(name) for name in names} == first
    write_report(run)
    assert {name: run.read_bytes(name) for name in names} == first


def test_the_order_of_rows_in_the_tables_of_a_run_does_not_decide_who_leads(demo: Folder, tmp_path: Path) -> None:
    other = demo_run(str(tmp_path / "run"))
    table = other.read_table("summary.parquet")
    other.write_table("summary.parquet", table.take(list(range(table.num_rows))[::-1]))
    leaders = [
        [
            (answer.landscape, answer.leader.system, answer.leader.view)
            for answer in answers_for(load_results(run), "retrieval")
        ]
        for run in (demo, other)
    ]
    assert sorted(leaders[0]) == sorted(leaders[1])


@pytest.mark.parametrize("name", ["summary.parquet", "comparisons.parquet", "provenance.json", "suite.yaml"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    run = hostile_run(str(tmp_path))
    run.delete(name)
    with pytest.raises(InputError, match=name):
        write_report(run)


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    run = hostile_run(str(tmp_path))
    run.write_bytes("summary.parquet", run.read_bytes("summary.parquet")[:-40])
    with pytest.raises(InputError, match=r"summary\.parquet: not a readable Parquet file"):
        write_report(run)


def test_a_missing_column_is_named_with_what_was_expected(tmp_path: Path) -> None:
    run = hostile_run(str(tmp_path))
    run.write_table("summary.parquet", pq.read_table(f"{run}/summary.parquet").drop_columns(["ci_low", "n"]))
    with pytest.raises(InputError, match=r"summary\.parquet: no column ci_low, n; expected task, landscape"):
        write_report(run)


def test_a_run_without_any_score_still_gives_a_page(tmp_path: Path) -> None:
    run = hostile_run(str(tmp_path))
    run.write_table("summary.parquet", run.read_table("summary.parquet").slice(0, 0))
    write_report(run)
    assert "This run holds no score." in run.read_text("report.html")


def test_the_method_says_from_which_grade_a_patent_counts_and_how_many_queries_have_none(demo: Folder) -> None:
    results = load_results(demo)
    [name, *_] = results.provenance["landscapes"]
    results.provenance["landscapes"][name]["truth"] = {"queries_too_low": 3, "queries": 1200}
    said = dict(method_notes(results, {"tasks": {"retrieval": {"relevant_from": 2}}}))["What counts as relevant"]
    assert "from grade 2 (relevant_from; trec_eval -l 2)" in said
    assert f"Left out: {name} 3 of 1,203 queries." in said
    assert "What counts as relevant" not in dict(method_notes(results, {"tasks": {"retrieval": {"relevant_from": 1}}}))


def test_a_list_after_an_apposition_has_one_comma(demo: Folder) -> None:
    costs = (Name("bge"), ", which costs less,")
    assert plain((*costs, *_glue(costs, 3), "a, b and c")) == "bge, which costs less, a, b and c"
    assert plain((*costs, *_glue(costs, 1), "a")) == "bge, which costs less, and a"
    assert plain((Name("bge"), *_glue((Name("bge"),), 2), "a and b")) == "bge, a and b"
    assert ",," not in re.sub(r"<(script|style).*?</\1>", "", render_page(load_results(demo)), flags=re.S)


def test_in_print_headings_and_what_they_introduce_stay_with_what_follows() -> None:
    css = (Path(html.__file__).parent / "page" / "page.css").read_text()
    printed = css[css.index("@media print") :]
    kept = next(line for line in printed.splitlines() if "break-after: avoid" in line)
    assert all(name in kept for name in ("h2", "h3", "h4", "dt", ".part > .note", ".panel > p", "thead"))
    assert "details:not([open]) { display: none; }" in printed
