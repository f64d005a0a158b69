"""Citations of USPTO office actions, from both services, into a landscape."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sampling import check_valid, jsonl, rows, run
from test_import_uspto_odp import answer, wrapper

from patray.cli import main
from patray.errors import InputError
from patray.importers.numbers import canonical
from patray.importers.office_actions import candidates, import_office_actions, what_is_said
from patray.importers.options import Selection

EMPTY = dict.fromkeys(
    (
        "citedDocumentIdentifier", "countryCode", "kindCode", "referenceIdentifier", "parsedReferenceIdentifier",
        "citationCategoryCode", "officeActionDate", "legalSectionCode", "actionTypeCategory",
        "examinerCitedReferenceIndicator", "applicantCitedExaminerReferenceIndicator",
        "officeActionCitationReferenceIndicator", "nplIndicator",
    )
)  # fmt: skip


def enriched(application: str, cited: str | None, letter: str | None = None, **more: Any) -> dict[str, Any]:
    """A record of Enriched Citation v3."""
    return {
        "patentApplicationNumber": application, "citedDocumentIdentifier": cited, "citationCategoryCode": letter,
        "publicationNumber": "US20990000001A1", "officeActionDate": "2023-01-01T00:00:00",
        "relatedClaimNumberText": "1, 4", "passageLocationText": ["c1|l2"], "nplIndicator": False,
        "examinerCitedReferenceIndicator": True, "applicantCitedExaminerReferenceIndicator": False, **more,
    }  # fmt: skip


def action(application: str, words: str, parsed: str, section: str = "103", **more: Any) -> dict[str, Any]:
    """A record of Office Action Citations v2."""
    return {
        "patentApplicationNumber": application, "referenceIdentifier": words, "parsedReferenceIdentifier": parsed,
        "legalSectionCode": section, "actionTypeCategory": "rejected", "paragraphNumber": "",
        "officeActionCitationReferenceIndicator": True, "examinerCitedReferenceIndicator": True,
        "applicantCitedExaminerReferenceIndicator": False, **more,
    }  # fmt: skip


def landscape(folder: Path, count: int = 9) -> Path:
    """US10000001 ... of the applications 16/000,001 ...; the last one is a design."""
    bag = [wrapper(n, patentNumber=str(10_000_000 + n), grantDate=f"2021-01-{n:02}") for n in range(1, count)]
    bag.append(wrapper(count, patentNumber="D0912345", grantDate="2021-03-01"))
    (folder / "odp.json").write_text(json.dumps(answer(bag)))
    run("uspto-odp", folder / "odp.json", folder / "land", selection=Selection(all_kinds=True))
    return folder / "land"


def envelope(path: Path, docs: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"response": {"start": 0, "numFound": len(docs), "docs": docs}}))
    return path


def pairs(folder: Path) -> set[tuple[Any, ...]]:
    names = ("citing_id", "cited_id", "origin", "category", "reliance")
    return {tuple(row[name] for name in names) for row in rows(folder, "citations")}


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"citedDocumentIdentifier": "US 2006/0075466 A1"}, "US20060075466A1"),
        ({"citedDocumentIdentifier": "US-1234567-A"}, "US1234567A"),
        ({"citedDocumentIdentifier": "10000002", "kindCode": "B2", "countryCode": "US"}, "US10000002B2"),
        ({"citedDocumentIdentifier": "1234567", "kindCode": "A1", "countryCode": "EP"}, "EP1234567A1"),
        ({"citedDocumentIdentifier": "RE049000", "countryCode": "US"}, "USRE49000"),
        ({"citedDocumentIdentifier": "WO 2009/012345 A1", "countryCode": "WO"}, "WO2009012345A1"),
        ({"referenceIdentifier": "Itagaki; Takeshi US 20150044531 A1 "}, "US20150044531A1"),
        ({"referenceIdentifier": "PAVLIN et al. US 2001/0056539 A1"}, "US20010056539A1"),
        ({"referenceIdentifier": "SMITH (6,234,567)"}, "US6234567"),
        ({"referenceIdentifier": "SMITH 6234567", "parsedReferenceIdentifier": "6234567"}, "US6234567"),
        # The parsed digits of a design are those of an old patent of another kind: only the words tell.
        ({"referenceIdentifier": "DOE D543,613", "parsedReferenceIdentifier": "543613"}, "USD543613"),
        ({"referenceIdentifier": "DOE US D543,613 S", "parsedReferenceIdentifier": "543613"}, "USD543613S"),
        ({"parsedReferenceIdentifier": "543613"}, None),
        ({"parsedReferenceIdentifier": "20150044531"}, "US20150044531"),
        ({"referenceIdentifier": "Wikipedia, pages 1234567 to 1234570"}, None),
        ({"referenceIdentifier": "IEEE Proc. 2009, vol. 123456"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_cited_number_is_read_from_what_a_service_writes(record: dict[str, Any], key: str | None) -> None:
    found = [canonical(text) for text in candidates({**EMPTY, **record})]
    assert next((one for one in found if one), None) == key


@pytest.mark.parametrize(
    ("record", "reliance", "origins", "phase"),
    [
        ({"legalSectionCode": "103", "officeActionCitationReferenceIndicator": "true"}, "103", (None,), "examination"),
        ({"legalSectionCode": "35 USC 102(a)(1)", "officeActionDate": "2023"}, "102", (None,), "examination"),
        ({"legalSectionCode": "102", "officeActionCitationReferenceIndicator": "false"}, None, (None,), None),
        ({"legalSectionCode": "112", "officeActionCitationReferenceIndicator": "1"}, None, (None,), "examination"),
        ({"legalSectionCode": "103", "actionTypeCategory": "withdrawn", "officeActionDate": "2023"}, None, (None,),
         "examination"),
        ({"examinerCitedReferenceIndicator": "true", "applicantCitedExaminerReferenceIndicator": "true"}, None,
         ("examiner", "applicant"), None),
        ({"examinerCitedReferenceIndicator": "0", "applicantCitedExaminerReferenceIndicator": "1"}, None,
         ("applicant",), None),
    ],
)  # fmt: skip
def test_a_section_is_relied_on_where_an_office_action_rejects(
    record: dict[str, Any], reliance: str | None, origins: tuple[str | None, ...], phase: str | None
) -> None:
    said = what_is_said({**EMPTY, **record})
    assert (said.reliance, said.origins, said.phase, said.category) == (reliance, origins, phase, None)


def test_both_services_together_say_more_than_each_and_every_record_is_counted(tmp_path: Path) -> None:
    folder = landscape(tmp_path)
    letters = [
        enriched("16000001", "US 10,000,002 B2", "X"),
        enriched("16/000,001", "US-10000003-B2", "Y, A"),
        enriched("16000001", "US10000003B2", "A", examinerCitedReferenceIndicator=False),
        enriched("16000001", "US10000004B2", None),
        enriched("16000001", "US10000004B2", "foreign"),  # no letter, but the citation stands
        enriched("16000001", "Smith, A paper, 2009", None, nplIndicator=True),
        enriched("16000001", "Smith, another paper, 2009", None),
        enriched("16000001", "US9999999B2", "X"),
        enriched("16999999", "US10000002B2", "X"),
        enriched("16000002", "US10000002B2", "X"),
        enriched("", "US10000002B2", "X"),
    ]
    sections = [
        action("16000001", "DOE US 10,000,002 B2", "10000002", "102"),
        action("16000001", "DOE US 10,000,004 B2", "10000004", "103"),
        action("16000001", "DOE US 10,000,004 B2", "10000004", "102"),
        action("16000005", "ROE D912,345", "912345", "103", applicantCitedExaminerReferenceIndicator=True),
    ]
    report = import_office_actions(
        [str(envelope(tmp_path / "enriched.json", letters)), str(jsonl(tmp_path / "actions.jsonl", sections))],
        str(folder),
    )
    assert {name: (one["read"], one["kept"], one["quarantined"], one["filtered"]) for name, one in report.items()} == {
        "enriched.json": (11, 5, 2, 4),
        "actions.jsonl": (4, 4, 0, 0),
    }
    assert report["enriched.json"]["reasons"] == {
        "non-patent literature": 1, "cited publication outside the landscape": 1,
        "its application is not in the landscape": 1, "cites its own application": 1, "no application number": 1,
        "cited document is no publication number": 1, "citation category is no letter, left unknown": 1,
    }  # fmt: skip
    assert pairs(folder) == {
        ("US10000001", "US10000002", "examiner", "X", None),
        ("US10000001", "US10000002", "examiner", None, "102"),
        ("US10000001", "US10000003", "examiner", "YA", None),
        ("US10000001", "US10000003", None, "A", None),
        ("US10000001", "US10000004", "examiner", None, "102,103"),
        ("US10000005", "USD912345", "examiner", None, "103"),
        ("US10000005", "USD912345", "applicant", None, "103"),
    }
    check_valid(folder, tmp_path / "clean")
    before = rows(folder, "citations")
    import_office_actions([str(tmp_path / "actions.jsonl")], str(folder))
    assert sorted(map(str, rows(folder, "citations"))) == sorted(map(str, before))  # once more changes nothing


def test_citations_that_are_there_stay_and_get_what_is_said_of_them(tmp_path: Path) -> None:
    folder = landscape(tmp_path)
    held = {
        "citing_id": ["US10000001", "US10000001", "US10000007"],
        "cited_id": ["US10000002", "US10000003", "US10000008"],
        "origin": ["cited by examiner", None, "cited by applicant"],
        "note": ["a", "b", "c"],
    }
    pq.write_table(pa.table(held), folder / "citations.parquet")
    docs = [action("16000001", "DOE 10,000,002", "10000002"), action("16000001", "DOE 10,000,003", "10000003")]
    import_office_actions([str(envelope(tmp_path / "oa.json", docs))], str(folder))
    found = {(row["cited_id"], row["origin"], row["reliance"], row["note"]) for row in rows(folder, "citations")}
    assert found == {
        ("US10000002", "cited by examiner", "103", "a"),
        ("US10000003", "examiner", "103", None),
        ("US10000008", "cited by applicant", None, "c"),
    }


def test_answers_of_the_portal_name_the_applications_of_other_imports(tmp_path: Path) -> None:
    source = jsonl(
        tmp_path / "in.jsonl", [{"patent_id": f"US1000000{n}B2", "title": f"brush {n}"} for n in range(1, 4)]
    )
    run("table", source, tmp_path / "mine")
    docs = envelope(tmp_path / "oa.json", [enriched("16000001", "US10000002B2", "X")])
    with pytest.raises(InputError, match="nothing says from which application"):
        import_office_actions([str(docs)], str(tmp_path / "mine"))
    bag = [wrapper(n, patentNumber=str(10_000_000 + n)) for n in range(1, 4)]
    (tmp_path / "odp.json").write_text(json.dumps(answer(bag)))
    import_office_actions([str(docs), str(tmp_path / "odp.json")], str(tmp_path / "mine"))
    assert pairs(tmp_path / "mine") == {("US10000001B2", "US10000002B2", "examiner", "X", None)}


def test_files_and_folders_that_do_not_fit_are_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = landscape(tmp_path)
    docs = envelope(tmp_path / "oa.json", [enriched("16999999", "US10000002B2", "X")])
    other = jsonl(tmp_path / "other.jsonl", [{"pn": "US1"}])
    for arguments, said in (
        (["office-actions", str(other), str(folder)], "keys found: pn"),
        (["office-actions", str(docs), str(tmp_path / "nowhere")], "no landscape folder"),
        (["office-actions", str(docs), str(folder)], "1 its application is not in the landscape"),
        (["table", str(docs), str(tmp_path / "new")], "import it with: patray import office-actions"),
        (["uspto-odp", str(docs), str(tmp_path / "new")], "import it with: patray import office-actions"),
    ):
        assert main(["import", *arguments]) == 1, arguments
        assert said in capsys.readouterr().err
