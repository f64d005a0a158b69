"""Awkward values in valid files: what spells "no value", floats for numbers, another spelling of yes."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dapfam_samples import make_dapfam
from lens_samples import record
from sampling import by_id, counts, jsonl, reasons, rows, run
from test_import_bigquery import cites, publication

from patray.errors import InputError
from patray.importers.numbers import canonical

NULLS = ("null", "NaN", " ", "", None)


@pytest.mark.parametrize("null", NULLS)
def test_a_text_that_spells_no_value_hides_no_text_of_another_language_in_lens(null: Any, tmp_path: Path) -> None:
    rng = random.Random(0)
    records = [record(number, rng) for number in range(1, 4)]
    for one in records:
        one["biblio"]["invention_title"] = [{"text": null, "lang": "en"}, {"text": "Bürste", "lang": "de"}]
        one["abstract"] = [{"text": "Eine Bürste.", "lang": "de"}, {"text": null, "lang": "en"}]
    run("lens", jsonl(tmp_path / "in.jsonl", records), tmp_path / "out")
    found = rows(tmp_path / "out")
    assert {(row["title"], row["abstract"], row["language"]) for row in found} == {("Bürste", "Eine Bürste.", "de")}


@pytest.mark.parametrize("null", NULLS)
def test_a_text_that_spells_no_value_hides_no_text_of_another_language_in_bigquery(null: Any, tmp_path: Path) -> None:
    texts = [{"text": null, "language": "en"}, {"text": "Bürste", "language": "de"}]
    one = publication("US-2014313399-A1", True, title_localized=texts, abstract_localized=texts)
    run("bigquery", jsonl(tmp_path / "in.jsonl", [one]), tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    assert (row["title"], row["abstract"]) == ("Bürste", "Bürste")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("US10000001.0", "US10000001"), ("10000001.0", "US10000001"), ("20140313399.0", "US20140313399"),
        ("US 8.930.553 B2", "US8930553B2"), ("8.930.000", "US8930000"),
    ],
)  # fmt: skip
def test_a_number_that_pandas_made_a_float_is_the_same_number(text: str, key: str) -> None:
    assert canonical(text, "US") == key


def test_citations_of_a_table_set_that_pandas_wrote_again_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    patents = [
        f"{10000000 + n}\tutility\t2018-06-19\tBrush {n}\tB2\t{gone}"
        for n, gone in enumerate(("0", "0.0", "True", "1.0"))
    ]
    header = "patent_id\tpatent_type\tpatent_date\tpatent_title\twipo_kind\twithdrawn"
    (folder / "g_patent.tsv").write_text("\n".join([header, *patents, ""]))
    header = "patent_id\tcitation_sequence\tcitation_patent_id\tcitation_category"
    (folder / "g_us_patent_citation.tsv").write_text(f"{header}\n10000000\t0\t10000001.0\tcited by examiner\n")
    report = run("patentsview", folder, tmp_path / "out")
    assert counts(report) == (4, 2, 0, 2)
    assert set(by_id(tmp_path / "out")) == {"US10000000B2", "US10000001B2"}
    (cited,) = rows(tmp_path / "out", "citations")
    assert (cited["citing_id"], cited["cited_id"], cited["origin"]) == ("US10000000B2", "US10000001B2", "examiner")


def test_an_id_in_scientific_notation_is_its_number_or_no_id(tmp_path: Path) -> None:
    cells = ["2.0150056336E10", "2.02E+10", "1E5", "3.5E+10"]
    text = "".join(f"{cell},Brush {n}\n" for n, cell in enumerate(cells))
    (tmp_path / "in.csv").write_text(f"patent_id,title\n{text}")
    report = run("table", tmp_path / "in.csv", tmp_path / "out")
    assert counts(report) == (4, 2, 2, 0)
    assert set(by_id(tmp_path / "out")) == {"20150056336", "1E5"}
    lost = {line for line, reason in reasons(tmp_path / "out") if "its digits are lost" in reason}
    assert lost == {3, 5}


def test_a_file_of_another_name_is_told_how_it_should_be_called(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "export.txt", [publication("US-4000001-A", True, citation=cites("US-1-A"))])
    with pytest.raises(InputError, match=r"export\.txt looks like one: rename it to end in \.json"):
        run("bigquery", path, tmp_path / "out")


def test_a_lens_table_in_other_capitals_and_with_single_semicolons_is_the_same(tmp_path: Path) -> None:
    header = (
        "#,Jurisdiction,Kind,Display Key,Lens ID,Publication Date,Title,Abstract,CPC Classifications,"
        "IPCR Classifications,Simple Family Members,Application Number"
    )
    line = "1,US,B2,US 10000001 B2,001,2018-06-19,Hair; brush,Abs,A46B5/02;;A46B7/00,A46B5/02,001;;002,US 2016 A"
    found = []
    for name, text in (
        ("plain", f"{header}\n{line}\n"),
        ("lower", f"{header.lower()}\n{line}\n"),
        ("upper", f"{header.upper()}\n{line.replace(';;', '; ')}\n"),
    ):
        (tmp_path / f"{name}.csv").write_text(text)
        run("lens", tmp_path / f"{name}.csv", tmp_path / name)
        found.append(rows(tmp_path / name))
    assert found[0][0]["cpc"] == ["A46B5/02", "A46B7/00"]
    assert found[0][0]["title"] == "Hair; brush"
    assert found[0] == found[1] == found[2]


def _beir(folder: Path, title: str, text: str) -> Path:
    jsonl(folder / "corpus.jsonl", [{"_id": "d1", "title": title, "text": "A brush."}, {"_id": "d2", "text": text}])
    return folder


def _dapfam(folder: Path, title: str, text: str) -> Path:
    make_dapfam(folder, documents=20, queries=1)
    table = pq.read_table(folder / "corpus.parquet").slice(0, 2)
    for name, values in (
        ("relevant_id", ["d1", "d2"]), ("title_en", [title, None]), ("abstract_en", ["A brush.", text]),
        ("claims_text", [text, text]), ("description_en", [text, None]),
    ):  # fmt: skip
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
    pq.write_table(table, folder / "corpus.parquet")
    return folder


def _patenteb(folder: Path, title: str, text: str) -> Path:
    (folder / "clusters_inventor").mkdir(parents=True)
    texts = [f"{title} [SEP] A brush. [SEP] {text}", text]
    table = pa.table({"q": ["d1", "d2"], "text": texts, "cluster_id": [1, 2]})
    pq.write_table(table, folder / "clusters_inventor" / "a.parquet")
    return folder


@pytest.mark.parametrize(("make", "name"), [(_beir, "beir"), (_dapfam, "dapfam"), (_patenteb, "patenteb")])
@pytest.mark.parametrize("null", ["nan", "NaT", "NULL", "None", "<NA>"])
def test_a_text_that_spells_no_value_is_no_text_in_a_benchmark(make: Any, name: str, null: str, tmp_path: Path) -> None:
    report = run(name, make(tmp_path / "in", null, f" {null}"), tmp_path / "out")
    assert counts(report)[:3] == (2, 1, 1)  # the second document has nothing but the word
    (row,) = rows(tmp_path / "out")
    assert (row["patent_id"], row["title"], row["abstract"]) == ("d1", None, "A brush.")
    assert not row["claims"]
    assert not row["description"]
    assert any(reason == "no text in any section" for _, reason in reasons(tmp_path / "out"))
    kept = run(name, make(tmp_path / "kept", f"{null} brush", f"a {null}"), tmp_path / "whole")
    assert counts(kept)[:2] == (2, 2)  # the word inside a text is a word
