"""A PatentsView table set in its official columns, scattered over files, with planted quirks."""

import io
import zipfile
from pathlib import Path

import pytest
from sampling import by_id, check_valid, counts, reasons, rows, run

from patray.errors import InputError

TABLES = {
    "g_patent": (
        "patent_id patent_type patent_date patent_title wipo_kind num_claims withdrawn filename",
        [
            ["10000001", "utility", "2018-06-19", 'A "folding" brush', "B2", 2, 0, "x.xml"],
            ["10000002", "utility", "2018-06-00", "Comb\nof two lines", "B1", 1, 0, "x.xml"],
            ["D345393", "design", "1994-03-29", "Brush", "S1", 1, 0, "x.xml"],
            ["10000003", "utility", "2018-06-19", "Gone", "B2", 1, 1, "x.xml"],
        ],
    ),
    "g_patent_abstract": ("patent_id patent_abstract", [["10000001", "A brush\tfolds."], ["99999999", "Orphan."]]),
    "g_application": (
        "application_id patent_id patent_application_type filing_date series_code rule_47_flag",
        [["15/1", "10000001", "15", "2015-03-10", "15", 0]],
    ),
    "g_claims_2018": (
        "patent_id claim_sequence claim_text dependent claim_number exemplary",
        [
            ["10000001", 1, "2. The brush of claim 1.", "claim 1", "00002", 0],
            ["10000001", 0, "1. A brush comprising a handle.", "", "00001", 1],
            ["10000002", 0, "1. A comb.", "", "00001", 1],
        ],
    ),
    "g_cpc_current": (
        "patent_id cpc_sequence cpc_section cpc_class cpc_subclass cpc_group cpc_type",
        [
            ["10000001", 1, "Y", "Y10", "Y10T", "Y10T29/49", "additional"],
            ["10000001", 0, "A", "A46", "A46B", "A46B5/02", "inventional"],
        ],
    ),
    "g_ipc_at_issue": (
        "patent_id ipc_sequence classification_level section ipc_class subclass main_group subgroup "
        "classification_value classification_status classification_data_source action_date ipc_version_indicator",
        [
            ["10000001", 0, "A", "A", "46", "B", "5", "02", "I", "B", "H", "2018-06-19", "2006-01-01"],
            ["10000001", 1, "A", "B", "1", "D", "46", "00", "I", "B", "H", "2018-06-19", "2006-01-01"],
        ],
    ),
    "g_us_patent_citation": (
        "patent_id citation_sequence citation_patent_id citation_date record_name wipo_kind citation_category",
        [
            ["10000002", 0, "10000001", "2018-06-01", "Doe", "B2", "cited by examiner"],
            ["10000001", 0, "D345393", "1994-03-01", "Doe", "S", "cited by applicant"],
            ["10000001", 1, "4000001", "1976-12-01", "Doe", "A", "cited by applicant"],
        ],
    ),
    "g_us_application_citation": (
        "patent_id citation_sequence citation_document_number citation_date record_name wipo_kind citation_category",
        [["10000002", 1, "2010273145", "2010-10-01", "Doe", "A1", "cited by examiner"]],
    ),
    "g_foreign_citation": (
        "patent_id citation_sequence citation_application_id citation_date citation_category citation_country",
        [["10000002", 2, "WO2001-12345", "2001-01-01", "cited by other", "WO"]],
    ),
    "pg_published_application": (
        "pgpub_id application_id filing_date patent_type filing_type published_date wipo_kind series_code "
        "application_title rule_47_flag filename",
        [["20100273145", "12/1", "2009-02-03", "utility", "x", "2010-10-28", "A1", "12", "Early brush", 0, "x"]],
    ),
    "pg_published_application_abstract": ("pgpub_id application_abstract", [["20100273145", "An early brush."]]),
    "pg_claims_2010": (
        "pgpub_id claim_sequence claim_text dependent claim_number",
        [["20100273145", 1, "1. An early brush.", "", "00001"]],
    ),
    "pg_granted_pgpubs_crosswalk": (
        "pgpub_id patent_id application_id current_pgpub_id_flag current_patent_id_flag",
        [["20100273145", "10000001", "12/1", 1, 1]],
    ),
    "g_inventor_disambiguated": ("patent_id inventor_id", [["10000001", "x"]]),
}


def tsv(columns: str, table: list) -> str:
    def cell(value: object) -> str:
        return str(value) if isinstance(value, int) else '"' + str(value).replace('"', '""') + '"'

    header = "\t".join(f'"{name}"' for name in columns.split())
    return "\n".join([header, *("\t".join(cell(value) for value in row) for row in table)]) + "\n"


def make(folder: Path, leave_out: tuple[str, ...] = ()) -> Path:
    folder.mkdir()
    for name, (columns, table) in TABLES.items():
        if name in leave_out:
            continue
        text = tsv(columns, table)
        if name == "g_claims_2018":
            text += '"10000002"\tbroken row\n'
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{name}.tsv", text)
        (folder / f"{name}.tsv.zip").write_bytes(buffer.getvalue())
    return folder


@pytest.mark.parametrize("bucket_bytes", [1 << 30, 200])
def test_the_set_is_joined_to_the_expected_landscape_in_one_bucket_or_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket_bytes: int
) -> None:
    monkeypatch.setattr("patray.importers.patentsview.BUCKET_BYTES", bucket_bytes)
    report = run("patentsview", make(tmp_path / "in"), tmp_path / "out")
    assert counts(report) == (5, 3, 0, 2)
    patents = by_id(tmp_path / "out")
    assert set(patents) == {"US10000001B2", "US10000002B1", "US20100273145A1"}
    first = patents["US10000001B2"]
    assert first["title"] == 'A "folding" brush'
    assert first["abstract"] == "A brush\tfolds."
    assert first["claims"] == ["1. A brush comprising a handle.", "2. The brush of claim 1."]
    assert first["cpc"] == ["A46B5/02", "Y10T29/49"]
    assert first["ipc"] == ["A46B5/02", "B01D46/00"]
    assert first["patentsview_id"] == "10000001"
    assert str(first["date"]) == "2018-06-19"
    assert patents["US10000002B1"]["date"] is None
    assert patents["US10000002B1"]["title"] == "Comb\nof two lines"
    assert first["family_id"] == patents["US20100273145A1"]["family_id"] != patents["US10000002B1"]["family_id"]
    found = {(row["citing_id"], row["cited_id"], row["origin"]) for row in rows(tmp_path / "out", "citations")}
    assert found == {
        ("US10000002B1", "US10000001B2", "examiner"),
        ("US10000002B1", "US20100273145A1", "examiner"),
    }
    assert counts(report, "citations") == (5, 2, 0, 3)
    assert counts(report, "source g_claims") == (4, 3, 1, 0)
    assert counts(report, "source g_patent_abstract") == (2, 1, 0, 1)
    assert {reason for _, reason in reasons(tmp_path / "out")} == {"bad date, left empty", "g_claims"}
    check_valid(tmp_path / "out", tmp_path / "clean")


def test_a_claims_table_without_abstracts_still_makes_a_landscape(tmp_path: Path) -> None:
    folder = make(tmp_path / "in", leave_out=("g_patent_abstract", "pg_published_application", "g_application"))
    run("patentsview", folder, tmp_path / "out")
    assert by_id(tmp_path / "out")["US10000001B2"]["abstract"] is None


def test_filing_dates_come_from_the_application_table(tmp_path: Path) -> None:
    run("patentsview", make(tmp_path / "in"), tmp_path / "out", date="filing")
    patents = by_id(tmp_path / "out")
    assert str(patents["US10000001B2"]["date"]) == "2015-03-10"
    assert str(patents["US20100273145A1"]["date"]) == "2009-02-03"


def test_a_set_without_its_main_table_and_a_renamed_column_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs g_patent\.tsv or pg_published_application\.tsv"):
        run("patentsview", make(tmp_path / "in", ("g_patent", "pg_published_application")), tmp_path / "out")
    (tmp_path / "g_patent.tsv").write_text('"patent_id"\t"date"\t"patent_titel"\t"wipo_kind"\n')
    with pytest.raises(InputError, match=r"'patent_title' .did you mean 'patent_titel'"):
        run("patentsview", tmp_path / "g_patent.tsv", tmp_path / "out")
