"""A grant and its own published application are one family; what a reissue deletes is gone; codes of older files."""

import json
from pathlib import Path

import pytest
from lens_samples import record
from sampling import by_id, counts, jsonl, run

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def document(number: str, kind: str, application: str | None, inner: str = "", claims: str = "") -> str:
    root, bibliography = (
        ("us-patent-application", "us-bibliographic-data-application")
        if kind.startswith("A")
        else ("us-patent-grant", "us-bibliographic-data-grant")
    )
    filed = f"<document-id><country>US</country><doc-number>{application}</doc-number></document-id>"
    return (
        f'{HEAD}<{root} lang="EN"><{bibliography}><publication-reference><document-id><country>US</country>'
        f"<doc-number>{number}</doc-number><kind>{kind}</kind><date>20190103</date></document-id></publication-reference>"
        f"<application-reference>{filed if application else ''}</application-reference>{inner}"
        f"<invention-title>Widget</invention-title></{bibliography}><abstract><p>A widget.</p></abstract>"
        f"<claims>{claims}</claims></{root}>\n"
    )


def families(folder: Path) -> dict[str, str]:
    return {key: row["family_id"] for key, row in by_id(folder).items()}


def test_uspto_publications_of_one_application_are_one_family(tmp_path: Path) -> None:
    (tmp_path / "ipa.xml").write_text(
        document("20190000001", "A1", "16000001")
        + document("20190000002", "A1", None)
        + document("20190000003", "A1", "")
    )
    (tmp_path / "ipg.xml").write_text(document("11000001", "B2", "16/000,001") + document("11000002", "B2", "16000002"))
    run("uspto-xml", [tmp_path / "ipa.xml", tmp_path / "ipg.xml"], tmp_path / "out")
    found = families(tmp_path / "out")
    assert found["US20190000001A1"] == found["US11000001B2"]
    assert len(set(found.values())) == 4


def test_patentsview_without_a_crosswalk_uses_the_application_number(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "g_patent.tsv").write_text(
        "patent_id\tpatent_date\tpatent_title\twipo_kind\n11000001\t2021-05-04\ta\tB2\n11000002\t2021-05-04\tb\tB2\n"
    )
    (tmp_path / "in" / "g_application.tsv").write_text("application_id\tpatent_id\tfiling_date\n16000001\t11000001\t\n")
    (tmp_path / "in" / "pg_published_application.tsv").write_text(
        "pgpub_id\tapplication_id\tfiling_date\tpublished_date\tapplication_title\twipo_kind\n"
        "20190000001\t16000001\t2018-01-01\t2019-01-03\ta\tA1\n"
    )
    report = run("patentsview", tmp_path / "in", tmp_path / "out")
    found = families(tmp_path / "out")
    assert found["US20190000001A1"] == found["US11000001B2"] != found["US11000002B2"]
    assert counts(report, "source g_application") == (1, 1, 0, 0)


def test_a_grants_cpc_is_that_at_issue_only_where_there_is_no_current_one(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "g_patent.tsv").write_text(
        "patent_id\tpatent_date\tpatent_title\twipo_kind\n1\t2021-05-04\ta\tB2\n2\t2021-05-04\tb\tB2\n"
    )
    (tmp_path / "in" / "g_cpc_at_issue.tsv").write_text(
        "patent_id\tcpc_sequence\tcpc_group\n1\t1\tA46B5/02\n1\t0\tH04L9/0838\n2\t0\tH04L9/08\n"
    )
    (tmp_path / "in" / "g_cpc_current.tsv").write_text("patent_id\tcpc_sequence\tcpc_group\n2\t0\tG06F17/00\n")
    (tmp_path / "in" / "g_ipc_at_issue.tsv").write_text(
        "patent_id\tipc_sequence\tsection\tipc_class\tsubclass\tmain_group\tsubgroup\n"
        "1\t0\tH\t4\tL\t9\t8\n1\t1\tG\t06\tF\t017\t0\n1\t2\tG\t6\tF\t\t\n"
    )
    run("patentsview", tmp_path / "in", tmp_path / "out")
    found = by_id(tmp_path / "out")
    assert [found[key]["cpc"] for key in ("US1B2", "US2B2")] == [["H04L9/0838", "A46B5/02"], ["G06F17/00"]]
    assert found["US1B2"]["ipc"] == ["H04L9/08", "G06F17/00", "G06F"]


def test_ipc_of_2005_is_read_in_both_its_forms(tmp_path: Path) -> None:
    ipc = (
        "<classification-ipc><edition>7</edition><main-classification>A41D013/00</main-classification>"
        "<further-classification>G06F 1516</further-classification><further-classification>B60R  900"
        "</further-classification></classification-ipc>"
    )
    (tmp_path / "x.xml").write_text(document("06800001", "B2", "10000001", ipc))
    run("uspto-xml", tmp_path / "x.xml", tmp_path / "out")
    assert by_id(tmp_path / "out")["US6800001B2"]["ipc"] == ["A41D13/00", "G06F15/16", "B60R9/00"]


def test_what_a_reissue_deletes_is_gone_across_elements_too(tmp_path: Path) -> None:
    claims = (
        "<claim><claim-text>1. A <?delete-start id='D1' date='20180102' ?>red <?delete-end id='D1' ?>"
        "<?insert-start id='I1' ?>blue <?insert-end id='I1' ?>widget.</claim-text></claim>"
        "<?delete-start id='D2' ?><claim><claim-text>2. The widget of <claim-ref>claim 1</claim-ref>, gone."
        "</claim-text></claim><?delete-end id='D2' ?>"
        "<claim><claim-text>3. <?delete-start id='D3' ?>Gone, <b>too</b>.<?delete-end id='D3' ?></claim-text></claim>"
        "<claim><claim-text>4. A part<?foo?> stays.</claim-text></claim>"
    )
    (tmp_path / "x.xml").write_text(document("RE046699", "E1", "15000001", claims=claims))
    run("uspto-xml", tmp_path / "x.xml", tmp_path / "out")
    assert by_id(tmp_path / "out")["USRE46699E1"]["claims"] == ["1. A blue widget.", "4. A part stays."]


def test_bigquery_rows_without_a_family_are_kin_by_their_application(tmp_path: Path) -> None:
    rows = [
        {"publication_number": f"US-{number}", "family_id": family, "application_number": application,
         "title_localized": [{"text": "Widget", "language": "en"}]}
        for number, family, application in (
            ("2019000001-A1", "-1", "US-201816000001-A"), ("11000001-B2", "0", "US-201816000001-A"),
            ("11000002-B2", "7", "US-201816000001-A"), ("11000003-B2", None, None), ("11000004-B2", "NULL", ""),
        )
    ]  # fmt: skip
    run("bigquery", jsonl(tmp_path / "x.jsonl", rows), tmp_path / "out")
    found = families(tmp_path / "out")
    assert found["US20190000001A1"] == found["US11000001B2"]
    assert len(set(found.values())) == 4


@pytest.mark.parametrize("members", [True, False])
def test_lens_records_without_members_are_kin_by_their_application(tmp_path: Path, members: bool) -> None:
    import random

    rows = []
    for number in (1, 2):
        one = record(number, random.Random(0))
        one["biblio"]["application_reference"] = {"jurisdiction": "EP", "doc_number": "14000001", "kind": "A"}
        one["families"] = {"simple_family": {"members": [{"lens_id": one["lens_id"]}]}} if members else {}
        rows.append(one)
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    run("lens", tmp_path / "x.jsonl", tmp_path / "out")
    assert len(set(families(tmp_path / "out").values())) == (2 if members else 1)


def test_an_application_is_known_beside_others_and_dates_in_its_cell(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "Publication Number,Title,Application Number\nEP1000000A1,a,99123456.7; 99123457.8\n"
        "EP1000001B1,b,99123456.7\nEP1000002A1,c,EP19990123456 19991123\nEP1000003A1,d,99123457.8\n"
    )
    run("table", tmp_path / "x.csv", tmp_path / "out")
    found = families(tmp_path / "out")
    assert found["EP1000000A1"] == found["EP1000001B1"] == found["EP1000002A1"] != found["EP1000003A1"]


def test_members_and_publications_without_their_kind_are_kin_of_the_number_with_it(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "Publication Number,Title,Simple Family Members\nEP1000000A1,a,US5612345; JP3163807B2\nUS5612345A,b,\n"
        "US5612346,c,\nEP1000001A1,d,US5612346A\nUS2015056336,e,\nUS20150056336A1,f,\nJPH05123456A,g,\n"
        "JPH05123456B2,h,EP1000002A1\nEP1000002A1,i,\n"
    )
    run("table", tmp_path / "x.csv", tmp_path / "out")
    groups: dict[str, set[str]] = {}
    for id, family in families(tmp_path / "out").items():
        groups.setdefault(family, set()).add(id)
    assert sorted(map(sorted, groups.values())) == [
        ["EP1000000A1", "US5612345A"], ["EP1000001A1", "US5612346"], ["EP1000002A1", "JPH05123456B2"], ["JPH05123456A"],
        ["US20150056336", "US20150056336A1"],
    ]  # fmt: skip


def test_ids_of_ones_own_and_given_families_are_no_kin_for_looking_alike(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "patent_id,title,family_id\nP12345,a,\nP12345A,b,\nUS5612345,c,1\nUS5612345A,d,2\nx,e,000\ny,f,000\n"
    )
    run("table", tmp_path / "x.csv", tmp_path / "out")
    assert len(set(families(tmp_path / "out").values())) == 6
