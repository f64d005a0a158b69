"""Weekly USPTO files: concatenated documents of several versions, and damage."""

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sampling import by_id, check_valid, counts, reasons, rows, run

from patray.errors import InputError
from patray.importers.xml_documents import paragraphs

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE us-patent-grant SYSTEM "us-patent-grant-v45.dtd" [ ]>\n'
CODE = """<classification-ipcr><section>A</section><class>46</class><subclass>B</subclass>
<main-group>5</main-group><subgroup>02</subgroup></classification-ipcr>"""


def grant(
    number: str, kind: str = "B2", version: str = "4.5", title: str = "Brush &amp; comb", abstract: bool = True
) -> str:
    outer, inner = ("us-references-cited", "us-citation") if version == "4.5" else ("references-cited", "citation")

    def cite(office: str, cited: str, cited_kind: str = "A") -> str:
        return (
            f'<{inner}><patcit num="1"><document-id><country>{office}</country><doc-number>{cited}</doc-number>'
            f"<kind>{cited_kind}</kind><name>Doe</name><date>20101100</date></document-id></patcit>"
            f"<category>cited by examiner</category></{inner}>"
        )

    return f"""{HEAD}<us-patent-grant lang="EN" file="x.XML" date-publ="20140701">
<us-bibliographic-data-grant>
<publication-reference><document-id><country>US</country><doc-number>{number}</doc-number><kind>{kind}</kind>
<date>20140701</date></document-id></publication-reference>
<application-reference appl-type="utility"><document-id><country>US</country><doc-number>13123456</doc-number>
<date>20110203</date></document-id></application-reference>
<classifications-ipcr>{CODE}{CODE}</classifications-ipcr>
<classifications-cpc><main-cpc>{CODE.replace("ipcr", "cpc")}</main-cpc></classifications-cpc>
<invention-title id="t">Brush &amp; comb</invention-title>
<{outer}>{cite("US", "8930553", "B1")}{cite("US", "2005/0123456", "A1")}{cite("WO", "WO 89/02682")}
<{inner}><nplcit><othercit>A book</othercit></nplcit><category>cited by other</category></{inner}></{outer}>
</us-bibliographic-data-grant>
{"<abstract><p>A brush <b>folds</b>&mdash;well.</p></abstract>" if abstract else ""}
<description><?BRFSUM start?><heading>FIELD</heading><p>Brushes.</p><?BRFSUM end?></description>
<claims><claim id="CLM-00001" num="00001"><claim-text>1. A brush comprising:
<claim-text>a handle; and</claim-text><claim-text>bristles.</claim-text></claim-text></claim>
<claim id="CLM-00002" num="00002"><claim-text>2. The brush of <claim-ref idref="CLM-00001">claim 1</claim-ref>,
that folds.</claim-text></claim></claims>
</us-patent-grant>
"""


APPLICATION = (
    HEAD.replace("grant", "application")
    + """<us-patent-application lang="EN"><us-bibliographic-data-application>
<publication-reference><document-id><country>US</country><doc-number>20050123456</doc-number><kind>A1</kind>
<date>20050600</date></document-id></publication-reference><invention-title>Old brush</invention-title>
</us-bibliographic-data-application></us-patent-application>
"""
)
SEQUENCE = '<?xml version="1.0"?>\n<sequence-cwu><x/></sequence-cwu>\n'


def weekly() -> str:
    parts = [
        grant("08930553"),
        grant("D0807612", kind="S1", abstract=False),
        SEQUENCE,
        grant("08930554", version="4.2").replace("</claims>", "</claim>"),
        APPLICATION,
        grant("08930555", version="4.2"),
    ]
    return "".join(parts)


def test_a_weekly_file_with_every_quirk_imports_to_the_expected_landscape(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ipg140701.xml", weekly())
    (tmp_path / "ipg140701.zip").write_bytes(buffer.getvalue())
    report = run("uspto-xml", tmp_path / "ipg140701.zip", tmp_path / "out")
    assert counts(report) == (6, 3, 1, 2)  # a design and a sequence listing are filtered
    patents = by_id(tmp_path / "out")
    assert set(patents) == {"US8930553B2", "US20050123456A1", "US8930555B2"}
    first = patents["US8930553B2"]
    assert first["title"] == "Brush & comb"
    assert first["abstract"] == "A brush folds—well."
    assert first["claims"] == [
        "1. A brush comprising: a handle; and bristles.",
        "2. The brush of claim 1, that folds.",
    ]
    assert first["description"] == "FIELD\nBrushes."
    assert first["ipc"] == first["cpc"] == ["A46B5/02"]
    assert patents["US20050123456A1"]["date"] is None
    found = {(row["citing_id"], row["cited_id"], row["origin"]) for row in rows(tmp_path / "out", "citations")}
    assert ("US8930555B2", "US8930553B2", "examiner") in found  # v4.2, and a kind that is another
    assert ("US8930553B2", "US20050123456A1", "examiner") in found
    broken = next(row for row in rows(tmp_path / "out", "quarantine") if row["reason"].startswith("not well-formed"))
    assert weekly().splitlines()[broken["line"] - 1].startswith("<?xml")
    assert broken["file"] == "ipg140701.zip:ipg140701.xml"
    assert {reason for _, reason in reasons(tmp_path / "out")} == {"not well-formed XML", "bad date, left empty"}
    check_valid(tmp_path / "out", tmp_path / "clean")


def test_designs_enter_when_asked_and_have_no_abstract(tmp_path: Path) -> None:
    from patray.importers.options import Selection

    (tmp_path / "ipg.xml").write_text(weekly())
    run("uspto-xml", tmp_path / "ipg.xml", tmp_path / "out", selection=Selection(all_kinds=True))
    assert by_id(tmp_path / "out")["USD807612S1"]["abstract"] is None


def test_a_file_cut_inside_a_document_loses_that_document_and_says_so(tmp_path: Path) -> None:
    text = weekly()
    (tmp_path / "ipg.xml").write_text(text[: len(text) - 300])
    report = run("uspto-xml", tmp_path / "ipg.xml", tmp_path / "out")
    assert report["tables"]["patents"]["quarantined"] == 2
    assert any("not well-formed XML" in reason for reason in report["quarantine"])


def test_the_text_format_of_the_last_century_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pftaps.xml").write_text("PATN\nWKU  039999999\n")
    with pytest.raises(InputError, match="the text format before 2001"):
        run("uspto-xml", tmp_path / "pftaps.xml", tmp_path / "out")


def test_text_beside_paragraphs_is_kept_and_their_ends_are_spaces() -> None:
    element = ElementTree.fromstring("<abstract>A brush<p>with bristles.</p><p>It <b>fol</b>ds.</p></abstract>")
    assert paragraphs(element) == "A brush with bristles. It folds."
    element = ElementTree.fromstring("<abstract> <p>A brush.</p><!-- x --><p/><p>It folds.</p></abstract>")
    assert paragraphs(element) == "A brush.\nIt folds."
    assert paragraphs(ElementTree.fromstring("<abstract/>")) is paragraphs(None) is None
