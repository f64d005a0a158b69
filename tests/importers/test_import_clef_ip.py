"""CLEF-IP: files by publication, topics in three languages, qrels by patent."""

from pathlib import Path

import pytest
from sampling import by_id, check_valid, counts, reasons, rows, run

from patray.errors import InputError


def document(
    number: str,
    kind: str = "A1",
    lang: str = "EN",
    titles: str = "",
    body: str = "",
    office: str = "EP",
) -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE patent-document PUBLIC "-//MXW//DTD patent-document XML//EN" "http://example.org/patent-document.dtd">
<patent-document ucid="{office}-{number}-{kind}" country="{office}" doc-number="{number}" kind="{kind}" lang="{lang}"
 family-id="7{number}" status="new" date-produced="20090516" date="2000051{7 if kind.startswith("A") else 8}">
<bibliographic-data><technical-data><classifications-ipcr>
<classification-ipcr>A46B   5/02        20060101AFI20051220RMJP        </classification-ipcr>
</classifications-ipcr><classification-ipc><edition>7</edition><main-classification>G06F015/16</main-classification>
</classification-ipc>{titles}
<citations><patent-citations><patcit ucid="EP-1000002-A1"/></patent-citations></citations></technical-data>
</bibliographic-data>{body}</patent-document>
"""


def title(lang: str, text: str) -> str:
    return f'<invention-title lang="{lang}">{text}</invention-title>'


def claims(lang: str, text: str) -> str:
    return (
        f'<claims lang="{lang}"><claim num="1"><claim-text>1. {text}</claim-text></claim>'
        f'<claim num="2"><claim-text>2. {text} (2).</claim-text></claim></claims>'
    )


THREE = title("DE", "Bürste") + title("EN", "Brush") + title("FR", "Brosse")


def make_clef_ip(folder: Path) -> Path:
    place = folder / "EP" / "000001"
    place.mkdir(parents=True)
    abstract = '<abstract lang="EN" load-source="ep"><p>A brush &ndash; with a hinge.</p></abstract>'
    text = '<description lang="DE"><p>Eine Bürste.</p><p>Sie klappt.</p></description>'
    files = {
        "EP-1000001-A1": document("1000001", titles=THREE, body=abstract),
        "EP-1000001-B1": document("1000001", "B1", titles=THREE, body=claims("DE", "Bürste") + claims("EN", "A brush")),
        "EP-1000002-A1": document("1000002", lang="DE", titles=title("DE", "Kamm"), body=text),
        "EP-1000003-A3": document("1000003", "A3"),
        "EP-1000004-A1": document("1000004", titles=THREE)[:-30],
        "WO-1999012345-A1": document("1999012345", lang="FR", titles=title("FR", "Peigne"), office="WO"),
    }
    for name, content in files.items():
        (place / f"{name}.xml").write_text(content)
    (folder / "topics").mkdir()
    topic = document("1500000", lang="DE", titles=THREE, body=claims("EN", "A brush") + claims("DE", "Bürste"))
    (folder / "topics" / "PAC-1001_EP-1500000-A1.xml").write_text(topic)
    (folder / "topics" / "EP-1500001-A1.xml").write_text(document("1500001", lang="FR", titles=THREE))
    (folder / "topics" / "topics.txt").write_text(
        "<topic>\n<num>PAC-1002</num>\n<narr>Find it.</narr>\n<file>EP-1500001-A1.xml</file>\n</topic>\n"
    )
    (folder / "qrels.txt").write_text(
        "# topics of 2011\nPAC-1001 0 EP-1000001-B1 1\nPAC-1001 0 EP-1000001-A1 2\nPAC-1001 0 WO-1999012345-A1 1\n"
        "PAC-1002 0 EP-1000002 1\nPAC-1002 0 EP-7777777 1\nPAC-1002 0 EP-1000001 x\n"
    )
    (folder / "readme.md").write_text("# Not data\n")
    return folder


def test_corpus_topics_and_qrels_import_to_the_expected_landscape(tmp_path: Path) -> None:
    report = run("clef-ip", make_clef_ip(tmp_path / "in"), tmp_path / "out")
    assert counts(report) == (6, 3, 1, 2)  # one merged, a search report filtered, a broken file quarantined
    patents = by_id(tmp_path / "out")
    assert set(patents) == {"EP1000001", "EP1000002", "WO1999012345"}
    brush = patents["EP1000001"]
    assert (brush["title"], brush["abstract"]) == ("Brush", "A brush – with a hinge.")
    assert brush["claims"] == ["1. A brush", "2. A brush (2)."]
    assert str(brush["date"]) == "2000-05-17"
    assert brush["ipc"] == ["A46B5/02", "G06F15/16"]
    comb = patents["EP1000002"]
    assert (comb["title"], comb["description"]) == ("Kamm", "Eine Bürste.\nSie klappt.")
    topics = by_id(tmp_path / "out", "queries")
    assert {one: row["title"] for one, row in topics.items()} == {"PAC-1001": "Bürste", "PAC-1002": "Brosse"}
    assert topics["PAC-1001"]["claims"] == ["1. Bürste", "2. Bürste (2)."]
    assert counts(report, "qrels") == (6, 3, 3, 0)
    assert counts(report, "source topics") == (1, 1, 0, 0)
    found = {(row["query_id"], row["patent_id"], row["relevance"]) for row in rows(tmp_path / "out", "qrels")}
    assert found == {("PAC-1001", "EP1000001", 2), ("PAC-1001", "WO1999012345", 1), ("PAC-1002", "EP1000002", 1)}
    assert {reason for _, reason in reasons(tmp_path / "out")} >= {
        "not well-formed XML", "pair judged more than once, the highest is kept", "not readable",
    }  # fmt: skip
    check_valid(tmp_path / "out", tmp_path / "clean")


def test_a_language_that_is_preferred_wins_in_the_corpus_and_not_in_topics(tmp_path: Path) -> None:
    run("clef-ip", make_clef_ip(tmp_path / "in"), tmp_path / "out", prefer=("fr", "de"))
    brush = by_id(tmp_path / "out")["EP1000001"]
    assert (brush["title"], brush["claims"][0]) == ("Brosse", "1. Bürste")
    assert by_id(tmp_path / "out", "queries")["PAC-1001"]["title"] == "Bürste"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("PAC-1001\tEP-1000001\t1\nPAC-1001\tEP1000002A1\t1\n", 2),
        ("PAC-1001,EP-1000001-A1,/patent-document/claims/claim[1]\nPAC-1001,EP-1000001-A1,/patent-document/p\n", 1),
        ("PAC-1001_EP-1500000-A1 0 EP-1000001-A1 1\n", 1),
    ],
)  # fmt: skip
def test_qrels_are_read_in_each_form(text: str, kept: int, tmp_path: Path) -> None:
    (make_clef_ip(tmp_path / "in") / "qrels.txt").write_text(text)
    report = run("clef-ip", tmp_path / "in", tmp_path / "out")
    lines = text.count("\n")
    assert counts(report, "qrels") == (lines, kept, lines - kept, 0)


def test_patents_of_a_number_are_never_cut_over_two_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patray.importers.clef_ip.UNIT_FILES", 1)
    report = run("clef-ip", make_clef_ip(tmp_path / "in"), tmp_path / "out")
    assert counts(report) == (6, 3, 1, 2)


def test_what_is_no_clef_ip_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text("<other/>")
    with pytest.raises(InputError, match=r"x.xml: neither a <patent-document>"):
        run("clef-ip", tmp_path / "x.xml", tmp_path / "out")
    (tmp_path / "q.txt").write_text("PAC-1 0 EP-1 1\n")
    with pytest.raises(InputError, match="no file of the corpus"):
        run("clef-ip", tmp_path / "q.txt", tmp_path / "out")
