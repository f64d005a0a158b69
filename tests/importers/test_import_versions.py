"""Text cells with several versions: Orbit's numbers in brackets, Derwent's ` | `."""

import datetime
import io
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from sampling import by_id, counts, run

from patray.errors import InputError
from patray.importers.versions import first_version, of_own_publication

PRINTED = {
    "US": ("US20150056336 A1 2015-02-26", "US20150056336"),
    "EP": ("EP2842432 A1 2015-03-04", "EP2842432"),
    "WO": ("WO2015026896 (A1)", "WO 2015/026896"),
    "CN": ("CN104412345 A", "CN104412345A"),
}
"""As the cell of numbers has it, and as a text does."""
WORDS = ("brush", "comb (10)", "hinge", "of FIG. 2 (a)", "US", "(US9999999)", "teeth", "and/or")


@pytest.mark.parametrize("seed", range(40))
def test_the_text_of_the_rows_own_publication_is_taken_without_its_mark(seed: int) -> None:
    rng = random.Random(seed)
    offices = rng.sample(sorted(PRINTED), rng.randint(1, 4))
    texts = {office: "A " + " ".join(rng.choices(WORDS, k=6)) + "." for office in offices}
    cell = rng.choice(["\n", " | ", "; "]).join(PRINTED[office][0] for office in offices)
    rng.shuffle(offices)
    mark = {office: f"({PRINTED[office][1]})" for office in offices}
    if rng.random() < 0.5:
        said = "\n".join(f"{mark[office]}\n{texts[office]}" for office in offices)
    else:
        said = rng.choice([" ", " \n"]).join(f"{texts[office]} {mark[office]}" for office in offices)
    own = next(office for office in PRINTED if cell.startswith(PRINTED[office][0]))
    assert of_own_publication(pa.array([said, None]), pa.array([cell, cell])).to_pylist() == [texts[own], None]


@pytest.mark.parametrize(
    "text",
    [
        "A brush as in (US20150056336), with a hinge",
        "(US1234567) is improved upon",
        "A comb (10)",
        "(A46B5/00) brush",
        "",
    ],
)
def test_brackets_that_mark_no_text_of_the_row_are_words(text: str) -> None:
    assert of_own_publication(pa.array([text]), pa.array(["US20150056336 A1"])).to_pylist() == [text]


def test_a_number_in_the_middle_of_a_sentence_ends_no_version() -> None:
    cell, own = "US20150056336 A1\nEP2842432 A1", "The comb of (EP2842432) and (US20150056336), folded"
    for text, wanted in (
        (f"{own} (US20150056336)", own),
        (f"Comb (EP2842432) {own} (US20150056336)", own),
        (f"(EP2842432)\nA comb.\n(US20150056336)\n{own}", own),
        (f"(EP2842432)\nA comb. (US20150056336)\n{own}", own),
        (own, own),
    ):
        assert of_own_publication(pa.array([text]), pa.array([cell])).to_pylist() == [wanted]


def test_the_first_version_that_says_something_is_taken() -> None:
    said = pa.array(["Brush | Bürste | Brosse", " | Bürste", "a|b", "one\ntwo | drei", None, "Brush"])
    assert first_version(said, " | ").to_pylist() == ["Brush", "Bürste", "a|b", "one\ntwo", None, "Brush"]
    assert first_version(said, "").to_pylist() == said.to_pylist() == first_version(said, "none").to_pylist()
    assert first_version(pa.array(["a\nb"]), "newline").to_pylist() == ["a"]


DERWENT = """Search results,,,,,,
Query,hair,,,,,
30 Nov 2026,,,,,,
Publication Number,Title,Title - DWPI,Abstract,Claims,IPC - Current,Publication Date
US20150056336A1,Brush | Bürste,Hinge,It folds. | Faltet.,1. A brush. | 1. Bürste.,A46B-0005/00 | A46B-0015/00,2015-02-26
EP2842432A1,Haarbürste,Brush,Eine Bürste.,1. Bürste.,A46B-0005/00,2015-03-04
"""


def test_of_derwents_versions_the_first_is_the_text_and_that_is_said(tmp_path: Path, capsys: Any) -> None:
    source = tmp_path / "derwent.csv"
    source.write_text(DERWENT, encoding="utf-8-sig")
    report = run("table", source, tmp_path / "out")
    assert "' | ' between versions the first" in report["taken"][0]
    first = by_id(tmp_path / "out")["US20150056336A1"]
    assert (first["title"], first["abstract"], first["claims"]) == ("Brush", "It folds.", ["1. A brush."])
    assert first["ipc"] == ["A46B-0005/00", "A46B-0015/00"]
    assert first["date"] == datetime.date(2015, 2, 26)
    other = tmp_path / "other.csv"  # no export of Derwent's: the sign is a sign
    other.write_text("Publication Number,Title\nUS20150056336A1,Brush | a tool\n")
    run("table", other, tmp_path / "plain")
    assert by_id(tmp_path / "plain")["US20150056336A1"]["title"] == "Brush | a tool"
    run("table", other, tmp_path / "cut", separators={"title": "|"})
    assert by_id(tmp_path / "cut")["US20150056336A1"]["title"] == "Brush"
    with pytest.raises(InputError, match=r"--separator date=.*allowed are .*title"):
        run("table", other, tmp_path / "none", separators={"date": "|"})


def test_orbit_families_have_the_texts_and_dates_of_their_own_publication(tmp_path: Path) -> None:
    source = tmp_path / "orbit.csv"
    source.write_text(
        "Questel unique family ID (FAN),Publication numbers with kind code (& date),English title,Abstract,Claims,"
        "Publication dates\n"
        '56001,"US20150056336 A1 2015-02-26\nEP2842432 A1 2015-03-04",'
        '"Folding brush (EP2842432)\nBrush (US20150056336)",'
        '"(EP2842432)\nA brush.\n(US20150056336)\nA brush that folds (10).","(US20150056336)\n1. A brush.\n2. The brush'
        ' of claim 1.","(EP2842432) 2015-03-04\n(US20150056336) 2015-02-26"\n'
    )
    run("table", source, tmp_path / "out")
    (row,) = by_id(tmp_path / "out").values()
    assert (row["title"], row["abstract"], row["date"].isoformat()) == (
        "Brush",
        "A brush that folds (10).",
        "2015-02-26",
    )
    assert row["claims"] == ["1. A brush.\n2. The brush of claim 1."]


INCOPAT = """公开（公告）号,标题 (中文),标题(翻译),摘要 (中文),摘要(翻译)
CN104412345A,刷子,Brush,一种刷子,A brush.
US20150056336A1,,Comb,-,A comb.
EP2842432A1,nan,, ,
"""


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_translation_fills_what_the_column_of_originals_leaves_empty(suffix: str, tmp_path: Path) -> None:
    table = pd.read_csv(io.StringIO(INCOPAT), keep_default_na=False)
    source = tmp_path / f"export{suffix}"
    if suffix == ".csv":
        source.write_text(INCOPAT)
    elif suffix == ".jsonl":
        table.to_json(source, orient="records", lines=True, force_ascii=False)
    else:
        table.to_parquet(source)
    report = run("table", source, tmp_path / "out")
    assert "title = '标题 (中文)', else '标题(翻译)'" in report["taken"][0]
    assert "not used" not in report["taken"][0]
    assert counts(report) == (3, 2, 1, 0)
    found = {id: (row["title"], row["abstract"]) for id, row in by_id(tmp_path / "out").items()}
    assert found == {"CN104412345A": ("刷子", "一种刷子"), "US20150056336A1": ("Comb", "A comb.")}
    report = run("table", source, tmp_path / "said", columns={"title": "标题(翻译)"})  # what is said is said
    assert {row["title"] for row in by_id(tmp_path / "said").values()} == {"Brush", "Comb"}
    assert "title = '标题(翻译)'," in report["taken"][0]
