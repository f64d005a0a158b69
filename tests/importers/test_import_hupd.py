"""HUPD applications loose and in nested tars, with planted quirks."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from sampling import by_id, check_valid, counts, reasons, rows, run

from patray.errors import InputError


def application(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "application_number": str(number),
        "publication_number": f"US2013{number:07d}A1-20131107",
        "title": "Folding brush",
        "decision": "ACCEPTED",
        "date_produced": "20131023",
        "date_published": "20131107",
        "main_cpc_label": "A46B502",
        "cpc_labels": ["A46B502", "A61M51723"],
        "main_ipcr_label": "A46B502",
        "ipcr_labels": [],
        "patent_number": "",
        "filing_date": "20120501",
        "inventor_list": [{"inventor_name_last": "DOE"}],
        "abstract": "A brush folds.",
        "claims": "1. A brush. 2. The brush of claim 1.",
        "background": "",
        "summary": "",
        "full_description": "Long.",
        **changes,
    }


SAMPLE = {
    "1.json": json.dumps(application(1)),
    "2.json": json.dumps(application(2, decision="", date_published="", cpc_labels=None, main_cpc_label="")),
    "3.json": "{cut",
    "4.json": json.dumps(application(4, publication_number="")),
}


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"data/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def check(report: dict[str, Any], out: Path, scratch: Path) -> None:
    assert counts(report) == (4, 3, 1, 0)
    patents = by_id(out)
    assert set(patents) == {"US20130000001A1", "US20130000002A1", "US4"}
    assert patents["US20130000001A1"]["claims"] == ["1. A brush.", "2. The brush of claim 1."]
    assert patents["US20130000001A1"]["cpc"] == ["A46B502", "A61M51723"]
    assert patents["US20130000002A1"]["cpc"] == []
    assert {row["patent_id"] for row in rows(out, "labels/decision")} == {"US20130000001A1", "US4"}
    assert {reason for _, reason in reasons(out)} == {"not valid JSON"}
    check_valid(out, scratch)


def test_loose_files_import(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, text in SAMPLE.items():
        (tmp_path / "in" / name).write_text(text)
    check(run("hupd", tmp_path / "in", tmp_path / "out"), tmp_path / "out", tmp_path / "clean")


def test_yearly_tars_in_one_tar_import(tmp_path: Path) -> None:
    years = {
        "2013.tar": tar({name: SAMPLE[name].encode() for name in ("1.json", "2.json")}),
        "2014.tar": tar({name: SAMPLE[name].encode() for name in ("3.json", "4.json")}),
    }
    (tmp_path / "all-years.tar").write_bytes(tar(years))
    check(run("hupd", tmp_path / "all-years.tar", tmp_path / "out"), tmp_path / "out", tmp_path / "clean")


def test_a_cut_tar_is_an_error(tmp_path: Path) -> None:
    data = tar({name: text.encode() for name, text in SAMPLE.items()})
    (tmp_path / "x.tar").write_bytes(data[:2000])
    with pytest.raises(InputError, match=r"x\.tar: not a whole tar archive"):
        run("hupd", tmp_path / "x.tar", tmp_path / "out")
