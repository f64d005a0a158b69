"""Text that was lost, glued or doubled without a word, and ids that two documents shared: each by a small file."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pytest
from sampling import by_id, counts, jsonl, run

from patray.importers.families import docdb_application
from patray.importers.reissues import without_deleted
from patray.importers.uspto_aps import fields
from patray.importers.xml_documents import ENTITIES, paragraphs, text_of, without_entities

EP = """<ep-patent-document id="EP09" file="x.xml" lang="en" country="EP" doc-number="1234567" kind="A1"
date-publ="20100106" status="n"><SDOBI lang="en"><B500><B540><B541>en</B541><B542>A brush</B542></B540></B500></SDOBI>
{body}</ep-patent-document>"""


@pytest.mark.parametrize(
    ("xml", "wanted"),
    [
        ("<abstract><p>A brush.</p><p>A comb.</p></abstract>", "A brush.\nA comb."),
        ("<abstract><i>In vitro</i> method of <b>brushing</b> hair.</abstract>", "In vitro method of brushing hair."),
        ("<abstract><p>A brush.</p> and a comb</abstract>", "A brush. and a comb"),
        ("<abstract>A brush for H<sub>2</sub>O</abstract>", "A brush for H2O"),
        ("<abstract><!-- none --> A brush</abstract>", "A brush"),
    ],
)
def test_text_beside_the_children_of_an_element_is_kept(xml: str, wanted: str) -> None:
    assert paragraphs(ElementTree.fromstring(xml)) == wanted


def test_terms_of_a_list_are_not_glued() -> None:
    xml = "<p>where<dl><dt>10</dt><dd>brush</dd><dt>12</dt><dd>comb</dd></dl></p>"
    assert text_of(ElementTree.fromstring(xml)) == "where 10 brush 12 comb"


def test_an_ep_abstract_that_begins_with_italics_and_claims_without_claim_elements_are_read(tmp_path: Path) -> None:
    body = """<abstract id="abst" lang="en"><i>In vitro</i> brushing of hair.</abstract>
<claims id="claims01" lang="en"><claim-text>1. A brush.</claim-text><claim-text>2. A comb.</claim-text></claims>"""
    (tmp_path / "one.xml").write_text(EP.format(body=body))
    assert counts(run("ep-xml", tmp_path / "one.xml", tmp_path / "out")) == (1, 1, 0, 0)
    (patent,) = by_id(tmp_path / "out").values()
    assert patent["abstract"] == "In vitro brushing of hair."
    assert patent["claims"] == ["1. A brush.", "2. A comb."]


@pytest.mark.parametrize("sign", ["\x0c", "\x0b", "\x85", "\u2028", "\x1c"])
def test_only_a_newline_ends_a_line_of_aps(sign: str) -> None:
    found = fields(f"ABST\nPAL  A brush{sign}with long bristles\n     and a comb\r\nPAL  More.\n")
    assert [(tag, " ".join(value.split())) for _, tag, value in found if tag] == [
        ("PAL", " ".join(f"A brush{sign}with long bristles and a comb".split())),
        ("PAL", "More."),
    ]


REISSUE = {
    "title": ".[.Sixth.]. .Iadd.Seventh .Iaddend.brush",
    "abstract": "A brush with .[.metal\nor wooden.]., soft bristles.",
    "claims": [
        "1. A .[.metal.]. .Iadd.wooden .Iaddend.brush.", ".[.2. A comb..].", "3. .[.A comb..].",
        ".Iadd.4. A hat..Iaddend.",
    ],
    "description": "It costs .[. 5 dollars and .Iadd.more.",
}  # fmt: skip
CLEAN = {
    "title": "Seventh brush",
    "abstract": "A brush with, soft bristles.",
    "claims": ["1. A wooden brush.", "4. A hat."],
    "description": "It costs .[. 5 dollars and more.",
}


def test_deleted_text_of_a_reissue_is_dropped_in_every_table_and_of_nothing_else(tmp_path: Path) -> None:
    records = [{"patent_id": "USRE38123E1", **REISSUE}, {"patent_id": "US6123456A", **REISSUE}]
    report = run("table", jsonl(tmp_path / "in.jsonl", records), tmp_path / "out")
    assert counts(report) == (2, 2, 0, 0)
    patents = by_id(tmp_path / "out")
    assert {name: patents["USRE38123E1"][name] for name in CLEAN} == CLEAN
    assert patents["US6123456A"]["title"] == REISSUE["title"]


def test_a_table_without_reissues_is_the_same_table() -> None:
    table = pa.table({"patent_id": ["US1", None]})
    assert without_deleted(table) is table


def test_an_aps_reissue_has_no_deleted_text(tmp_path: Path) -> None:
    text = (
        "HHHHHT        APS1        ISSUE - 760106\nPATN\nWKU  RE0286711\nISD  19760106\nTTL  A brush\nABST\n"
        "PAL  A .[.metal.]. .Iadd.wooden .Iaddend.brush\n"
        "CLMS\nNUM  1.\nPAR  .[.1. A comb..].\nNUM  2.\nPAR  2. A brush.\n"
    )
    (tmp_path / "pftaps.txt").write_text(text)
    run("uspto-old", tmp_path / "pftaps.txt", tmp_path / "out")
    (patent,) = by_id(tmp_path / "out").values()
    assert (patent["abstract"], patent["claims"]) == ("A wooden brush", ["2. A brush."])


def test_an_application_is_never_taken_for_the_grant_that_has_its_digits(tmp_path: Path) -> None:
    def wrapper(application: str, **meta: str) -> dict[str, object]:
        return {"applicationNumberText": application, "applicationMetaData": {"inventionTitle": application, **meta}}

    bag = [wrapper("12345678"), wrapper("17000001", patentNumber="12345678", grantDate="2025-07-01")]
    (tmp_path / "a.json").write_text(json.dumps({"patentFileWrapperDataBag": bag}))
    assert counts(run("uspto-odp", tmp_path / "a.json", tmp_path / "out")) == (2, 2, 0, 0)
    assert {key: row["title"] for key, row in by_id(tmp_path / "out").items()} == {
        "USAPP12345678": "12345678", "US12345678": "17000001",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("office", "number", "wanted"),
    [
        (None, "US 201917280904 A", "US17280904"), (None, "US-201213456789-A", "US13456789"),
        ("US", "201917280904", "US17280904"), ("US", "47582895", None), (None, "US-47582895-A", None),
        (None, "EP 2022050445 W", "EP2022050445"), ("EP", "14000001", "EP14000001"), (None, None, None),
    ],
)  # fmt: skip
def test_applications_of_docdb_are_named_as_office_actions_name_them(
    office: str | None, number: str | None, wanted: str | None
) -> None:
    assert docdb_application(pa.array([office], pa.string()), pa.array([number], pa.string())).to_pylist() == [wanted]


def test_lens_and_bigquery_keep_the_application(tmp_path: Path) -> None:
    lens = {
        "lens_id": "1-1", "jurisdiction": "US", "doc_number": "20210000001", "kind": "A1",
        "abstract": [{"text": "A brush"}],
        "biblio": {"application_reference": {"jurisdiction": "US", "doc_number": "201917280904", "kind": "A"}},
    }  # fmt: skip
    run("lens", jsonl(tmp_path / "lens.jsonl", [lens]), tmp_path / "l")
    google = {
        "publication_number": "US-2021000001-A1", "application_number": "US-201917280904-A",
        "abstract_localized": [{"text": "A brush", "language": "en"}],
    }  # fmt: skip
    run("bigquery", jsonl(tmp_path / "google.jsonl", [google]), tmp_path / "b")
    for folder in ("l", "b"):
        assert [row["application"] for row in by_id(tmp_path / folder).values()] == ["US17280904"]


def test_a_merged_clef_patent_is_in_the_language_of_the_text_that_was_chosen(tmp_path: Path) -> None:
    for kind, texts in (
        ("A1", '<abstract lang="DE"><p>Eine Bürste.</p></abstract>'),
        ("B1", '<abstract lang="EN"><p>A brush.</p></abstract><claims lang="FR"><claim><claim-text>1. Une brosse.'
               "</claim-text></claim></claims>"),
    ):  # fmt: skip
        head = f'<patent-document ucid="EP-1000000-{kind}" country="EP" doc-number="1000000" kind="{kind}" lang="DE" '
        (tmp_path / f"EP-1000000-{kind}.xml").write_text(head + f'date="20000517">{texts}</patent-document>')
    run("clef-ip", tmp_path, tmp_path.parent / "clef-out")
    (patent,) = by_id(tmp_path.parent / "clef-out").values()
    assert (patent["abstract"], patent["language"]) == ("A brush.", "en")


def test_greek_letters_of_iso_8879_are_read_and_others_stay_as_written() -> None:
    text = b"2 &mgr;m, &agr;-&Ohgr; &OHgr; &sfgr; &thgr; &mdash; &amp; &nosuch;"
    found = without_entities(text).decode()
    assert found == "2 &#956;m, &#945;-&Ohgr; &#937; &#962; &#952; &#8212; &amp; &nosuch;"
    assert {name: ENTITIES[name] for name in ("agr", "eegr", "khgr", "THgr", "Agr")} == {
        "agr": "α", "eegr": "η", "khgr": "χ", "THgr": "Θ", "Agr": "Α",
    }  # fmt: skip


def test_without_a_preferred_language_a_lens_text_is_in_the_publications_own(tmp_path: Path) -> None:
    texts = [{"text": "Une brosse", "lang": "fr"}, {"text": "Eine Bürste", "lang": "DE"}]
    sets = [{"claims": [{"claim_text": [one["text"]]}], "lang": one["lang"]} for one in texts]
    parts = {"jurisdiction": "EP", "kind": "B1", "abstract": texts, "claims": sets}
    biblio = {"biblio": {"invention_title": [*texts, {"text": "A brush", "lang": "en"}]}}
    records = [
        {"lens_id": "1", "doc_number": "1000000", "lang": "DE", **parts, **biblio},
        {"lens_id": "2", "doc_number": "1000001", "lang": "en", **parts, **biblio},
        {"lens_id": "3", "doc_number": "1000002", **parts},
    ]
    run("lens", jsonl(tmp_path / "lens.jsonl", records), tmp_path / "out")
    found = by_id(tmp_path / "out")
    assert [(row["title"], row["abstract"], row["claims"], row["language"]) for row in found.values()] == [
        ("A brush", "Eine Bürste", ["Eine Bürste"], "de"),
        ("A brush", "Une brosse", ["Une brosse"], "fr"),
        (None, "Une brosse", ["Une brosse"], "fr"),
    ]
