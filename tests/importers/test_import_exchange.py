"""OPS answers and DOCDB files: exchange documents in XML and JSON, their citations' letters, and damage."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampling import by_id, check_valid, counts, rows, run

from patray.errors import InputError
from patray.importers.citations import HOW
from patray.importers.exchange import letters, phase_and_origin, symbol
from patray.importers.recognise import recognise

OPS = '<?xml version="1.0" encoding="UTF-8"?>\n<ops:world-patent-data xmlns="http://www.epo.org/exchange" '
OPS += 'xmlns:ops="http://ops.epo.org" xmlns:ftxt="http://www.epo.org/fulltext">\n'
END = "</ops:world-patent-data>\n"


def ids(office: str, number: str, kind: str, date: str = "20100105") -> str:
    docdb = f"<country>{office}</country><doc-number>{number}</doc-number><kind>{kind}</kind><date>{date}</date>"
    return (
        f'<document-id document-id-type="epodoc"><doc-number>{office}{number}</doc-number></document-id>'
        f'<document-id document-id-type="docdb">{docdb}</document-id>'
    )


def citation(number: str, category: str = "", phase: str = "search", by: str = "examiner") -> str:
    return (
        f'<citation cited-phase="{phase}" cited-by="{by}" sequence="1"><patcit num="1" dnum-type="publication number">'
        f"{ids('EP', number, 'A1')}</patcit>{category}</citation>"
    )


def ops_document(number: str, kind: str = "A1", cited: str = "", family: str = "", abstract: bool = True) -> str:
    texts = '<abstract lang="de"><p>Alt.</p></abstract><abstract lang="en"><p>A brush &lt;that folds.</p></abstract>'
    return f"""<exchange-document system="ops.epo.org" family-id="{family or number}" country="EP" doc-number="{number}"
 kind="{kind}"><bibliographic-data>
<publication-reference>{ids("EP", number, kind)}</publication-reference>
<classifications-ipcr><classification-ipcr sequence="1"><text>A46B   5/    02            A I</text>
</classification-ipcr></classifications-ipcr>
<patent-classifications><patent-classification sequence="1"><classification-scheme office="EP" scheme="CPCI"/>
<section>A</section><class>46</class><subclass>B</subclass><main-group>5</main-group><subgroup>021</subgroup>
</patent-classification><patent-classification sequence="2"><classification-scheme office="US" scheme="UC"/>
<classification-symbol>15/144</classification-symbol></patent-classification></patent-classifications>
<application-reference doc-id="1">{ids("EP", "9" + number[1:], "A", "20080203")}</application-reference>
<priority-claims><priority-claim sequence="1" kind="national"><document-id document-id-type="epodoc">
<doc-number>US20070001</doc-number><date>20070304</date></document-id></priority-claim></priority-claims>
<invention-title lang="de">Bürste {number}</invention-title><invention-title lang="en">Brush {number}</invention-title>
<references-cited>{cited}<citation cited-phase="search"><nplcit num="1"><text>A book</text></nplcit></citation>
</references-cited></bibliographic-data>{texts if abstract else ""}</exchange-document>
"""


CLAIMS = """<ftxt:fulltext-documents><ftxt:fulltext-document system="ops.epo.org" fulltext-format="text-only">
<bibliographic-data><publication-reference data-format="docdb"><document-id><country>EP</country>
<doc-number>1000001</doc-number><kind>A1</kind></document-id></publication-reference></bibliographic-data>
<claims lang="DE"><claim><claim-text>1. Bürste.</claim-text></claim></claims>
<claims lang="EN"><claim><claim-text>1. A brush comprising</claim-text><claim-text>a handle.</claim-text>
<claim-text>2. The brush of claim 1.</claim-text></claim></claims></ftxt:fulltext-document></ftxt:fulltext-documents>"""
PAIRS = "<category>Y</category><rel-claims>1-12</rel-claims><category>A</category><rel-claims>13</rel-claims>"


def answers() -> list[str]:
    """Twelve publications in three answers, each with its quirk; the last cites most others."""
    cited = (
        citation("1000002", PAIRS, "national-search-report")
        + citation("1000003", "<category>X</category>", "international-search-report")
        + citation("1000004", "", "national-examination", "unknown")
        + citation("1000005", "", "undefined", "applicant")
        + citation("1000006", "<category>D,A</category>", "opposition", "opponent")
        + citation("1000002", "<category>X</category>")
        + citation("1999999")
    )
    missing = '<exchange-document country="US" doc-number="999" kind="A" status="not found"/>'
    others = [ops_document(str(1000002 + n), cited=citation(str(1000003 + n))) for n in range(8)]
    report = ops_document("1000010", "A3", citation("1000007", "<category>P</category>"), abstract=False)
    return [
        OPS + "<exchange-documents>" + ops_document("1000001", cited=cited) + "".join(others) + missing + END,
        OPS + ops_document("1000010", "A2") + report + ops_document("1000011", family="1000001") + END,
        OPS + CLAIMS + END,
    ]


def to_json(element: ElementTree.Element) -> Any:
    """The mechanical conversion that OPS makes: `@` for attributes, `$` for texts, lists where an element repeats."""
    value: dict[str, Any] = {f"@{key}": text for key, text in element.attrib.items()}
    if (element.text or "").strip():
        value["$"] = element.text
    for child in element:
        tag = child.tag.rpartition("}")[2]
        one = to_json(child)
        if tag in value:
            value[tag] = [*(value[tag] if isinstance(value[tag], list) else [value[tag]]), one]
        else:
            value[tag] = one
    return value


def closed(answer: str) -> str:
    """The answer as a whole XML document: one of them lacks an end tag on purpose."""
    return answer.replace(END, "</exchange-documents>" + END) if "<exchange-documents>" in answer else answer


def as_json(answer: str) -> str:
    root = ElementTree.fromstring(closed(answer).encode())
    return json.dumps({"ops:world-patent-data": {"@xmlns": {"$": "http://www.epo.org/exchange"}, **to_json(root)}})


def make_ops(folder: Path) -> Path:
    folder.mkdir()
    for number, answer in enumerate(answers()):
        (folder / f"answer-{number}.xml").write_text(answer, encoding="utf-8")
    return folder


def said(folder: Path) -> dict[tuple[str, str], tuple[Any, ...]]:
    found = rows(folder, "citations")
    return {(one["citing_id"], one["cited_id"]): tuple(map(one.get, HOW)) for one in found}


def test_ops_answers_with_every_quirk_import_to_the_expected_landscape(tmp_path: Path) -> None:
    report = run("ops", make_ops(tmp_path / "in"), tmp_path / "out")
    assert counts(report) == (
        14,
        11,
        1,
        2,
    )  # a document not found; a search report, and claims joined to their document
    patents = by_id(tmp_path / "out")
    first = patents["EP1000001A1"]
    assert first["title"] == "Brush 1000001"
    assert first["abstract"] == "A brush <that folds."
    assert first["claims"] == ["1. A brush comprising\na handle.", "2. The brush of claim 1."]
    assert (first["ipc"], first["cpc"], str(first["date"])) == (["A46B5/02"], ["A46B5/021"], "2010-01-05")
    assert patents["EP1000011A1"]["family_id"] == first["family_id"]
    cites = said(tmp_path / "out")
    one = "EP1000001A1"
    assert cites[one, "EP1000002A1"] == ("examiner", "X", "search")  # met twice: the stronger is kept
    assert cites[one, "EP1000003A1"] == ("examiner", "X", "international search")
    assert cites[one, "EP1000004A1"] == (None, None, "examination")
    assert cites[one, "EP1000005A1"] == ("applicant", None, None)
    assert cites[one, "EP1000006A1"] == ("opposition", "AD", "opposition")
    assert cites["EP1000010A2", "EP1000007A1"] == ("examiner", "P", "search")  # stands on the A3
    check_valid(tmp_path / "out", tmp_path / "clean")


@pytest.mark.parametrize(("date", "wanted"), [("filing", "2008-02-03"), ("priority", "2007-03-04")])
def test_other_dates_can_be_asked_for(date: str, wanted: str, tmp_path: Path) -> None:
    run("ops", make_ops(tmp_path / "in"), tmp_path / "out", date=date)
    assert str(by_id(tmp_path / "out")["EP1000001A1"]["date"]) == wanted


def test_the_json_of_the_same_answers_gives_the_same_landscape(tmp_path: Path) -> None:
    run("ops", make_ops(tmp_path / "in"), tmp_path / "out")
    (tmp_path / "json").mkdir()
    for number, answer in enumerate(answers()):
        (tmp_path / "json" / f"{number}.json").write_text(as_json(answer), encoding="utf-8")
    report = run("ops", tmp_path / "json", tmp_path / "from-json")
    assert counts(report) == (14, 11, 1, 2)
    assert by_id(tmp_path / "from-json") == by_id(tmp_path / "out")
    assert said(tmp_path / "from-json") == said(tmp_path / "out")


def test_json_whose_signs_were_lost_on_the_way_is_read(tmp_path: Path) -> None:
    record = {
        "family-id": "7", "country": "EP", "doc-number": "1000001", "kind": "A1",
        "bibliographic-data": {
            "invention-title": {"lang": "en", "$": "Brush"},
            "references-cited": {"citation": {"category": "X", "patcit": {"document-id": [
                {"doc-number": "EP1000002"}, {"country": "EP", "doc-number": "1000002", "kind": "A1"}]}}},
        },
    }  # fmt: skip
    other = {"country": "EP", "doc-number": "1000002", "kind": "A1", "bibliographic-data": {"invention-title": "Comb"}}
    answer = {"exchange-documents": {"exchange-document": [record, other]}}
    (tmp_path / "a.json").write_text(json.dumps(answer))
    run("ops", tmp_path / "a.json", tmp_path / "out")
    assert by_id(tmp_path / "out")["EP1000001A1"]["title"] == "Brush"
    assert said(tmp_path / "out") == {("EP1000001A1", "EP1000002A1"): (None, "X", None)}


def test_a_fault_and_a_damaged_answer_cost_themselves_only(tmp_path: Path) -> None:
    folder = make_ops(tmp_path / "in")
    (folder / "fault.xml").write_text(
        "<fault><code>SERVER.EntityNotFound</code><message>No results found</message></fault>"
    )
    (folder / "images.xml").write_text(OPS + "<ops:document-inquiry/>" + END)
    (folder / "cut.json").write_text(as_json(answers()[1])[:-40])
    (folder / "broken.xml").write_text(OPS + ops_document("1000020").replace("</abstract>", "", 1) + END)
    report = run("ops", folder, tmp_path / "out")
    assert counts(report) == (18, 11, 4, 3)
    reasons = " ".join(row["reason"] for row in rows(tmp_path / "out", "quarantine"))
    assert "fault.xml (No results found)" in reasons
    assert "cut.json: not valid JSON" in reasons
    assert "broken.xml, the document in line 3" in reasons


def test_a_full_text_without_a_kind_is_joined_only_where_one_publication_has_its_number(tmp_path: Path) -> None:
    claims = CLAIMS.replace("<kind>A1</kind>", "")
    (tmp_path / "a.xml").write_text(OPS + ops_document("1000001") + claims + END)
    run("ops", tmp_path / "a.xml", tmp_path / "out")
    assert len(by_id(tmp_path / "out")["EP1000001A1"]["claims"]) == 2
    (tmp_path / "b.xml").write_text(OPS + ops_document("1000001") + ops_document("1000001", "B1") + claims + END)
    assert counts(run("ops", tmp_path / "b.xml", tmp_path / "two")) == (3, 2, 1, 0)


def docdb_document(number: str, kind: str = "A1", cited: str = "", status: str = "C") -> str:
    def reference(name: str, form: str, office: str, digits: str) -> str:
        body = f"<country>{office}</country><doc-number>{digits}</doc-number><kind>{kind}</kind><date>20100105</date>"
        return f'<exch:{name} data-format="{form}"><document-id lang="en">{body}</document-id></exch:{name}>'

    return f"""<exch:exchange-document country="EP" doc-number="{number}" kind="{kind}" doc-id="1" date-publ="20100105"
 family-id="{number}" status="{status}"><exch:bibliographic-data>
{reference("publication-reference", "original", "EP", "99/77")}
{reference("publication-reference", "docdb", "EP", number)}
<exch:classifications-ipcr><classification-ipcr sequence="1"><text>H04B   7/15    20060101AFI20051220RMJP  </text>
</classification-ipcr></exch:classifications-ipcr>
<exch:patent-classifications><patent-classification><classification-scheme office="EP" scheme="CPCI"/>
<classification-symbol>H04B   7/18515</classification-symbol></patent-classification></exch:patent-classifications>
{reference("application-reference", "docdb", "EP", "9" + number[1:])}
<exch:invention-title lang="en" data-format="docdba">Relay {number} &eacute;&nbsp;&hearts;</exch:invention-title>
<exch:references-cited>{cited}</exch:references-cited></exch:bibliographic-data>
<exch:patent-family><exch:family-member/><exch:abstract country="US" abstract-source="translation">
<exch:p>Another publication's.</exch:p></exch:abstract></exch:patent-family>
</exch:exchange-document>
"""


def docdb_citation(number: str, phase: str = "SEA", category: str = "", inside: bool = False) -> str:
    said = f"<category>{category}</category>" if category else ""
    passage = f"<exch:rel-passage>{said}</exch:rel-passage>" if inside else said
    body = f"<country>EP</country><doc-number>{number}</doc-number><kind>A1</kind>"
    patent = f'<patcit dnum="EP{number}A1"><document-id doc-id="3">{body}</document-id></patcit>'
    return f'<exch:citation cited-phase="{phase}" sequence="1">{patent}{passage}</exch:citation>'


def docdb_file() -> str:
    cited = (
        docdb_citation("2000002", "SEA", "X")
        + docdb_citation("2000003", "ISR", "Y", inside=True)
        + docdb_citation("2000004", "OPP")
        + docdb_citation("2000005", "APP")
        + docdb_citation("2000006", "SEA", "see text")
    )
    documents = [docdb_document("2000001", cited=cited)]
    documents += [docdb_document(str(2000002 + n), cited=docdb_citation(str(2000003 + n))) for n in range(8)]
    documents += [docdb_document("2000090", status="D")]
    documents += [docdb_document("2000091").replace("</exch:exchange-document>", "")]
    documents += [docdb_document("2000092").replace("&eacute;", "&madeup;")]
    documents += ['<exch:exchange-document country="EP" doc-number="3" kind="A1" status="A"></exch:exchange-document>']
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<exch:exchange-documents xmlns:exch="http://www.epo.org/exchange" '
    return head + 'date-of-exchange="20260101">\n' + "".join(documents) + "</exch:exchange-documents>\n"


def make_docdb(path: Path) -> Path:
    """A delivery: zips in a zip, with a folder of DTDs."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("DOCDB-202601-001-EP-0001.xml", docdb_file())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Root/DTDS/docdb-entities.dtd", "<!ENTITY x 'y'>")
        archive.writestr("Root/DOC/DOCDB-202601-001-EP-0001.zip", inner.getvalue())
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_a_docdb_file_with_every_quirk_imports_to_the_expected_landscape(zipped: bool, tmp_path: Path) -> None:
    source = make_docdb(tmp_path / "docdb.zip") if zipped else tmp_path / "x.xml"
    if not zipped:
        source.write_text(docdb_file())
    report = run("docdb", source, tmp_path / "out")
    assert counts(report) == (13, 9, 3, 1)
    first = by_id(tmp_path / "out")["EP2000001A1"]
    assert first["title"] == "Relay 2000001 é ♥"
    assert first["abstract"] is None  # that of another publication of the family is not taken
    assert (first["ipc"], first["cpc"]) == (["H04B7/15"], ["H04B7/18515"])
    cites = said(tmp_path / "out")
    one = "EP2000001A1"
    assert cites[one, "EP2000002A1"] == ("examiner", "X", "search")
    assert cites[one, "EP2000003A1"] == ("examiner", "Y", "international search")
    assert cites[one, "EP2000004A1"] == ("opposition", None, "opposition")
    assert cites[one, "EP2000005A1"] == ("applicant", None, "application")
    assert cites[one, "EP2000006A1"] == ("examiner", None, "search")
    broken = [row for row in rows(tmp_path / "out", "quarantine") if row["reason"].startswith("not well-formed")]
    assert [docdb_file().splitlines()[row["line"] - 1].split()[2] for row in broken] == [
        'doc-number="2000091"', 'doc-number="2000092"',
    ]  # fmt: skip
    check_valid(tmp_path / "out", tmp_path / "clean")


@pytest.mark.parametrize("step", [64, 1000])
def test_where_a_file_is_cut_into_blocks_changes_nothing(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.xml").write_text(docdb_file())
    run("docdb", tmp_path / "x.xml", tmp_path / "whole")
    monkeypatch.setattr("patray.importers.xml_documents.STEP", step)
    run("docdb", tmp_path / "x.xml", tmp_path / "pieces")
    for name in ("patents", "citations", "quarantine"):
        assert rows(tmp_path / "whole", name) == rows(tmp_path / "pieces", name)


def test_a_latin_1_file_is_read_as_it_says_and_utf_16_is_refused(tmp_path: Path) -> None:
    text = docdb_file().replace("&eacute;", "é")
    (tmp_path / "x.xml").write_bytes(text.replace("UTF-8", "ISO-8859-1").encode("latin-1"))
    run("docdb", tmp_path / "x.xml", tmp_path / "out")
    assert by_id(tmp_path / "out")["EP2000001A1"]["title"] == "Relay 2000001 é ♥"
    (tmp_path / "y.xml").write_bytes(text.encode("utf-16"))
    with pytest.raises(InputError, match="UTF-16"):
        run("docdb", tmp_path / "y.xml", tmp_path / "out-16")


@pytest.mark.parametrize(
    ("asked", "text", "advice"),
    [
        ("uspto-xml", docdb_file(), "patray import docdb"),
        ("docdb", answers()[0], "patray import ops"),
        ("hupd", as_json(answers()[0]), "patray import ops"),
        ("docdb", '<?xml version="1.0"?>\n<!DOCTYPE us-patent-grant SYSTEM "x.dtd" [ ]>\n', "patray import uspto-xml"),
        ("docdb", '<patent-document ucid="EP-1-A1" country="EP">', "patray import clef-ip"),
        ("ops", "PATN\nWKU  039302717\n", "patray import uspto-old"),
        (
            "ep-xml",
            '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY % e SYSTEM "x.dtd">]>\n<exch:exchange-documents x="1">',
            "patray import docdb",
        ),
        (
            "lens",
            '{"count": 1, "patentFileWrapperDataBag": [{"applicationNumberText": "16"}]}',
            "patray import uspto-odp",
        ),
        ("table", '{"applicationNumberText": "16", "applicationMetaData": {"x": 1}}', "patray import uspto-odp"),
        ("bigquery", '{"total": 1, "data": [{"lens_id": "1-1", "biblio": {"x": 1}}]}', "patray import lens"),
        ("lens", '{"title_localized": [{"text": "A"}], "publication_number": "EP-1-A"}', "patray import bigquery"),
    ],
)
def test_the_wrong_importer_names_the_right_one(asked: str, text: str, advice: str, tmp_path: Path) -> None:
    ending = "json" if text.startswith("{") else "xml"
    (tmp_path / f"x.{ending}").write_text(text, encoding="utf-8-sig")
    with pytest.raises(InputError, match=advice):
        run(asked, tmp_path / f"x.{ending}", tmp_path / "out")


def test_first_bytes_that_tell_nothing_name_nothing() -> None:
    record = b'{"lens_id": "<ops:world-patent-data"}'
    flat = b'{"lens_id": "1-1", "title": "A brush with \\"biblio\\": {}"}'
    numbers = b'{"publication_number": "EP-1-A", "title": "A brush"}'
    for head in (b"", b"\x00\xff", b"title,abstract\n", record, flat, numbers, b"<root>", b"title\n<PATDOC >"):
        assert recognise(head) is None


@pytest.mark.parametrize(
    ("phase", "by", "wanted"),
    [
        ("national-search-report", "examiner", ("search", "examiner")),
        ("supplementary-international-search-report", None, ("supplementary search", "examiner")),
        ("SUP", None, ("supplementary search", "examiner")),
        ("FOP", None, ("opposition", "opposition")),
        ("TPO", None, ("third party", "third party")),
        ("undefined", "applicant", (None, "applicant")),
        ("national-examination", "unknown", ("examination", None)),
        (None, None, (None, None)),
        ("XYZ", None, ("xyz", None)),
    ],
)
def test_who_cited_and_when(phase: str | None, by: str | None, wanted: tuple[str | None, str | None]) -> None:
    assert phase_and_origin(phase, by) == wanted


@given(st.lists(st.sampled_from(["X", "Y", "A", "XY", "D,A", "P/X", "E", "A;D"]), max_size=4))
def test_categories_are_the_letters_met_each_once_the_strongest_first(texts: list[str]) -> None:
    met = {one for text in texts for one in text if one.isalpha()}
    assert letters(texts) == ("".join(one for one in "XYEPAD" if one in met) or None)
    assert letters([*texts, "no letter"]) == letters(texts)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A47L   9/    28            A I", "A47L9/28"),
        ("H04B 7/18515", "H04B7/18515"),
        ("F 23D 13/18 B", "F23D13/18"),
        ("A61K  31/00   20060101C I20051008RMEP", "A61K31/00"),
        ("B65D 21/032", "B65D21/032"),
    ],
)
def test_codes_are_read_in_all_their_spacings(text: str, wanted: str) -> None:
    assert symbol(text) == wanted
