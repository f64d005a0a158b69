"""JSON that is not lines: arrays, answers of services, records over many lines; wrong nesting."""

import gzip
import io
import json
import random
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens_samples import record
from sampling import by_id, counts, jsonl, reasons, run

from patray.errors import InputError
from patray.importers.json_documents import as_lines, is_document, records_of

RECORDS = [{"patent_id": f"P{n}", "title": f"brush {n}", "ipc": ["A46B5/02"]} for n in range(5)]
SHAPES = {
    "array": json.dumps(RECORDS),
    "array over lines": json.dumps(RECORDS, indent=2),
    "array, a record a line": "[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n",
    "answer": json.dumps({"total": 5, "max_score": 1.0, "data": RECORDS, "results": 5}),
    "answer over lines": json.dumps({"total": 5, "data": RECORDS}, indent=1),
    "answer, a record a line": '{"data": [\n' + ",\n".join(map(json.dumps, RECORDS)) + "\n]}",
    "answers, one a line": "\n".join(json.dumps({"data": RECORDS[at : at + 2]}) for at in (0, 2, 4)),
    "answer two deep": json.dumps({"response": {"start": 0, "numFound": 5, "docs": RECORDS}}),
    "answer three deep": json.dumps({"response": {"results": {"total": 5, "items": RECORDS}}}),
    "hits": json.dumps({"took": 1, "hits": {"total": 5, "hits": [{"_id": "x", "_source": one} for one in RECORDS]}}),
    "records over lines": "\n".join(json.dumps(one, indent=2) for one in RECORDS),
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "JSON text sequence (RFC 7464)": "".join(f"\x1e{json.dumps(one)}\n" for one in RECORDS),
    "text sequence over lines": "".join(f"\x1e{json.dumps(one, indent=1)}\n" for one in RECORDS),
    "text sequence without line ends": "".join(f"\x1e{json.dumps(one)}" for one in RECORDS),
    "records side by side": "".join(map(json.dumps, RECORDS)),
    "lines with commas": ",\n".join(map(json.dumps, RECORDS)) + ",\n",
    "records with commas between": ",".join(map(json.dumps, RECORDS)),
    "values in lists of one": "\n".join(
        json.dumps({key: one if key == "ipc" else [one] for key, one in record.items()}) for record in RECORDS
    ),
    "files put together": "\n".join("\ufeff" + json.dumps(one, indent=1) for one in RECORDS),
    "with a byte order mark": "\ufeff" + json.dumps(RECORDS, indent=2),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packed", [False, True])
def test_every_shape_gives_the_same_landscape(shape: str, packed: bool, tmp_path: Path) -> None:
    data = SHAPES[shape].encode()
    file = tmp_path / ("x.json.gz" if packed else "x.json")
    file.write_bytes(gzip.compress(data) if packed else data)
    assert counts(run("table", file, tmp_path / "out")) == (5, 5, 0, 0)
    assert by_id(tmp_path / "out")["P4"]["ipc"] == ["A46B5/02"]


def test_an_answer_that_wraps_one_record_is_that_record(tmp_path: Path) -> None:
    (tmp_path / "response.json").write_text(json.dumps({"total": 1, "data": record(1, random.Random(0))}))
    assert counts(run("lens", tmp_path / "response.json", tmp_path / "out")) == (1, 1, 0, 0)


@pytest.mark.parametrize("indent", [None, 2])
def test_an_answer_of_lens_and_an_array_for_bigquery_and_beir(indent: int | None, tmp_path: Path) -> None:
    answer = {"total": 3, "data": [record(n, random.Random(0)) for n in (1, 2, 3)], "results": 3}
    (tmp_path / "response.json").write_text(json.dumps(answer, indent=indent))
    assert counts(run("lens", tmp_path / "response.json", tmp_path / "lens"))[0] == 3
    rows = [{"publication_number": f"EP-{n}-A1", "title_localized": [{"text": "x", "language": "en"}]} for n in (1, 2)]
    (tmp_path / "rows.json").write_text(json.dumps(rows, indent=indent))
    assert counts(run("bigquery", tmp_path / "rows.json", tmp_path / "bigquery")) == (2, 2, 0, 0)
    (tmp_path / "corpus.json").write_text(json.dumps([{"_id": "a", "text": "x"}], indent=indent))
    assert counts(run("beir", tmp_path / "corpus.json", tmp_path / "beir")) == (1, 1, 0, 0)


def test_a_record_with_a_list_called_data_is_no_answer(tmp_path: Path) -> None:
    records = [{**one, "data": [{"x": 1}]} for one in RECORDS]
    assert counts(run("table", jsonl(tmp_path / "x.jsonl", records), tmp_path / "out")) == (5, 5, 0, 0)


def test_a_record_with_headers_of_an_export_and_a_list_called_documents_is_no_answer(tmp_path: Path) -> None:
    records = [{"Publication Number": f"EP100000{n}A1", "Title": "a", "documents": [{"id": "x"}]} for n in range(3)]
    run("table", jsonl(tmp_path / "x.jsonl", records), tmp_path / "out")
    assert list(by_id(tmp_path / "out")) == [f"EP100000{n}A1" for n in range(3)]
    answer = {"jsonrpc": "2.0", "id": 1, "result": records}
    run("table", jsonl(tmp_path / "y.json", [answer]), tmp_path / "answer")
    assert by_id(tmp_path / "answer") == by_id(tmp_path / "out")


def test_a_damaged_line_is_no_document(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"patent_id": "A", "title": \n' + "\n".join(map(json.dumps, RECORDS)))
    run("table", tmp_path / "x.jsonl", tmp_path / "out")
    assert reasons(tmp_path / "out") == {(1, "not valid JSON")}


@pytest.mark.parametrize(
    "text", ['[{"patent_id": "A", "title": "a"}, {"pat', '{\n "patent_id": "A",\n "title": oh no\n}']
)
def test_a_broken_document_is_an_error_with_the_place(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=r"x\.json: not valid JSON: .* at character \d+"):
        run("table", tmp_path / "x.json", tmp_path / "out")


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({"export": RECORDS}, ".export[]"), ({"a": 1, "b": {"my list": RECORDS}}, '.b["my list"][]'),
        ({f"key {n}": one for n, one in enumerate(RECORDS)}, ".[]"),
        ({"x": {f"k{n}": one for n, one in enumerate(RECORDS)}}, ".x[]"),
        ({"my list": RECORDS}, '.["my list"][]'),
    ],
)  # fmt: skip
def test_an_answer_with_records_under_an_unknown_name_says_how_to_make_lines(
    answer: dict[str, Any], path: str, indent: int | None, tmp_path: Path
) -> None:
    (tmp_path / "x.json").write_text(json.dumps(answer, indent=indent))
    with pytest.raises(InputError, match=re.escape(f"jq -c '{path}' x.json > lines.jsonl")):
        run("table", tmp_path / "x.json", tmp_path / "out")


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=6
)


@given(st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=4), max_size=6), st.sampled_from([None, 1]))
def test_lines_of_a_document_are_its_records(records: list[dict[str, Any]], indent: int | None) -> None:
    text = json.dumps(records, indent=indent)
    lines = b"".join(map(bytes, as_lines(io.BytesIO(text.encode()), "x", 64, needed=("",))))
    assert [json.loads(line) for line in lines.splitlines()] == records_of(records)
    assert is_document(text.encode())


NESTED: list[tuple[str, dict[str, Any], str]] = [
    (
        "bigquery",
        {"title_localized": [{"value": "Red"}]},
        "'title_localized' holds records with the keys value; wanted",
    ),
    ("bigquery", {"title_localized": "Red"}, "title_localized: 'Red' stands where a record is expected"),
    ("lens", {"abstract": [{"value": "Red"}]}, "column 'abstract' holds records with the keys value; wanted text"),
    ("lens", {"claims": {"en": [{"text": "1. A"}]}}, "column 'claims' holds records with the keys en; wanted claims"),
    ("lens", {"claims": [{"claims": [{"text": ["1. A"]}]}]}, r"column 'claims\.claims' .* wanted claim_text"),
    ("lens", {"biblio": {"title": "x"}}, "column 'biblio' holds records with the keys title; wanted publication_refer"),
    ("lens", {"biblio": {"classifications_ipcr": {"codes": ["A46B5/00"]}}}, "_ipcr' .* codes; wanted classifications"),
    ("lens", {"description": {"value": "x"}}, "column 'description' holds records with the keys value; wanted text"),
    (
        "lens",
        {"biblio": {"references_cited": [{"sequence": 1, "patcit": {"lens_id": "x"}}]}},
        r"column 'biblio\.references_cited' holds records with the keys sequence, patcit; wanted citations",
    ),
    (
        "lens",
        {"families": {"simple_family": [{"lens_id": "x"}]}},
        r"_family' .* keys lens_id; wanted family_id, members",
    ),
    (
        "bigquery",
        {"citation": [{"number": "EP-2-A1"}]},
        "column 'citation' holds records with the keys number; wanted pub",
    ),
    ("lens", {"biblio": {"invention_title": [{"t": "x"}]}}, r"column 'biblio\.invention_title' holds records"),
]


@pytest.mark.parametrize(("form", "change", "message"), NESTED)
def test_wrong_nesting_is_an_error_with_the_column(
    form: str, change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    one = record(1, random.Random(0)) if form == "lens" else {"publication_number": "EP-1-A1"}
    with pytest.raises(InputError, match=message):
        run(form, jsonl(tmp_path / "x.jsonl", [{**one, **change}]), tmp_path / "out")


def test_a_record_that_only_counts_its_citations_is_no_wrong_nesting(tmp_path: Path) -> None:
    one = record(1, random.Random(0))
    one["biblio"]["references_cited"] = {"patent_count": 0, "npl_count": 0}
    one["families"]["simple_family"] = {"size": 1}
    run("lens", jsonl(tmp_path / "x.jsonl", [one]), tmp_path / "lens")
    two = {"publication_number": "EP-1000000-A1", "title_localized": [{"text": "a", "language": "en"}],
           "citation": [{"npl_text": "Smith"}]}  # fmt: skip
    run("bigquery", jsonl(tmp_path / "y.jsonl", [two]), tmp_path / "bigquery")


def test_wrong_nesting_in_parquet_is_an_error_with_column_and_type(tmp_path: Path) -> None:
    for column, message in (
        (
            pa.array([[{"value": "Red"}]]),
            "column 'title_localized': a struct<value: string> has none of the fields text",
        ),
        (pa.array(["Red"]), r"column 'title_localized': a string stands where a record with .* is expected"),
    ):
        pq.write_table(pa.table({"publication_number": ["EP-1-A1"], "title_localized": column}), tmp_path / "x.parquet")
        with pytest.raises(InputError, match=message):
            run("bigquery", tmp_path / "x.parquet", tmp_path / "out")
