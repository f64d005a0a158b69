"""One test for every rule, through the front door: a broken folder goes in, a clean copy and a quarantine come out."""

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest_landscapes import citations_table, patent, patents_table

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.load import iter_sections, load_metadata
from patray.landscapes.validate import is_prepared, prepare, read_prepared

GOOD = [patent(f"US{i}") for i in range(40)]


def quarantine(folder: Folder) -> list[tuple[str, int, str | None, str, str]]:
    rows = folder.read_table("quarantine.parquet").to_pylist()
    return [(row["file"], row["row"], row["id"], row["reason"], row["action"]) for row in rows]


def column(folder: Folder, name: str) -> list[Any]:
    return [value for batch in iter_sections(folder, [name]) for value in batch.column(name).to_pylist()]


def ids(folder: Folder) -> list[str]:
    return [value for batch in iter_sections(folder, []) for value in batch.column("patent_id").to_pylist()]


def raw_strings(*values: bytes) -> pa.Array:
    """Strings whose bytes nobody checked, as a Parquet file can hold them."""
    return pa.array(values, pa.binary()).view(pa.string())


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def test_a_landscape_without_faults_goes_through_unchanged(write, clean):
    source = write(GOOD, citations=citations_table(("US1", "US2")))
    prepared = prepare(source, clean)
    assert quarantine(clean) == []
    assert (prepared.files["patents.parquet"].read, prepared.files["patents.parquet"].kept) == (40, 40)
    assert prepared.name == "small"
    kept = pa.concat_tables([clean.read_table(f"patents/{part}") for part in (clean / "patents").list()])
    assert kept.select(patents_table(GOOD).column_names).equals(patents_table(GOOD))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (patent(None), "missing patent_id"),
        (patent(""), "missing patent_id"),
        (patent("US 7"), "patent_id holds white space"),
        (patent("US7\n"), "patent_id holds white space"),
        (patent("US\u00a07"), "patent_id holds white space"),
        (patent("US\x007"), "patent_id holds white space"),
        (patent("X", title=None, abstract=None, claims=[]), "no text in any section"),
        (patent("X", title="", abstract=" \n", claims=[" ", ""]), "no text in any section"),
        (patent("US3"), "duplicate patent_id"),
    ],
)
def test_a_row_that_cannot_be_used_is_dropped_and_listed(write, clean, bad, reason):
    prepared = prepare(write([*GOOD, bad]), clean)
    assert ids(clean) == [row["patent_id"] for row in GOOD]
    [(file, row, id, said, action)] = quarantine(clean)
    assert (file, row, id, action) == ("patents.parquet", 40, bad["patent_id"] or "", "dropped")
    assert said.startswith(reason)
    assert prepared.files["patents.parquet"].dropped == 1


def test_of_duplicate_ids_the_first_usable_row_is_kept_even_across_batches(write, clean):
    empty = patent("US99", title=None, abstract=None, claims=[])
    rows = [empty, *GOOD, patent("US99", title="first"), patent("US99", title="second"), patent("US5", title="again")]
    prepare(write(rows), clean, max_bad_share=0.2, rows_per_part=7)
    titles = dict(zip(ids(clean), column(clean, "title"), strict=True))
    assert titles["US99"] == "first"
    assert titles["US5"] == "Folding brush US5"
    assert [(row, action) for _, row, _, _, action in quarantine(clean)] == [
        (0, "dropped"),
        (42, "dropped"),
        (43, "dropped"),
    ]


def test_an_id_that_is_not_utf8_is_dropped(write, clean):
    table = patents_table(GOOD)
    names = raw_strings(*[row["patent_id"].encode() for row in GOOD[:-1]], b"US\xff")
    prepare(write(with_column(table, "patent_id", names)), clean)
    [(_, row, _, reason, action)] = quarantine(clean)
    assert (row, action) == (39, "dropped")
    assert "UTF-8" in reason


def test_control_characters_are_removed_and_line_breaks_stay(write, clean):
    rows = [*GOOD, patent("X", title="A\x00 brush\x1b\t\r\nfolds", claims=["One\x07.", "Two."])]
    prepare(write(rows), clean)
    assert column(clean, "title")[-1] == "A brush\t\r\nfolds"
    assert column(clean, "claims")[-1] == ["One.", "Two."]
    assert quarantine(clean) == [
        ("patents.parquet", 40, "X", "control characters removed: title", "kept"),
        ("patents.parquet", 40, "X", "control characters removed: claims", "kept"),
    ]


def test_a_section_of_control_characters_alone_is_empty_afterwards(write, clean):
    prepare(write([*GOOD, patent("X", abstract="\x01\x02")]), clean)
    assert column(clean, "abstract")[-1] is None
    assert [(reason, action) for *_, reason, action in quarantine(clean)] == [
        ("control characters removed: abstract", "kept with empty section")
    ]


def test_lone_surrogates_and_broken_bytes_become_replacement_characters(write, clean):
    titles = raw_strings(*[b"fine"] * 38, b"a\xed\xa0\x80b", b"caf\xe9")
    prepare(write(with_column(patents_table(GOOD), "title", titles)), clean)
    assert column(clean, "title")[-2:] == ["a\ufffd\ufffd\ufffdb", "caf\ufffd"]
    assert [(row, action) for _, row, _, _, action in quarantine(clean)] == [(38, "kept"), (39, "kept")]
    assert all("lone surrogate" in reason for *_, reason, _ in quarantine(clean))


def test_a_text_of_five_megabytes_is_cut_and_listed(write, clean):
    prepare(write([*GOOD, patent("X", description="ä" * 5_000_000)]), clean)
    assert column(clean, "description")[-1] == "ä" * 2_000_000
    [(_, row, id, reason, action)] = quarantine(clean)
    assert (row, id, action) == (40, "X", "truncated")
    assert reason == "text too long, cut: description had 5,000,000 characters, 2,000,000 kept"


def test_a_text_is_measured_in_characters_not_bytes(write, clean):
    prepare(write([patent("X", title="ä" * 10)]), clean, max_text_chars=100)
    assert quarantine(clean) == []
    assert column(clean, "title") == ["ä" * 10]


def test_claims_are_cut_where_together_they_are_too_long(write, clean):
    rows = [patent("X", claims=["a" * 60, "b" * 60, "c"]), patent("Y", claims=["d" * 100])]
    prepare(write(rows), clean, max_text_chars=100)
    assert column(clean, "claims") == [["a" * 60, "b" * 40], ["d" * 100]]
    assert [(id, action) for _, _, id, _, action in quarantine(clean)] == [("X", "truncated")]


def test_empty_claims_leave_the_list_and_are_listed(write, clean):
    prepare(write([*GOOD, patent("X", claims=["", "A brush.", None])]), clean)
    assert column(clean, "claims")[-1] == ["A brush."]
    assert [(reason, action) for *_, reason, action in quarantine(clean)] == [
        ("empty element removed from the list: claims", "kept")
    ]


def test_dates_in_text_are_read_and_bad_ones_left_empty(write, clean):
    dates = ["2001-02-03"] * 36 + ["", "2001-13-01", "3 Feb 2001", "20010203"]
    prepare(write(with_column(patents_table(GOOD), "date", pa.array(dates))), clean)
    found = load_metadata(clean).patents.sort_by("patent_id")["date"].to_pylist()
    assert found.count(datetime.date(2001, 2, 3)) == 36
    assert found.count(None) == 4
    assert [(row, reason, action) for _, row, _, reason, action in quarantine(clean)] == [
        (37, "bad date, left empty: '2001-13-01'", "kept"),
        (38, "bad date, left empty: '3 Feb 2001'", "kept"),
        (39, "bad date, left empty: '20010203'", "kept"),
    ]


def test_a_date_in_the_wrong_unit_is_no_patents_date(write, clean):
    days = pa.array([11356] * 39 + [2001_02_03], pa.int32()).cast(pa.date32())
    prepare(write(with_column(patents_table(GOOD), "date", days)), clean)
    assert load_metadata(clean).patents["date"].null_count == 1
    assert [(row, action) for _, row, _, _, action in quarantine(clean)] == [(39, "kept")]


def test_other_spellings_of_the_types_are_accepted(write, clean):
    table = patents_table(GOOD)
    table = with_column(table, "title", table["title"].cast(pa.large_string()))
    table = with_column(table, "jurisdiction", table["jurisdiction"].dictionary_encode())
    table = with_column(table, "claims", table["claims"].cast(pa.large_list(pa.large_string())))
    table = with_column(table, "date", table["date"].cast(pa.timestamp("us")))
    table = with_column(table, "description", pa.nulls(40))
    prepare(write(table.drop_columns(["family_id", "ipc", "cpc"])), clean)
    kept = clean.read_table("patents/part-00000.parquet")
    assert kept.select(["title", "claims", "date", "jurisdiction"]).equals(
        patents_table(GOOD).select(["title", "claims", "date", "jurisdiction"])
    )
    assert kept["ipc"].to_pylist() == [[]] * 40
    assert (
        load_metadata(clean).patents["family_id"].to_pylist() == load_metadata(clean).patents["patent_id"].to_pylist()
    )


def test_claims_as_one_text_become_a_list_of_one(write, clean):
    texts = pa.array(["1. A brush. 2. The brush of claim 1."] * 39 + [None])
    prepare(write(with_column(patents_table(GOOD), "claims", texts)), clean)
    assert column(clean, "claims") == [["1. A brush. 2. The brush of claim 1."]] * 39 + [[]]


def test_further_columns_are_kept(write, clean):
    table = patents_table(GOOD).append_column("assignee", pa.array([f"firm {i}" for i in range(40)]))
    rows = [patent("", title="dropped")]
    whole = pa.concat_tables([patents_table(rows).append_column("assignee", pa.array(["gone"])), table])
    prepare(write(whole), clean)
    assert clean.read_table("patents/part-00000.parquet")["assignee"].to_pylist() == [f"firm {i}" for i in range(40)]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("title", pa.array(range(40)), r"patents.parquet: column 'title' has type int64; wanted string"),
        ("claims", pa.array([[1]] * 40), r"column 'claims' has type list<.*int64>; wanted list<string>"),
        ("ipc", pa.array(["A46B"] * 40), r"column 'ipc' has type string; wanted list<string>"),
        ("date", pa.array([20010203] * 40), r"column 'date' has type int64; wanted date32"),
        ("patent_id", pa.array(range(40)), r"column 'patent_id' has type int64; wanted string"),
    ],
)
def test_a_wrong_type_names_file_column_and_both_types(write, clean, name, values, said):
    with pytest.raises(InputError, match=said):
        prepare(write(with_column(patents_table(GOOD), name, values)), clean)
    assert not is_prepared(clean)


def test_a_missing_column_is_named_with_its_likely_spelling(write, clean):
    table = patents_table(GOOD)
    renamed = table.rename_columns({"patent_id": "PatentID"})
    with pytest.raises(InputError, match=r"required column 'patent_id' is missing; did you mean 'PatentID'\?"):
        prepare(write(renamed), clean)


def test_a_misspelt_optional_column_is_noted(write, clean):
    prepared = prepare(write(patents_table(GOOD).rename_columns({"abstract": "abstracts"})), clean)
    assert any("'abstracts'" in note and "'abstract' is absent" in note for note in prepared.notes)


def test_a_table_without_any_text_column_is_refused(write, clean):
    with pytest.raises(InputError, match="no text column"):
        prepare(write(pa.table({"patent_id": ["a"], "ipc": [["A46B"]]})), clean)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
def test_a_parquet_file_that_is_cut_off_is_named(write, clean, share):
    source = write(GOOD)
    path = f"{source}/patents.parquet"
    data = source.read_bytes("patents.parquet")
    with open(path, "wb") as file:
        file.write(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"small/patents\.parquet: not a whole Parquet file"):
        prepare(source, clean)


def test_a_parquet_file_damaged_in_the_middle_is_named(write, clean):
    source = write([patent(f"P{i}", abstract=f"{i * 7919} " * 50) for i in range(2000)])
    data = bytearray(source.read_bytes("patents.parquet"))
    data[200 : len(data) - 6000] = b"\xff" * (len(data) - 6200)
    with open(f"{source}/patents.parquet", "wb") as file:
        file.write(bytes(data))
    with pytest.raises(InputError, match=r"small/patents\.parquet: not a whole Parquet file"):
        prepare(source, clean)


def test_a_file_that_is_not_parquet_is_named(write, clean):
    source = write(GOOD)
    source.write_text("citations.parquet", "citing_id,cited_id\nUS1,US2\n")
    with pytest.raises(InputError, match=r"citations\.parquet: not a whole Parquet file"):
        prepare(source, clean)


def test_a_folder_without_patents_says_what_it_holds(tmp_path, clean):
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "corpus.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"no patents\.parquet in this folder \(found: corpus\.parquet\)"):
        prepare(Folder.at(tmp_path / "wrong"), clean)


def test_an_empty_landscape_is_refused(write, clean):
    with pytest.raises(InputError, match="holds no rows"):
        prepare(write([]), clean)


def test_a_landscape_of_unusable_rows_is_refused_whatever_the_allowed_share(write, clean):
    with pytest.raises(InputError, match="2 of 2 rows were dropped, none is left"):
        prepare(write([patent(""), patent(None)]), clean, max_bad_share=1.0)


def test_too_many_bad_rows_stop_with_counts_and_a_list_to_read(write, clean):
    rows = [*GOOD, *[patent("US1")] * 5, patent("a b")]
    with pytest.raises(
        InputError, match=r"6 of 46 rows were dropped, at most 5\.0% may be.*5 duplicate patent_id.*1 patent_id"
    ):
        prepare(write(rows), clean)
    assert len(quarantine(clean)) == 6
    assert not is_prepared(clean)
    prepare(write(rows), clean, max_bad_share=0.14)
    assert is_prepared(clean)


def test_citations_that_break_a_rule_are_dropped_with_the_first_reason(write, clean):
    pairs = [
        ("US1", "US2"),
        ("US1", "US1"),
        ("US1", "US2"),
        ("US1", "EP9"),
        ("EP9", "US1"),
        (None, "US1"),
        ("US2", "US1"),
    ]
    table = citations_table(*pairs).append_column("origin", pa.array(list("abadefg")))
    prepared = prepare(write(GOOD, citations=table), clean)
    assert clean.read_table("citations.parquet").to_pylist() == [
        {"citing_id": "US1", "cited_id": "US2", "origin": "a"},
        {"citing_id": "US2", "cited_id": "US1", "origin": "g"},
    ]
    assert sorted((row, reason) for _, row, _, reason, _ in quarantine(clean)) == [
        (1, "citation to itself"),
        (2, "duplicate citation, the first was kept: US2"),
        (3, "citation to an unknown patent: EP9"),
        (4, "citation from an unknown patent"),
        (5, "missing citing_id or cited_id"),
    ]
    assert (prepared.files["citations.parquet"].read, prepared.files["citations.parquet"].kept) == (7, 2)


def test_a_citation_of_a_dropped_patent_is_to_an_unknown_one(write, clean):
    prepare(
        write([*GOOD, patent("X", title=None, abstract=None, claims=[])], citations=citations_table(("US1", "X"))),
        clean,
    )
    assert ("citations.parquet", 0, "US1", "citation to an unknown patent: X", "dropped") in quarantine(clean)


def qrels_table(
    *rows: tuple[str, str, Any], kind: pa.DataType | None = None, domain: list[str] | None = None
) -> pa.Table:
    table = pa.table(
        {
            "query_id": [q for q, _, _ in rows],
            "patent_id": [p for _, p, _ in rows],
            "relevance": pa.array([r for _, _, r in rows], kind or pa.int64()),
        }
    )
    return table if domain is None else table.append_column("domain", pa.array(domain))


def test_qrels_that_break_a_rule_are_dropped(write, clean):
    rows = [
        ("Q1", "US1", 1.0),
        ("Q1", "EP9", 1.0),
        ("Q9", "US1", 1.0),
        ("Q1", "US2", 0.5),
        ("Q1", "US3", None),
        ("US4", "US5", 2.0),
    ]
    queries = patents_table([patent("Q1")])
    prepare(write(GOOD, queries=queries, qrels=qrels_table(*rows, kind=pa.float64())), clean)
    kept = clean.read_table("qrels.parquet")
    assert kept.to_pylist() == [
        {"query_id": "Q1", "patent_id": "US1", "relevance": 1},
        {"query_id": "US4", "patent_id": "US5", "relevance": 2},
    ]
    assert kept.schema.field("relevance").type == pa.int32()
    assert sorted((row, reason) for _, row, _, reason, _ in quarantine(clean)) == [
        (1, "qrel to an unknown patent: EP9"),
        (2, "qrel of an unknown query"),
        (3, "relevance is not a whole number: '0.5'"),
        (4, "relevance is missing"),
    ]


def test_a_pair_judged_twice_keeps_its_highest_relevance(write, clean):
    rows = [("US1", "US2", 1), ("US1", "US2", 3), ("US1", "US2", 3), ("US1", "US3", 0)]
    prepare(write(GOOD, qrels=qrels_table(*rows)), clean)
    kept = [(row["patent_id"], row["relevance"]) for row in clean.read_table("qrels.parquet").to_pylist()]
    assert kept == [("US2", 3), ("US3", 0)]
    assert [row for _, row, *_ in quarantine(clean)] == [0, 2]


def test_the_domain_of_a_qrel_is_read_in_any_case_and_a_strange_one_is_listed(write, clean):
    rows = [("US1", f"US{i}", 1) for i in (2, 3, 4, 5)]
    prepare(write(GOOD, qrels=qrels_table(*rows, domain=["in", "OUT", "nc", "near"])), clean)
    assert clean.read_table("qrels.parquet")["domain"].to_pylist() == ["IN", "OUT", "NC", None]
    [(_, row, _, reason, action)] = quarantine(clean)
    assert (row, action) == (3, "kept")
    assert "'near'" in reason


def labels_table(rows: list[tuple[str | None, list[Any] | None]], split: list[str | None] | None = None) -> pa.Table:
    table = pa.table(
        {
            "patent_id": pa.array([id for id, _ in rows], pa.string()),
            "labels": pa.array([labels for _, labels in rows], pa.list_(pa.string())),
        }
    )
    return table if split is None else table.append_column("split", pa.array(split, pa.string()))


def test_label_rows_that_break_a_rule_are_dropped_or_mended(write, clean):
    rows = [
        ("US1", ["a", "b"]), ("EP9", ["a"]), ("US1", ["c"]), ("US2", []), ("US3", None),
        ("US4", ["a", "a", "b"]), ("US5", ["a", None, " "]), (None, ["a"]),
    ]  # fmt: skip
    prepare(write(GOOD, labels={"field": labels_table(rows)}), clean)
    assert clean.read_table("labels/field.parquet").to_pylist() == [
        {"patent_id": "US1", "labels": ["a", "b"]},
        {"patent_id": "US4", "labels": ["a", "b"]},
        {"patent_id": "US5", "labels": ["a"]},
    ]
    assert sorted((row, reason, action) for _, row, _, reason, action in quarantine(clean)) == [
        (1, "labels of an unknown patent", "dropped"),
        (2, "second row of labels for a patent, the first was kept", "dropped"),
        (3, "no label in this row", "dropped"),
        (4, "no label in this row", "dropped"),
        (5, "label repeated in one row, kept once", "kept"),
        (6, "empty element removed from the list: labels", "kept"),
        (7, "missing patent_id", "dropped"),
    ]
    assert {file for file, *_ in quarantine(clean)} == {"labels/field.parquet"}


def test_a_split_with_another_name_is_refused(write, clean):
    table = labels_table([("US1", ["a"]), ("US2", ["b"])], split=["train", "dev"])
    with pytest.raises(
        InputError, match=r"labels/field\.parquet: split 'dev' is unknown; allowed are train, validation, test"
    ):
        prepare(write(GOOD, labels={"field": table}), clean)


def test_labels_of_one_plain_string_are_a_wrong_type(write, clean):
    table = pa.table({"patent_id": ["US1"], "labels": ["a"]})
    with pytest.raises(
        InputError, match=r"labels/field\.parquet: column 'labels' has type string; wanted list<string>"
    ):
        prepare(write(GOOD, labels={"field": table}), clean)


def test_the_name_comes_from_the_caller_then_the_file_then_the_folder(write, clean):
    assert prepare(write(GOOD), clean).name == "small"
    assert prepare(write(GOOD, yaml="name: brushes\ntitle: Brushes\n"), clean).name == "brushes"
    assert prepare(write(GOOD), clean, name="mine").name == "mine"
    assert load_metadata(clean).description == {"name": "mine", "title": "Brushes"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\ntitle: [b\nnotes: c\n", r"landscape\.yaml line 3: not valid YAML"),
        ("- a\n- b\n", r"landscape\.yaml line 1: wanted `key: value` lines"),
        ("name: 2022\n", r"name must be text, found 2022"),
        ("name: a/b\n", r"'a/b' cannot name a folder"),
    ],
)
def test_a_malformed_landscape_yaml_is_an_error_with_its_line(write, clean, text, said):
    with pytest.raises(InputError, match=said):
        prepare(write(GOOD, yaml=text), clean)


def test_the_clean_copy_cannot_replace_its_source(write):
    source = write(GOOD)
    with pytest.raises(InputError, match="a folder of its own"):
        prepare(source, source)
    assert source.exists("patents.parquet")


def test_a_second_preparation_leaves_nothing_of_the_first(write, clean):
    table = labels_table([("US1", ["a"])])
    queries = patents_table([patent("Q1")])
    prepare(
        write(
            GOOD * 1, name="one", labels={"field": table}, queries=queries, citations=citations_table(("US1", "US2"))
        ),
        clean,
    )
    prepare(write(GOOD[:3], name="two"), clean, rows_per_part=2)
    assert clean.list() == ["landscape.yaml", "metadata.parquet", "patents", "prepared.json", "quarantine.parquet"]
    assert (clean / "patents").list() == ["part-00000.parquet", "part-00001.parquet"]


def test_parts_have_the_stated_rows_whatever_was_dropped(write, clean):
    rows = [patent("" if i % 10 == 3 else f"US{i}") for i in range(100)]
    prepare(write(rows), clean, max_bad_share=0.2, rows_per_part=32)
    sizes = [clean.read_table(f"patents/{part}").num_rows for part in (clean / "patents").list()]
    assert sizes == [32, 32, 26]
    assert ids(clean) == [row["patent_id"] for row in rows if row["patent_id"]]


def test_the_record_reads_back_as_it_was_written(write, clean):
    prepared = prepare(write([*GOOD, patent("US1")]), clean)
    assert read_prepared(clean) == prepared
    assert prepared.quarantined == {"patents.parquet: duplicate patent_id, the first row was kept (dropped)": 1}


def test_an_interrupted_preparation_is_not_taken_for_a_clean_copy(write, clean):
    prepare(write(GOOD), clean)
    clean.delete("prepared.json")
    with pytest.raises(InputError, match="not a prepared landscape"):
        load_metadata(clean)


def test_rows_read_are_rows_kept_and_dropped_for_random_damage(write, clean):
    rng = np.random.default_rng(7)
    choices = [
        patent("dup"),
        patent(None),
        patent("a b"),
        patent("e", title="", abstract="", claims=[]),
        patent("c", title="\x00x"),
    ]
    rows = [choices[rng.integers(len(choices))] if rng.random() < 0.3 else patent(f"US{i}") for i in range(500)]
    prepared = prepare(write(rows), clean, max_bad_share=1.0, rows_per_part=64)
    count = prepared.files["patents.parquet"]
    dropped = [row for _, row, _, _, action in quarantine(clean) if action == "dropped"]
    assert count.read == 500 == count.kept + count.dropped
    assert len(dropped) == len(set(dropped)) == count.dropped
    assert pq.read_metadata(f"{clean}/patents/part-00000.parquet").num_rows == 64
