"""Every kind of damage in every format that can carry it: kept, quarantined or filtered, never lost, never a crash."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dapfam_samples import make_dapfam
from lens_samples import CSV_COLUMNS, csv_row, lens_id, record
from lens_samples import jsonl as lens_lines
from sampling import by_id, check_valid, counts, reasons, rows, run
from test_import_bigquery import cites, publication
from test_import_hupd import application
from test_import_lens import write_csv
from test_import_patentsview import TABLES, tsv
from test_import_uspto_xml import grant, weekly

from patray.errors import InputError
from patray.importers.options import Selection
from patray.importers.report import format_report

BOM = b"\xef\xbb\xbf"


def lens_json(folder: Path) -> Path:
    rng = random.Random(0)
    (folder / "export.jsonl").write_bytes(lens_lines([record(n, rng) for n in range(1, 200)]))
    return folder / "export.jsonl"


def lens_csv(folder: Path) -> Path:
    write_csv(folder / "export.csv", [csv_row(n) for n in range(1, 200)], CSV_COLUMNS, bom=False)
    return folder / "export.csv"


def bigquery(folder: Path) -> Path:
    lines = [json.dumps(publication(f"EP-{n:07d}-A1")) for n in range(1, 200)]
    (folder / "part.json").write_text("\n".join(lines) + "\n")
    return folder / "part.json"


def patentsview(folder: Path) -> Path:
    columns, _ = TABLES["g_patent"]
    table = [[str(10_000_000 + n), "utility", "2018-06-19", f"Brush {n}", "B2", 1, 0, "x"] for n in range(200)]
    (folder / "g_patent.tsv").write_text(tsv(columns, table))
    return folder / "g_patent.tsv"


def uspto(folder: Path) -> Path:
    (folder / "ipg140701.xml").write_text("".join(grant(f"{8930000 + n}") for n in range(60)))
    return folder / "ipg140701.xml"


def hupd(folder: Path) -> Path:
    (folder / "1.json").write_text(json.dumps(application(1, full_description="".join(map(str, range(3000))))))
    return folder / "1.json"


def table_csv(folder: Path) -> Path:
    lines = [f'd{n},"Brush, {n}","A brush {n * 7919} folds."' for n in range(200)]
    (folder / "x.csv").write_text("\n".join(["patent_id,title,abstract", *lines]) + "\n")
    return folder / "x.csv"


def table_json(folder: Path) -> Path:
    lines = [json.dumps({"patent_id": f"d{n}", "title": f"Brush {n}"}) for n in range(200)]
    (folder / "x.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "x.jsonl"


def beir(folder: Path) -> Path:
    lines = [json.dumps({"_id": f"d{n}", "title": "", "text": f"Brush {n}"}) for n in range(200)]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "brush"}) + "\n")
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq\td1\t1\n")
    return folder / "corpus.jsonl"


MAKERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "lens-json": ("lens", lens_json),
    "lens-csv": ("lens", lens_csv),
    "bigquery": ("bigquery", bigquery),
    "patentsview": ("patentsview", patentsview),
    "uspto-xml": ("uspto-xml", uspto),
    "hupd": ("hupd", hupd),
    "table-csv": ("table", table_csv),
    "table-json": ("table", table_json),
    "beir": ("beir", beir),
}
every_text_format = pytest.mark.parametrize("name", MAKERS)


def made(name: str, folder: Path) -> tuple[str, Path, Path]:
    """The format, the folder to import, and the file in it to damage."""
    folder.mkdir()
    form, maker = MAKERS[name]
    return form, folder, maker(folder)


@every_text_format
def test_a_byte_order_mark_changes_nothing(name: str, tmp_path: Path) -> None:
    form, folder, file = made(name, tmp_path / "in")
    run(form, folder, tmp_path / "plain")
    file.write_bytes(BOM + file.read_bytes())
    report = run(form, folder, tmp_path / "marked")
    assert counts(report)[2] == 0
    assert by_id(tmp_path / "marked") == by_id(tmp_path / "plain")
    assert rows(tmp_path / "marked", "quarantine") == rows(tmp_path / "plain", "quarantine")


@every_text_format
def test_a_truncated_gzip_file_is_an_error_that_names_it(name: str, tmp_path: Path) -> None:
    form, folder, file = made(name, tmp_path / "in")
    packed = gzip.compress(file.read_bytes())
    file.unlink()
    (folder / f"{file.name}.gz").write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(InputError, match=rf"{file.name}\.gz: cut off or damaged after [\d,]+ bytes"):
        run(form, folder, tmp_path / "out")


@every_text_format
def test_bytes_of_another_encoding_are_replaced_kept_and_listed(name: str, tmp_path: Path) -> None:
    form, folder, file = made(name, tmp_path / "in")
    data = file.read_bytes()
    assert b"rush" in data
    at = data.rindex(b"rush")  # in the title or abstract of the last record
    file.write_bytes(data[:at] + b"r\xfcsh" + data[at + 4 :])
    report = run(form, folder, tmp_path / "out")
    read, kept, quarantined, filtered = counts(report)
    assert (quarantined, filtered) == (0, 0)
    assert read == kept
    texts = " ".join(
        f"{row['title']} {row['abstract']} {row['claims']} {row['description']}" for row in rows(tmp_path / "out")
    )
    assert "r\ufffdsh" in texts
    found = [row for row in rows(tmp_path / "out", "quarantine") if "not valid UTF-8" in row["reason"]]
    assert len(found) == 1
    assert found[0]["action"] == "kept"
    if name != "hupd":  # a file there is one application
        assert found[0]["line"] == data[:at].count(b"\n") + 1 or name == "uspto-xml"


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("hupd",)])
def test_a_file_that_is_given_twice_is_kept_once_and_its_copies_are_listed(name: str, tmp_path: Path) -> None:
    form, folder, file = made(name, tmp_path / "in")
    expected = counts(run(form, folder, tmp_path / "once"))
    if name == "patentsview":
        file.write_text(file.read_text() + "".join(file.read_text().splitlines(keepends=True)[1:]))
    elif name == "beir":
        file.write_text(file.read_text() * 2)
    else:
        (folder / f"zz-{file.name}").write_bytes(file.read_bytes())
    report = run(form, folder, tmp_path / "out")
    read, kept, quarantined, filtered = counts(report)
    assert (read, kept, filtered) == (2 * expected[0], expected[1], 2 * expected[3])
    assert quarantined == expected[1] + 2 * expected[2]
    assert "publication met before, the first was kept" in {reason for _, reason in reasons(tmp_path / "out")}
    check_valid(tmp_path / "out", tmp_path / "clean")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("lens-json", '"lens_id"', '"lensId"', r"no record has the key 'lens_id' \(did you mean 'lensId'\?\)"),
        ("lens-csv", "Lens ID", "Lens_ID", r"missing column 'Lens ID' \(did you mean 'Lens_ID'"),
        (
            "bigquery",
            '"publication_number"',
            '"publicationNumber"',
            r"'publication_number' \(did you mean 'publicationNumber'",
        ),
        ("patentsview", '"patent_title"', '"title"', "missing column 'patent_title'"),
        ("table-csv", "patent_id", "patent nr", r"missing column 'patent_id' \(did you mean 'patent nr'"),
        ("table-json", '"patent_id"', '"patentnr"', r"the key 'patent_id' \(did you mean 'patentnr'"),
        ("beir", '"_id"', '"ID"', r"the key '_id' \(did you mean 'ID'"),
    ],
)
def test_a_renamed_column_is_an_error_that_names_the_wanted_one(
    name: str, old: str, new: str, message: str, tmp_path: Path
) -> None:
    form, folder, file = made(name, tmp_path / "in")
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        run(form, folder, tmp_path / "out")


@pytest.mark.parametrize("name", ["lens-csv", "patentsview"])
@pytest.mark.parametrize("delimiter", [";", "|"])
def test_a_wrong_delimiter_is_an_error_that_names_the_one_in_the_file(
    name: str, delimiter: str, tmp_path: Path
) -> None:
    form, folder, file = made(name, tmp_path / "in")
    header, _, rest = file.read_text().partition("\n")
    own = "\t" if name == "patentsview" else ","
    file.write_text(header.replace(own, delimiter) + "\n" + rest)
    with pytest.raises(InputError, match=f"separated by {'semicolon' if delimiter == ';' else 'pipe'}"):
        run(form, folder, tmp_path / "out")


def test_a_dapfam_or_patenteb_parquet_file_that_is_cut_or_renamed_is_an_error(tmp_path: Path) -> None:
    folder = make_dapfam(tmp_path / "in")
    whole = (folder / "corpus.parquet").read_bytes()
    (folder / "corpus.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"corpus\.parquet: not a whole Parquet file"):
        run("dapfam", folder, tmp_path / "out")
    pq.write_table(pa.table({"q": ["a"], "txt": ["b"], "cluster_id": [1]}), tmp_path / "data.parquet")
    with pytest.raises(InputError, match=r"missing column 'text' .did you mean 'txt'"):
        run("patenteb", tmp_path / "data.parquet", tmp_path / "out", task="clusters_ext_full_ipc")


LONG = "word " * 4_000_000  # 20 MB


@pytest.mark.parametrize("name", ["bigquery", "uspto-xml", "hupd", "table-csv", "table-json", "beir"])
def test_a_patent_of_twenty_megabytes_is_kept_whole(name: str, tmp_path: Path) -> None:
    form, folder, file = made(name, tmp_path / "in")
    if name == "bigquery":
        long = publication("US-2014313399-A1", description_localized=[{"text": LONG, "language": "en"}])
        file.write_text(json.dumps(long) + "\n" + file.read_text())
    elif name == "uspto-xml":
        file.write_text(grant("08930553").replace("<p>Brushes.</p>", f"<p>{LONG}</p>") + grant("08930554"))
    elif name == "hupd":
        file.write_text(json.dumps(application(1, full_description=LONG)))
    elif name == "table-csv":
        file.write_text(f'patent_id,title,abstract,description\na,Brush,b,"{LONG}"\nc,Comb,d,e\n')
    elif name == "table-json":
        file.write_text(json.dumps({"patent_id": "a", "description": LONG}) + "\n" + file.read_text())
    else:
        file.write_text(json.dumps({"_id": "a", "text": LONG}) + "\n" + file.read_text())
    report = run(form, folder, tmp_path / "out")
    assert counts(report)[2] == 0
    lengths = [len(row["description"] or "") + len(row["abstract"] or "") for row in rows(tmp_path / "out")]
    assert max(lengths) >= 19_999_999


def big_family(form: str, folder: Path) -> Path:
    numbers = range(1, 501)
    if form == "lens":
        rng = random.Random(0)
        lines = [record(n, rng, cites=0) for n in range(1, 511)]
        for one in lines[:500]:
            one["families"]["simple_family"] = {"members": [{"lens_id": lens_id(n)} for n in numbers], "size": 500}
        (folder / "x.jsonl").write_bytes(lens_lines(lines))
    else:
        lines = [publication(f"EP-{n:07d}-A1", family_id="7" if n in numbers else str(n + 9)) for n in range(1, 511)]
        (folder / "x.jsonl").write_text("\n".join(json.dumps(one) for one in lines) + "\n")
    return folder / "x.jsonl"


@pytest.mark.parametrize("form", ["lens", "bigquery"])
def test_a_family_of_five_hundred_is_one_family_and_one_can_stand_for_it(form: str, tmp_path: Path) -> None:
    source = big_family(form, tmp_path)
    report = run(form, source, tmp_path / "out")
    assert report["patents"]["families"] == 11
    families = [row["family_id"] for row in rows(tmp_path / "out")]
    assert max(families.count(one) for one in set(families)) == 500
    report = run(form, source, tmp_path / "few", selection=Selection(representative="earliest"))
    assert counts(report) == (510, 11, 0, 499)
    assert report["tables"]["patents"]["filtered_by"] == {"another publication stands for its family": 499}


LANGUAGES = ("en", "de", "fr", "ja", "zh", "ko", "es", "ro", "ru", "pt")


def many_languages(form: str, folder: Path) -> Path:
    rng = random.Random(0)
    lines: list[Any] = []
    for number in range(1, 31):
        text = [{"text": f"Text {number}", "lang" if form == "lens" else "language": LANGUAGES[number % 10]}]
        if form == "lens":
            one = record(number, rng)
            one["abstract"] = one["biblio"]["invention_title"] = text
            one["claims"], one["lang"] = [], LANGUAGES[number % 10]
        else:
            fields = {f"{name}_localized": text for name in ("title", "abstract")}
            one = publication(f"EP-{number:07d}-A1", **fields, claims_localized=[])
        lines.append(one)
    (folder / "x.jsonl").write_text("\n".join(json.dumps(one) for one in lines) + "\n")
    return folder / "x.jsonl"


@pytest.mark.parametrize("form", ["lens", "bigquery"])
def test_ten_languages_are_kept_and_counted_and_a_filter_counts_what_it_takes_out(form: str, tmp_path: Path) -> None:
    source = many_languages(form, tmp_path)
    report = run(form, source, tmp_path / "out")
    assert report["patents"]["language"] == dict.fromkeys(sorted(LANGUAGES), 3) | report["patents"]["language"]
    assert set(report["patents"]["language"]) == set(LANGUAGES)
    assert counts(report) == (30, 30, 0, 0)
    report = run(form, source, tmp_path / "two", selection=Selection(languages=("de", "ja")))
    assert counts(report) == (30, 6, 0, 24)
    assert report["tables"]["patents"]["filtered_by"] == {"other language": 24}


@pytest.mark.parametrize("form", ["lens", "bigquery"])
def test_citations_that_all_lead_outside_are_counted_and_leave_a_landscape_without_queries(
    form: str, tmp_path: Path
) -> None:
    rng = random.Random(0)
    lines: list[Any] = []
    for number in range(1, 6):
        if form == "lens":
            one = record(number, rng)
            outside = {"jurisdiction": "EP", "doc_number": "9999999", "kind": "A1"}
            one["biblio"]["references_cited"]["citations"] = [{"sequence": 1, "patcit": {"document_id": outside}}]
        else:
            one = publication(f"EP-{number:07d}-A1", citation=cites("EP-9999999-A1"))
        lines.append(one)
    (tmp_path / "x.jsonl").write_text("\n".join(json.dumps(one) for one in lines) + "\n")
    report = run(form, tmp_path / "x.jsonl", tmp_path / "out")
    assert counts(report) == (5, 5, 0, 0)
    assert counts(report, "citations") == (5, 0, 0, 5)
    check_valid(tmp_path / "out", tmp_path / "clean")


@pytest.mark.parametrize("name", ["lens-json", "lens-csv", "bigquery", "patentsview", "hupd", "table-csv"])
def test_a_date_with_day_00_is_left_empty_and_listed(name: str, tmp_path: Path) -> None:
    form, folder, file = made(name, tmp_path / "in")
    said = {
        "lens-json": ('"date_published": "2011-03-02"', '"date_published": "2011-03-00"'),
        "lens-csv": ("2001-05-02", "2001-05-00"),
        "bigquery": ("20140630", "20140600"),
        "patentsview": ("2018-06-19", "2018-06-00"),
        "hupd": ('"date_published": "20131107"', '"date_published": "20131100"'),
        "table-csv": ("", ""),
    }[name]
    if name == "table-csv":
        file.write_text("patent_id,title,date\n1,a,2011-03-00\n2,b,2011-03-02\n")
    else:
        text = file.read_text()
        assert said[0] in text
        file.write_text(text.replace(*said, 1))
    report = run(form, folder, tmp_path / "out")
    assert counts(report)[2] == 0
    dated = [row["date"] for row in rows(tmp_path / "out")]
    assert sum(date is None for date in dated) == 1
    assert [reason for _, reason in reasons(tmp_path / "out")] == ["bad date, left empty"]


@pytest.mark.parametrize("name", ["lens-json", "lens-csv", "bigquery", "patentsview", "hupd", "table-json", "beir"])
def test_newlines_and_tabs_inside_a_text_stay_there(name: str, tmp_path: Path) -> None:
    form, folder, file = made(name, tmp_path / "in")
    text = file.read_text()
    old = {"lens-csv": '"Brush, folding 7', "patentsview": "Brush 7"}.get(name, "")
    if not old:
        inner = {"lens-json": '"text": "A ', "bigquery": "A brush folds", "hupd": "A brush folds"}.get(name, "Brush 7")
        assert inner in text
        file.write_text(text.replace(inner, f"{inner} one\\n\\ttwo ", 1))
    else:
        file.write_text(text.replace(old, f"{old} one\n\ttwo ", 1))
    report = run(form, folder, tmp_path / "out")
    assert counts(report)[0] == counts(report)[1]
    texts = [f"{row['title']} {row['abstract']}" for row in rows(tmp_path / "out")]
    assert sum(" one\n\ttwo" in one for one in texts) == 1


def test_a_weekly_file_that_is_cut_as_a_zip_or_inside_a_document_loses_nothing_silently(tmp_path: Path) -> None:
    text = weekly()
    for cut in range(len(text) - 900, len(text), 150):
        (tmp_path / "ipg.xml").write_text(text[:cut])
        report = run("uspto-xml", tmp_path / "ipg.xml", tmp_path / f"out-{cut}")
        read, kept, quarantined, _ = counts(report)
        assert read == 6
        assert (kept, quarantined) == (2, 2)


def test_files_that_a_format_does_not_read_are_named_in_the_report(tmp_path: Path) -> None:
    form, folder, _ = made("beir", tmp_path / "in")
    (folder / "corpus-2.jsonl").write_text(json.dumps({"_id": "x", "text": "y"}) + "\n")
    (folder / "README.md").write_text("# data\n")
    report = run(form, folder, tmp_path / "out")
    assert report["files_not_read"] == ["README.md", "corpus-2.jsonl"]
    assert "does not read: README.md, corpus-2.jsonl" in format_report(report)
