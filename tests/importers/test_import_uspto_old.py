"""USPTO files before 2005: APS text, PATDOC in SGML and XML, applications in XML v1, with the quirks of each."""

import gzip
from pathlib import Path

import pytest
from sampling import by_id, check_valid, counts, reasons, rows, run

from patray.errors import InputError
from patray.importers.options import Selection
from patray.importers.uspto_aps import ipc_codes


def aps(wku: str, issued: str = "19760106", cites: str = "") -> str:
    return f"""PATN
WKU  {wku}
SRC  5
APN  4804871
APT  1
APD  19740618
TTL  Folding brush with a very long
      title
ISD  {issued}
NCL  2
INVT
NAM  Doe; Jane
CTY  Anywhere
CLAS
OCL    2161A
XCL    2  2
ICL  A41D 1900
ICL  G06F  728
ICL  G06F 15163
UREF
PNO  1234567
ISD  19450700
NAM  Doe
OCL    2161R
{cites}FREF
PNO  55-12345
ISD  19800100
CNT  JPX
FREF
PNO  0292076
CNT  EPX
ABST
PAL  A brush that folds
     in two.
PAL  It has a hinge.
BSUM
PAC  BACKGROUND
PAR  Brushes are known.
DETD
PAR  The hinge 2 is thin.
CLMS
STM  I claim:
NUM  1.
PAR  1. A brush comprising:
PA1  a handle; and
PA1  bristles on
     the handle.
NUM  2.
PAR  2. The brush of claim 1, that folds.
"""


DESIGN = (
    "PATN\nWKU  D02681420\nISD  19830301\nTTL  Comb\nCLAS\nICL  D0202\nDCLM\nPAR  The ornamental design, as shown.\n"
)
REISSUE = "PATN\nWKU  RE0311677\nISD  19830301\nTTL  Comb, again\nCLAS\nICL  B60R  900\n"


def aps_file() -> str:
    return (
        "HHHHHT        APS1        ISSUE - 760106\n"
        + aps("039302717", cites="UREF\nPNO  D268142\nISD  19830301\nUREF\nPNO  RE31167\n")
        + DESIGN
        + REISSUE
        + "PATN\nAPN  4804872\nTTL  No number\n"
        + aps("06332220&", issued="20010102", cites="UREF\nPNO  3930271\nISD  19760100\n")
    )


def padded(text: str) -> str:
    return "".join(f"{line:<80}\n" for line in text.splitlines())


@pytest.mark.parametrize("ends", ["\n", "\r\n", "padded"])
def test_aps_text_imports_to_the_expected_landscape(ends: str, tmp_path: Path) -> None:
    text = padded(aps_file()) if ends == "padded" else aps_file().replace("\n", ends)
    (tmp_path / "pftaps760106.txt").write_bytes(text.encode())
    report = run("uspto-old", tmp_path / "pftaps760106.txt", tmp_path / "out")
    assert counts(report) == (5, 3, 1, 1)  # the design is filtered, the record without number quarantined
    patents = by_id(tmp_path / "out")
    assert set(patents) == {"US3930271A", "USRE31167E", "US6332220"}
    first = patents["US3930271A"]
    assert first["title"] == "Folding brush with a very long title"
    assert str(first["date"]) == "1976-01-06"
    assert first["abstract"] == "A brush that folds in two.\nIt has a hinge."
    assert first["description"] == "BACKGROUND\nBrushes are known.\nThe hinge 2 is thin."
    assert first["claims"] == [
        "1. A brush comprising: a handle; and bristles on the handle.",
        "2. The brush of claim 1, that folds.",
    ]
    assert first["ipc"] == ["A41D19/00", "G06F7/28", "G06F15/163"]
    assert patents["USRE31167E"]["ipc"] == ["B60R9/00"]
    found = {(row["citing_id"], row["cited_id"], row["origin"]) for row in rows(tmp_path / "out", "citations")}
    assert found == {("US3930271A", "USRE31167E", None), ("US6332220", "US3930271A", None)}
    lines = text.splitlines()
    ((line, reason),) = reasons(tmp_path / "out")
    assert reason == "no patent number (WKU) in this record"
    assert lines[line - 1].rstrip() == "PATN"
    assert lines[line].startswith("APN  4804872")
    check_valid(tmp_path / "out", tmp_path / "clean")


def test_a_design_enters_when_asked_with_its_one_claim(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(aps_file())
    run("uspto-old", tmp_path / "a.txt", tmp_path / "out", selection=Selection(all_kinds=True))
    design = by_id(tmp_path / "out")["USD268142S"]
    assert (design["claims"], design["ipc"]) == (["The ornamental design, as shown."], [])


@pytest.mark.parametrize(
    ("columns", "code"),
    [("A41D 1900", "A41D19/00"), ("G06F  728", "G06F7/28"), ("G06F 15163", "G06F15/163"), ("A61K03100", "A61K31/00"),
     ("C07D23702", "C07D237/02"), ("C07D2370212", "C07D237/0212"), ("D0202", "D0202"), ("A61B 5/00", "A61B 5/00")],
)  # fmt: skip
def test_ipc_in_columns_has_three_places_for_the_main_group(columns: str, code: str) -> None:
    assert ipc_codes([columns, columns]) == [code]


def patdoc(number: str, sgml: bool, kind: str = "B1", body: str = "") -> str:
    end = "" if sgml else "/"
    dtd, head = ("2.4", "") if sgml else ("2.5", '<?xml version="1.0" encoding="UTF-8"?>\n')

    def cite(cited: str, office: str, by: str) -> str:
        country = f"<CTRY><PDAT>{office}</PDAT></CTRY>" if office else ""
        return (
            f"<B561><PCIT><DOC><DNUM><PDAT>{cited}</PDAT></DNUM><DATE><PDAT>19900100</PDAT></DATE>{country}"
            f"<KIND><PDAT>A</PDAT></KIND></DOC><PARTY-US><NAM><SNM><STEXT><PDAT>Doe</PDAT></STEXT></SNM></NAM>"
            f"</PARTY-US></PCIT><CITED-BY-{by}{end}></B561>"
        )

    return f"""{head}<!DOCTYPE PATDOC PUBLIC "-//USPTO//DTD ST.32 US PATENT GRANT V{dtd}//EN" [
<!ENTITY US0{number}-D00000.TIF SYSTEM "x.TIF" NDATA TIF>
]>
<PATDOC DTD="{dtd}" STATUS="Build 20010518">
<SDOBI>
<B100><B110><DNUM><PDAT>{number}</PDAT></DNUM></B110><B130><PDAT>{kind}</PDAT></B130>
<B140><DATE><PDAT>20020101</PDAT></DATE></B140><B190><PDAT>US</PDAT></B190></B100>
<B200><B210><DNUM><PDAT>09478034</PDAT></DNUM></B210><B211US><PDAT>09</PDAT></B211US>
<B220><DATE><PDAT>20000105</PDAT></DATE></B220></B200>
<B500><B510><B511><PDAT>G06F 1516</PDAT></B511><B512><PDAT>A46B  502</PDAT></B512><B516><PDAT>7</PDAT></B516></B510>
<B540><STEXT><PDAT>Brush &amp; comb</PDAT></STEXT></B540>
<B560>{cite("6336130", "", "EXAMINER")}{cite("96/25012", "WO", "OTHER")}{cite("3930271", "", "OTHER")}
<B562><NCIT><STEXT><PDAT>A book.</PDAT></STEXT></NCIT><CITED-BY-OTHER{end}></B562></B560>
<B597US{end}></B500>
</SDOBI>
<SDOAB><BTEXT><PARA ID="P-00001" LVL="0"><PTEXT><PDAT>Water, H</PDAT>
<HIL><SB><PDAT>2</PDAT></SB></HIL>
<PDAT>O&mdash;at 5&deg;.</PDAT></PTEXT></PARA></BTEXT></SDOAB>
<SDODE><BRFSUM><BTEXT><H LVL="1"><STEXT><PDAT>FIELD</PDAT></STEXT></H>
<PARA ID="P-2" LVL="0"><PTEXT><PDAT>Brushes and &nosuch;.</PDAT></PTEXT></PARA></BTEXT></BRFSUM>{body}</SDODE>
<SDOCL><H LVL="1"><STEXT><PDAT>What is claimed is:</PDAT></STEXT></H><CL>
<CLM ID="CLM-00001"><PARA ID="P-3" LVL="0"><PTEXT><PDAT>1. A brush comprising:</PDAT></PTEXT></PARA>
<CLMSTEP LVL="2"><PTEXT><PDAT>a hinge.</PDAT></PTEXT></CLMSTEP></CLM>
<CLM ID="CLM-00002"><PARA ID="P-4" LVL="0"><PTEXT><PDAT>2. The brush of </PDAT>
<CLREF ID="CLM-00001"><PDAT>claim 1</PDAT></CLREF><PDAT>, that folds.</PDAT></PTEXT></PARA></CLM>
</CL></SDOCL>
<SDODR ID="DRAWINGS"><EMI ID="EMI-D0" FILE="US0{number}-D00000.TIF"{end}></SDODR>
</PATDOC>
"""


@pytest.mark.parametrize("sgml", [True, False])
def test_patdoc_with_open_and_closed_empty_elements_imports_alike(sgml: bool, tmp_path: Path) -> None:
    deleted = "<PARA><PTEXT><PDAT>Kept </PDAT><DEL-S><PDAT>gone</PDAT><DEL-E><PDAT>too.</PDAT></PTEXT></PARA>"
    if not sgml:
        deleted = deleted.replace("<DEL-S>", "<DEL-S/>").replace("<DEL-E>", "<DEL-E/>")
    text = (
        patdoc("06336130", sgml, body=deleted)
        + patdoc("D0453058", sgml, kind="S1")
        + patdoc("06336131", sgml).replace("</SDOCL>", "")
        + patdoc("06336132", sgml)
    )
    (tmp_path / "pg.any.sgm.gz").write_bytes(gzip.compress(text.encode()))
    report = run("uspto-old", tmp_path / "pg.any.sgm.gz", tmp_path / "out")
    assert counts(report) == (4, 2, 1, 1)
    patents = by_id(tmp_path / "out")
    assert set(patents) == {"US6336130B1", "US6336132B1"}
    first = patents["US6336130B1"]
    assert first["title"] == "Brush & comb"
    assert first["abstract"] == "Water, H2O—at 5°."
    assert first["description"] == "FIELD\nBrushes and &nosuch;.\nKept too."
    assert first["claims"] == ["1. A brush comprising: a hinge.", "2. The brush of claim 1, that folds."]
    assert first["ipc"] == ["G06F15/16", "A46B5/02"]
    found = {(row["citing_id"], row["cited_id"], row["origin"]) for row in rows(tmp_path / "out", "citations")}
    assert found == {("US6336132B1", "US6336130B1", "examiner")}  # of itself and outside the corpus: none
    assert {reason for _, reason in reasons(tmp_path / "out")} == {
        "not well-formed XML", "unknown entities, left as written",
    }  # fmt: skip
    lines = text.splitlines()
    assert all(lines[line - 1].startswith("<PATDOC") for line, _ in reasons(tmp_path / "out"))
    check_valid(tmp_path / "out", tmp_path / "clean")


def application(number: str = "20010000044") -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE patent-application-publication SYSTEM "pap-v15-2001-01-31.dtd" [
<!ENTITY D1 SYSTEM "D1.TIF" NDATA TIF> ]>
<patent-application-publication><subdoc-bibliographic-information>
<document-id><doc-number>{number}</doc-number><kind-code>A1</kind-code><document-date>20010315</document-date>
</document-id><domestic-filing-data><application-number><doc-number>09478034</doc-number></application-number>
<filing-date>20001205</filing-date></domestic-filing-data><technical-information><classification-ipc>
<classification-ipc-primary><ipc>G06F017/60</ipc></classification-ipc-primary><classification-ipc-secondary>
<ipc>A46B005/02</ipc></classification-ipc-secondary><classification-ipc-edition>07</classification-ipc-edition>
</classification-ipc><title-of-invention>Brush</title-of-invention></technical-information>
</subdoc-bibliographic-information>
<subdoc-abstract><paragraph id="A-1" lvl="0">A <highlight><bold>brush</bold></highlight>.</paragraph></subdoc-abstract>
<subdoc-description><cross-reference-to-related-applications><heading lvl="1">CROSS</heading>
<paragraph id="P-1"><number>&lsqb;0001&rsqb;</number> Known.</paragraph></cross-reference-to-related-applications>
</subdoc-description>
<subdoc-claims><heading lvl="1">What is claimed is:</heading>
<claim id="CLM-1"><claim-text><highlight><bold>1</bold></highlight>. A brush comprising:
<claim-text>a hinge.</claim-text></claim-text></claim></subdoc-claims>
</patent-application-publication>
"""


def test_applications_of_2001_import_and_a_grant_of_the_same_application_is_kin(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    cut = application("20010000045").split("<subdoc-claims>")[0]
    (folder / "pa010315.xml").write_text(application() + cut)
    (folder / "pg.xml").write_text(patdoc("06336130", sgml=False))
    report = run("uspto-old", folder, tmp_path / "out")
    assert counts(report) == (3, 2, 1, 0)
    patents = by_id(tmp_path / "out")
    found = patents["US20010000044A1"]
    assert (found["title"], found["abstract"]) == ("Brush", "A brush.")
    assert found["description"] == "CROSS\n[0001] Known."
    assert found["claims"] == ["1. A brush comprising: a hinge."]
    assert found["ipc"] == ["G06F17/60", "A46B5/02"]
    assert found["family_id"] == patents["US6336130B1"]["family_id"]


def test_the_wrong_importer_names_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "ipg.xml").write_text("<?xml version='1.0'?>\n<us-patent-grant/>\n")
    with pytest.raises(InputError, match="patray import uspto-xml"):
        run("uspto-old", tmp_path / "ipg.xml", tmp_path / "out")
    for name, text in (("a.xml", aps_file()), ("b.xml", patdoc("1", sgml=True)), ("c.xml", application())):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match="patray import uspto-old"):
            run("uspto-xml", tmp_path / name, tmp_path / "out")


def test_a_file_cut_inside_a_record_loses_that_document_and_says_so(tmp_path: Path) -> None:
    text = patdoc("06336130", sgml=True) + patdoc("06336132", sgml=True)
    (tmp_path / "a.sgm").write_text(text[:-400])
    report = run("uspto-old", tmp_path / "a.sgm", tmp_path / "out")
    assert counts(report) == (2, 1, 1, 0)
