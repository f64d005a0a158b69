"""Google Patents Public Data as JSON lines (integers as strings) and as Parquet (integers), with planted quirks."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sampling import by_id, check_valid, counts, jsonl, reasons, rows, run

from patray.errors import InputError


def publication(number: str, integers: bool = False, **changes: Any) -> dict[str, Any]:
    office, _, kind = number.split("-")
    row = {
        "publication_number": number,
        "country_code": office,
        "kind_code": kind,
        "family_id": "99999999",
        "title_localized": [{"text": "Bürste", "language": "de"}, {"text": "Brush", "language": "en"}],
        "abstract_localized": [{"text": "A brush folds.", "language": "en"}],
        "claims_localized": [
            {"text": "What is claimed is: 1. A brush. 2. The brush of claim 1, that folds.", "language": "en"}
        ],
        "description_localized": [],
        "publication_date": "20140630",
        "filing_date": "20130102",
        "grant_date": "0",
        "priority_date": "20120102",
        "ipc": [{"code": "A46B5/02", "inventive": True, "first": True, "tree": []}] * 2,
        "cpc": [],
        "citation": [],
        **changes,
    }
    if integers:
        for name in ("publication_date", "filing_date", "grant_date", "priority_date"):
            row[name] = int(row[name])
    return row


def cites(*numbers: str) -> list[dict[str, Any]]:
    return [
        {"publication_number": n, "type": "X", "category": "SEA", "npl_text": "", "filing_date": "0"} for n in numbers
    ]


def sample(integers: bool) -> list[dict[str, Any]]:
    other = {"integers": integers, "family_id": "-1"}
    return [
        publication("US-2014313399-A1", integers, citation=cites("US-4000001-A", "EP-292076-A1", "")),
        publication("US-4000001-A", **other, publication_date="0"),
        publication("EP-0292076-A1", **other, claims_localized=[], citation=cites("US-20140313399-A1", "JP-H117015-A")),
        publication("EP-0292076-B1", **other, title_localized=[], abstract_localized=[], claims_localized=[]),
        publication("WO-9721730-A1", **other, publication_date="19970631"),
    ]


def check(report: dict[str, Any], out: Path) -> None:
    assert counts(report) == (5, 4, 1, 0)
    patents = by_id(out)
    assert set(patents) == {"US20140313399A1", "US4000001A", "EP0292076A1", "WO1997021730A1"}
    first = patents["US20140313399A1"]
    assert first["title"] == "Brush"
    assert first["claims"] == ["1. A brush.", "2. The brush of claim 1, that folds."]
    assert first["ipc"] == ["A46B5/02"]
    assert str(first["date"]) == "2014-06-30"
    assert patents["US4000001A"]["date"] is None
    assert len({row["family_id"] for row in patents.values()}) == 4  # -1 is unknown, not one giant family
    assert {(row["citing_id"], row["cited_id"]) for row in rows(out, "citations")} == {
        ("US20140313399A1", "US4000001A"),
        ("US20140313399A1", "EP0292076A1"),
        ("EP0292076A1", "US20140313399A1"),
    }
    assert counts(report, "citations") == (4, 3, 0, 1)
    assert {reason for _, reason in reasons(out)} == {"no text in any section", "bad date, left empty"}


def test_json_lines_with_integers_as_strings_import_from_gzipped_shards(tmp_path: Path) -> None:
    lines = [json.dumps(one) for one in sample(integers=False)]
    for shard, part in enumerate((lines[:2], lines[2:])):
        path = tmp_path / f"part-{shard:012d}.json.gz"
        path.write_bytes(gzip.compress(("\n".join(part) + "\n").encode()))
    check(run("bigquery", tmp_path, tmp_path.parent / "out-json"), tmp_path.parent / "out-json")
    check_valid(tmp_path.parent / "out-json", tmp_path / "clean")


def test_json_lines_with_integers_give_the_same(tmp_path: Path) -> None:
    jsonl(tmp_path / "export.jsonl", sample(integers=True))
    check(run("bigquery", tmp_path / "export.jsonl", tmp_path / "out"), tmp_path / "out")


def test_parquet_gives_the_same_whatever_its_list_encoding(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(sample(integers=True))
    pq.write_table(table, tmp_path / "export.parquet", use_compliant_nested_type=False, row_group_size=2)
    check(run("bigquery", tmp_path / "export.parquet", tmp_path / "out"), tmp_path / "out")


def test_a_cut_parquet_file_and_a_parquet_file_of_something_else_are_errors(tmp_path: Path) -> None:
    pq.write_table(pa.table({"publication_no": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"missing column 'publication_number' .did you mean 'publication_no'"):
        run("bigquery", tmp_path / "other.parquet", tmp_path / "out")
    data = (tmp_path / "other.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(data[:-20])
    with pytest.raises(InputError, match=r"cut\.parquet: not a whole Parquet file"):
        run("bigquery", tmp_path / "cut.parquet", tmp_path / "out")


def test_priority_dates_are_taken_when_asked(tmp_path: Path) -> None:
    jsonl(tmp_path / "export.jsonl", sample(integers=False))
    run("bigquery", tmp_path / "export.jsonl", tmp_path / "out", date="priority")
    assert str(by_id(tmp_path / "out")["US20140313399A1"]["date"]) == "2012-01-02"
