"""Lens CSV and JSON lines with planted quirks become the expected landscape, and the counts add up."""

import csv
import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from lens_samples import CSV_COLUMNS, csv_row, jsonl, lens_id, record

from patray.errors import ConflictError, InputError
from patray.files import Folder
from patray.importers.options import Options, Selection
from patray.importers.run import import_landscape
from patray.landscapes.validate import prepare


def run(path: Path, destination: Path, **options: Any) -> dict[str, Any]:
    return import_landscape("lens", [str(path)], str(destination), Options(**options), processes=1, progress=False)


def rows(destination: Path, name: str = "patents") -> list[dict[str, Any]]:
    return pq.read_table(destination / f"{name}.parquet").to_pylist()


def write_csv(path: Path, table: list[dict[str, str]], columns: list[str], bom: bool = True) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(table)
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode())


def test_json_lines_with_every_quirk_import_to_the_expected_landscape(tmp_path: Path) -> None:
    rng = random.Random(1)
    first, second, third, fourth = (record(n, rng) for n in (1, 2, 3, 4))
    second["biblio"]["references_cited"]["citations"][0]["patcit"]["document_id"] = [  # documented as a list
        {"jurisdiction": "US", "doc_number": "20120000001", "kind": "A1"}
    ]
    del second["biblio"]["references_cited"]["citations"][0]["patcit"]["lens_id"]
    third["families"]["simple_family"]["members"] = [{"lens_id": lens_id(3)}, {"lens_id": lens_id(4)}]
    fourth["claims"] = [{"claims": [{"claim_text": ["What is claimed is:", "1. A pump.", "2. The pump of claim 1."]}]}]
    fourth["abstract"] = [{"text": "Une pompe.", "lang": "fr"}]
    empty = {"lens_id": lens_id(9), "biblio": {"parties": {}}, "families": {}}
    search_report = record(10, rng, office="EP", kind="A3")
    odd_date = record(11, rng)
    odd_date["date_published"] = "2011-02-30"
    surrogate = record(12, rng)
    surrogate["biblio"]["invention_title"][0]["text"] = "bad \ud800 title"
    big = record(13, rng)
    big["description"]["text"] = "word " * 4_000_000
    lines = [
        first,
        second,
        third,
        fourth,
        empty,
        search_report,
        odd_date,
        '{"lens_id": "cut',
        json.dumps(surrogate),
        first,
        big,
    ]
    lines += ['["a list"]', "", '{"lens_id": "x", "biblio": 7}']
    (tmp_path / "export.jsonl").write_bytes(jsonl(lines, bom=True))

    report = run(tmp_path / "export.jsonl", tmp_path / "out")

    counts = report["tables"]["patents"]
    assert (counts["read"], counts["kept"], counts["quarantined"], counts["filtered"]) == (13, 7, 5, 1)
    patents = {row["patent_id"]: row for row in rows(tmp_path / "out")}
    assert set(patents) == {f"US2012000000{n}A1" for n in (1, 2, 3, 4)} | {
        "US20120000011A1", "US20120000012A1", "US20120000013A1",
    }  # fmt: skip
    one = patents["US20120000001A1"]
    assert one["lens_id"] == lens_id(1)
    assert one["abstract"].startswith("A ")
    assert one["claims"][0].startswith("1. A ")
    assert (one["ipc"], one["cpc"]) == (["A46B5/02"], ["A46B5/02", "Y10T29/49"])
    assert one["language"] == "en"
    assert str(one["date"]) == "2011-03-02"
    assert patents["US20120000003A1"]["family_id"] == patents["US20120000004A1"]["family_id"]
    assert patents["US20120000004A1"]["claims"] == ["1. A pump.", "2. The pump of claim 1."]
    assert patents["US20120000004A1"]["language"] == "fr"
    assert patents["US20120000011A1"]["date"] is None
    assert patents["US20120000012A1"]["title"] == "bad � title"
    assert len(patents["US20120000013A1"]["description"]) > 19_000_000

    quarantine = {(row["line"], row["reason"].split(":")[0]) for row in rows(tmp_path / "out", "quarantine")}
    assert quarantine == {
        (5, "no text in any section"),
        (7, "bad date, left empty"),
        (8, "not valid JSON"),
        (9, "not valid UTF-8 (broken bytes or a lone surrogate), the bad bytes became U+FFFD"),
        (10, "publication met before, the first was kept"),
        (12, "not the expected JSON"),
        (14, "not the expected JSON"),
    }
    cited = {tuple(row.values())[:5] for row in rows(tmp_path / "out", "citations")}
    assert ("US20120000002A1", "US20120000001A1", "examiner", "X", "search") in cited
    citations = report["tables"]["citations"]
    assert citations["read"] == citations["kept"] + citations["filtered"]
    same = {(row["citing_id"], row["cited_id"]): row["same_family"] for row in rows(tmp_path / "out", "citations")}
    assert same["US20120000004A1", "US20120000003A1"] is True
    assert same["US20120000003A1", "US20120000002A1"] is False

    prepared = prepare(Folder.at(tmp_path / "out"), Folder.at(tmp_path / "clean"))
    assert prepared.files["patents.parquet"].dropped == 0
    assert prepared.files["citations.parquet"].dropped == 0


def test_a_file_cut_into_many_units_gives_the_same_landscape_and_right_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(2)
    lines: list[Any] = [record(n, rng) for n in range(1, 60)]
    lines[40] = "{broken"
    (tmp_path / "export.jsonl").write_bytes(jsonl(lines))
    run(tmp_path / "export.jsonl", tmp_path / "one")
    monkeypatch.setattr("patray.importers.format.RANGE", 5000)
    run(tmp_path / "export.jsonl", tmp_path / "many")
    for name in ("patents", "citations", "quarantine"):
        assert rows(tmp_path / "one", name) == rows(tmp_path / "many", name)
    assert rows(tmp_path / "many", "quarantine")[0]["line"] == 41


@pytest.mark.parametrize("sign", [";;", "; ", "\n", " | "])
def test_values_of_a_csv_cell_are_told_apart_whatever_a_spreadsheet_made_of_the_sign(sign: str, tmp_path: Path) -> None:
    members, codes = sign.join([lens_id(1), lens_id(2)]), sign.join(["A46B5/02", "A46B7/04"])
    changes = {"Simple Family Members": members, "CPC Classifications": codes, "IPCR Classifications": codes}
    write_csv(tmp_path / "x.csv", [csv_row(1, **changes), csv_row(2)], CSV_COLUMNS)
    run(tmp_path / "x.csv", tmp_path / "out")
    first, second = rows(tmp_path / "out")
    assert first["cpc"] == first["ipc"] == ["A46B5/02", "A46B7/04"]
    assert first["family_id"] == second["family_id"]


def test_dates_of_a_csv_that_a_spreadsheet_wrote_anew_are_read_or_asked_for(tmp_path: Path) -> None:
    table = [csv_row(n, **{"Publication Date": date}) for n, date in ((1, "03/04/2013"), (2, "05/06/2014"))]
    write_csv(tmp_path / "x.csv", table, CSV_COLUMNS)
    with pytest.raises(InputError, match="none of 2 dates could be read; --date-format says the order"):
        run(tmp_path / "x.csv", tmp_path / "out")
    run(tmp_path / "x.csv", tmp_path / "said", date_format="DD/MM/YYYY")
    assert [str(row["date"]) for row in rows(tmp_path / "said")] == ["2013-04-03", "2014-06-05"]


def test_csv_with_every_quirk_imports_to_the_expected_landscape(tmp_path: Path) -> None:
    table = [
        csv_row(1, **{"Simple Family Members": f"{lens_id(1)};;{lens_id(2)}"}),
        csv_row(2, **{"Display Key": "US 2016/0193878 A1", "Jurisdiction": "US", "Abstract": ""}),
        csv_row(3, **{"Title": 'A "quoted" title', "Abstract": "Two\nlines, and a comma"}),
        csv_row(4, **{"Publication Date": ""}),
        csv_row(5, **{"Kind": "A4", "Display Key": "EP 0000005 A4", "Document Type": "Search Report"}),
        csv_row(6, **{"Title": "", "Abstract": " "}),
    ]
    write_csv(tmp_path / "lens-export.csv", table, CSV_COLUMNS)
    with (tmp_path / "lens-export.csv").open("ab") as file:
        file.write(b"7,EP,too,few\n")
        file.write(b'8,EP,A1,"EP 8"broken A1,x\n')
    report = run(tmp_path / "lens-export.csv", tmp_path / "out")
    counts = report["tables"]["patents"]
    assert (counts["read"], counts["kept"], counts["quarantined"], counts["filtered"]) == (8, 4, 3, 1)
    patents = {row["patent_id"]: row for row in rows(tmp_path / "out")}
    assert list(patents) == ["EP0000001A1", "US20160193878A1", "EP0000003A1", "EP0000004A1"]
    assert patents["EP0000001A1"]["family_id"] == patents["US20160193878A1"]["family_id"]
    assert patents["EP0000001A1"]["cpc"] == ["A46B5/02", "Y10T29/49"]
    assert patents["EP0000003A1"]["abstract"] == "Two\nlines, and a comma"
    assert patents["EP0000004A1"]["date"] is None
    lines = {row["line"]: row["reason"].split(":")[0] for row in rows(tmp_path / "out", "quarantine")}
    assert lines == {
        8: "no text in any section",
        9: "row and header differ in the number of fields",
        10: "broken quoting",
    }
    assert not (tmp_path / "out" / "citations.parquet").exists()


def test_a_2020_export_without_family_columns_makes_every_publication_its_own_family(tmp_path: Path) -> None:
    columns = [c for c in CSV_COLUMNS if "Family" not in c and c != "Cites Patent Count"]
    write_csv(tmp_path / "old.csv", [csv_row(1), csv_row(2)], columns, bom=False)
    report = run(tmp_path / "old.csv", tmp_path / "out")
    assert report["patents"]["families"] == 2


def test_a_renamed_column_is_an_error_with_the_likely_one(tmp_path: Path) -> None:
    columns = ["LensID" if c == "Lens ID" else c for c in CSV_COLUMNS]
    write_csv(tmp_path / "x.csv", [csv_row(1)], columns)
    with pytest.raises(InputError, match=r"x\.csv: missing column 'Lens ID' \(did you mean 'LensID'\?\)"):
        run(tmp_path / "x.csv", tmp_path / "out")


def test_a_wrong_delimiter_is_an_error_that_names_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(";".join(CSV_COLUMNS) + "\n")
    with pytest.raises(InputError, match="separated by semicolon"):
        run(tmp_path / "x.csv", tmp_path / "out")


def test_truncated_gzip_is_an_error_with_its_position_and_is_kept_only_when_asked(tmp_path: Path) -> None:
    rng = random.Random(3)
    data = gzip.compress(jsonl([record(n, rng) for n in range(1, 400)]))
    (tmp_path / "export.jsonl.gz").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match=r"export\.jsonl\.gz: cut off or damaged after [\d,]+ bytes"):
        run(tmp_path / "export.jsonl.gz", tmp_path / "out")
    report = run(tmp_path / "export.jsonl.gz", tmp_path / "kept", keep_truncated=True)
    assert 50 < report["tables"]["patents"]["kept"] < 399
    assert any("file cut off" in reason for reason in report["quarantine"])


def test_bytes_that_are_not_utf8_are_replaced_and_listed(tmp_path: Path) -> None:
    rng = random.Random(4)
    good, bad = record(1, rng), record(2, rng)
    bad["biblio"]["invention_title"][0]["text"] = "Bürste"
    raw = jsonl([good]) + jsonl([bad]).replace("Bürste".encode(), "Bürste".encode("latin-1"))
    (tmp_path / "mixed.jsonl").write_bytes(raw)
    run(tmp_path / "mixed.jsonl", tmp_path / "out")
    assert rows(tmp_path / "out")[1]["title"] == "B�rste"
    assert [(row["line"], row["action"]) for row in rows(tmp_path / "out", "quarantine")] == [(2, "kept")]


def test_selection_filters_and_collapses_and_counts_every_row(tmp_path: Path) -> None:
    rng = random.Random(5)
    lines = [record(n, rng) for n in range(1, 30)]
    for one in lines[:10]:
        one["families"]["simple_family"]["members"] = [{"lens_id": lens_id(n)} for n in range(1, 11)]
    for one in lines[20:]:
        one["abstract"] = [{"text": "要約", "lang": "ja"}]
    (tmp_path / "export.jsonl").write_bytes(jsonl(lines))
    selection = Selection(languages=("en",), representative="earliest", sample=8, seed=1)
    report = run(tmp_path / "export.jsonl", tmp_path / "out", selection=selection)
    counts = report["tables"]["patents"]
    assert counts["read"] == 29
    assert counts["kept"] == 8
    assert counts["filtered_by"] == {
        "other language": 9,
        "another publication stands for its family": 9,
        "not in the sample": 3,
    }
    cited = report["tables"]["citations"]
    assert cited["read"] == cited["kept"] + cited["filtered"]
    description = yaml.safe_load((tmp_path / "out" / "landscape.yaml").read_text())
    assert description["import"]["options"]["selection"]["sample"] == 8
    assert len(description["import"]["files"][0]["sha256"]) == 64


def test_the_same_import_is_not_done_again_and_another_one_is_refused(tmp_path: Path) -> None:
    rng = random.Random(6)
    (tmp_path / "export.jsonl").write_bytes(jsonl([record(1, rng)]))
    first = run(tmp_path / "export.jsonl", tmp_path / "out")
    stamp = (tmp_path / "out" / "patents.parquet").stat().st_mtime_ns
    assert run(tmp_path / "export.jsonl", tmp_path / "out") == first
    assert (tmp_path / "out" / "patents.parquet").stat().st_mtime_ns == stamp
    with pytest.raises(ConflictError, match="imported from lens"):
        run(tmp_path / "export.jsonl", tmp_path / "out", date="priority")


def test_a_citation_without_a_kind_reaches_the_publication_that_was_kept_of_two_alike(tmp_path: Path) -> None:
    rng = random.Random(7)
    first, second, citing = record(1, rng), record(1, rng), record(2, rng)
    second["date_published"] = "1999-01-01"  # the earlier one, but met second
    citation = citing["biblio"]["references_cited"]["citations"][0]["patcit"]
    del citation["lens_id"], citation["document_id"]["kind"]
    (tmp_path / "export.jsonl").write_bytes(jsonl([first, second, citing]))
    report = run(tmp_path / "export.jsonl", tmp_path / "out")
    assert report["tables"]["citations"]["kept"] == 1
    assert [row["cited_id"] for row in rows(tmp_path / "out", "citations")] == ["US20120000001A1"]
