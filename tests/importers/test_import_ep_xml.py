"""EP full text: a zip a document in a tar or zip, grants in three languages, and damage."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from sampling import by_id, check_valid, counts, rows, run

from patray.errors import InputError

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE ep-patent-document PUBLIC "-//EPO//X" "ep-v1-5.dtd">\n'


def document(number: int, kind: str = "B1", cited: str = "", application: int = 0) -> str:
    date = "20100105" if kind.startswith("A") else "20130417"
    abstract = '<abstract lang="en"><p>A brush <b>folds</b>.</p></abstract>' if kind == "A1" else ""
    claims = "".join(
        f'<claims id="claims0{place}" lang="{language}"><claim id="c1" num="0001"><claim-text>{word} {number} with:'
        f"<claim-text>a handle;</claim-text><claim-text>bristles.</claim-text></claim-text></claim>"
        f'<claim id="c2" num="0002"><claim-text>{word} of claim 1.</claim-text></claim></claims>'
        for place, (language, word) in enumerate([("de", "Stiel"), ("en", "Brush"), ("fr", "Brosse")], 1)
    )
    return f"""{HEAD}<ep-patent-document id="EP0{application or number}B1" file="EP9NWB1.xml" lang="de" country="EP"
 doc-number="{number}" kind="{kind}" date-publ="{date}" status="n" dtd-version="ep-patent-document-v1-5">
<SDOBI lang="de"><B100><B110>{number}</B110><B140><date>{date}</date></B140></B100>
<B200><B210>{application or number}.5</B210><B220><date>20080203</date></B220></B200>
<B300><B310>1</B310><B320><date>20070506</date></B320><B310>2</B310><B320><date>20070304</date></B320></B300>
<B500><B510EP><classification-ipcr sequence="1"><text>A46B   5/02        20060101AFI20090101BHEP        </text>
</classification-ipcr></B510EP>
<B520EP><classifications-cpc><classification-cpc sequence="1"><text>A46B   5/021       20130101 FI20130101BHEP </text>
</classification-cpc></classifications-cpc></B520EP>
<B540><B541>de</B541><B542>Stiel {number}</B542><B541>en</B541><B542>Brush {number}</B542></B540>
<B560>{cited}<B562><text>A book</text></B562></B560></B500></SDOBI>
{abstract}<description id="desc" lang="de"><heading>FELD</heading><p num="0001">B&uuml;rsten.</p></description>
{claims}</ep-patent-document>
"""


def cites(*texts: str) -> str:
    return "".join(f"<B561><text>{text}</text></B561>" for text in texts)


def week() -> dict[str, str]:
    """File name -> content of a week of twelve files with every quirk."""
    first = document(1000002, cited=cites("EP-A1- 1 000 001", "EP-B1-1000003", "see page 3", "WO-A-2010/012345"))
    found = {
        "EP07000001NWA1": document(1000001, "A1", application=7000001),
        "EP07000002NWB1": first,
        "EP07000001NWB1": document(1000001, "B1", application=7000001),
        "EP07000001W1B9": document(1000001, "B9", application=7000001),
        "EP07000090NWB1": document(1000090).replace("</description>", ""),
        "EP07000091NWB1": HEAD + "<other-document/>",
    }
    others = {n: document(n, cited=cites(f"EP-B1-{n - 1}")) for n in range(1000003, 1000009)}
    return found | {f"EP0{7000000 + n}NWB1": text for n, text in others.items()}


def zipped(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.xml", text)
        archive.writestr("TOC.xml", "<toc/>")
        archive.writestr(f"{name}.pdf", b"%PDF")
    return buffer.getvalue()


def make_week(path: Path) -> Path:
    """A weekly delivery, tar or zip as the name says."""
    members = {f"DOC/EPNWB1/{name}.zip": zipped(name, text) for name, text in week().items()}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def loose(folder: Path) -> Path:
    folder.mkdir()
    for name, text in week().items():
        (folder / f"{name}.xml").write_text(text)
    return folder


@pytest.mark.parametrize("form", ["tar", "zip", "loose"])
def test_a_week_with_every_quirk_imports_to_the_expected_landscape(form: str, tmp_path: Path) -> None:
    source = loose(tmp_path / "in") if form == "loose" else make_week(tmp_path / f"EPRTBJV2022.{form}")
    report = run("ep-xml", source, tmp_path / "out")
    assert counts(report) == (12, 9, 1, 2)  # one damaged; a correction, another XML file
    patents = by_id(tmp_path / "out")
    grant, application = patents["EP1000001B1"], patents["EP1000001A1"]
    assert grant["family_id"] == application["family_id"] != patents["EP1000002B1"]["family_id"]
    assert (grant["abstract"], application["abstract"]) == (None, "A brush folds.")
    assert grant["title"] == "Brush 1000001"
    assert grant["claims"] == ["Brush 1000001 with: a handle; bristles.", "Brush of claim 1."]
    assert grant["description"] == "FELD\nBürsten."
    assert (grant["ipc"], grant["cpc"], str(grant["date"])) == (["A46B5/02"], ["A46B5/021"], "2013-04-17")
    found = {(row["citing_id"], row["cited_id"]) for row in rows(tmp_path / "out", "citations")}
    assert {("EP1000002B1", "EP1000001A1"), ("EP1000002B1", "EP1000003B1")} < found
    assert report["tables"]["citations"]["filtered_by"]["cited number cannot be read"] == 1
    counts(report, "citations")
    check_valid(tmp_path / "out", tmp_path / "clean")


@pytest.mark.parametrize(("date", "wanted"), [("filing", "2008-02-03"), ("priority", "2007-03-04")])
def test_other_dates_and_languages_can_be_asked_for(date: str, wanted: str, tmp_path: Path) -> None:
    run("ep-xml", loose(tmp_path / "in"), tmp_path / "out", date=date, prefer=("fr", "de"))
    one = by_id(tmp_path / "out")["EP1000002B1"]
    assert (str(one["date"]), one["title"], one["language"]) == (wanted, "Stiel 1000002", "fr")
    assert one["claims"][1] == "Brosse of claim 1."


def test_a_damaged_zip_in_a_delivery_costs_its_document_and_a_cut_tar_is_an_error(tmp_path: Path) -> None:
    whole = make_week(tmp_path / "a.tar").read_bytes()
    end = zipped("EP07000002NWB1", week()["EP07000002NWB1"])[-22:]
    (tmp_path / "a.tar").write_bytes(whole.replace(end, bytes(22), 1))
    assert counts(run("ep-xml", tmp_path / "a.tar", tmp_path / "out")) == (12, 8, 2, 2)
    (tmp_path / "b.tar").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="tar archive"):
        run("ep-xml", tmp_path / "b.tar", tmp_path / "cut")


def test_the_wrong_importer_names_this_one(tmp_path: Path) -> None:
    for name, asked in (("x.xml", "uspto-xml"), ("x.zip", "docdb")):
        if name.endswith("zip"):
            make_week(tmp_path / name)
        else:
            (tmp_path / name).write_text(document(1000001))
        with pytest.raises(InputError, match="patray import ep-xml"):
            run(asked, tmp_path / name, tmp_path / "out")
