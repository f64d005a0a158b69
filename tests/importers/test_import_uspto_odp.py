"""Answers of the USPTO's Open Data Portal."""

import json
from pathlib import Path
from typing import Any

import pytest
from sampling import by_id, check_valid, counts, reasons, run


def wrapper(number: int, **meta: Any) -> dict[str, Any]:
    """An application as the portal answers; a field of None is left out."""
    fields = {
        "inventionTitle": f"A brush {number}",
        "filingDate": "2019-05-06",
        "earliestPublicationNumber": f"US2020{number:07}A1",
        "earliestPublicationDate": "2020-11-12",
        "applicationStatusDescriptionText": "Patented Case",
        "cpcClassificationBag": ["A46B   5/02", "A46B5/02", "G06K7/10831"],
        "inventorBag": [{"inventorNameText": "Doe"}],
        **meta,
    }
    meta_data = {name: value for name, value in fields.items() if value is not None}
    return {"applicationNumberText": f"16{number:06}", "applicationMetaData": meta_data, "eventDataBag": []}


def answer(bag: list[dict[str, Any]]) -> dict[str, Any]:
    return {"count": len(bag), "patentFileWrapperDataBag": bag, "requestIdentifier": "x"}


def sample() -> list[dict[str, Any]]:
    return [
        wrapper(1, patentNumber="10902286", grantDate="2021-01-26"),
        wrapper(2, earliestPublicationNumber="US 2017-0071586 A1"),
        wrapper(3, earliestPublicationNumber=None, earliestPublicationDate=None),
        wrapper(4, inventionTitle=None),
        wrapper(5, patentNumber="D0912345", grantDate="2021-01-26"),
        wrapper(6, patentNumber="RE49000", grantDate="2021-13-26"),
        wrapper(7, cpcClassificationBag=None, applicationStatusDescriptionText=None),
    ]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrapped", [True, False])
def test_answers_import_to_the_expected_landscape(indent: int | None, wrapped: bool, tmp_path: Path) -> None:
    value: Any = answer(sample()) if wrapped else sample()
    (tmp_path / "page.json").write_text(json.dumps(value, indent=indent))
    report = run("uspto-odp", tmp_path / "page.json", tmp_path / "out")
    assert counts(report) == (7, 5, 1, 1)  # one without title, and a design
    patents = by_id(tmp_path / "out")
    assert set(patents) == {"US10902286", "US20170071586A1", "USAPP16000003", "USRE49000", "US20200000007A1"}
    assert str(patents["US10902286"]["date"]) == "2021-01-26"
    assert str(patents["US20170071586A1"]["date"]) == "2020-11-12"
    assert patents["USAPP16000003"]["date"] is patents["USRE49000"]["date"] is None
    assert patents["US10902286"]["cpc"] == ["A46B5/02", "G06K7/10831"]
    assert {row["labels"][0] for row in by_id(tmp_path / "out", "labels/status").values()} == {"Patented Case"}
    assert set(by_id(tmp_path / "out", "labels/status")) == set(patents) - {"US20200000007A1"}
    assert {reason for _, reason in reasons(tmp_path / "out")} >= {"no text in any section", "bad date, left empty"}
    check_valid(tmp_path / "out", tmp_path / "clean")


def test_the_filing_date_is_taken_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(json.dumps(answer(sample()[:1])))
    run("uspto-odp", tmp_path / "page.json", tmp_path / "out", date="filing")
    assert str(by_id(tmp_path / "out")["US10902286"]["date"]) == "2019-05-06"


def test_codes_in_one_text_are_told_apart(tmp_path: Path) -> None:
    one = wrapper(1, cpcClassificationBag="G06K7/10831; G01S   7/4863")
    (tmp_path / "x.json").write_text(json.dumps(answer([one, wrapper(2)])))
    run("uspto-odp", tmp_path / "x.json", tmp_path / "out")
    assert by_id(tmp_path / "out")["US20200000001A1"]["cpc"] == ["G06K7/10831", "G01S7/4863"]
