"""Planted damage lies where its record says, and what was good stays good."""

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.generate import KINDS, RECOVERABLE, generate, plant
from patray.landscapes.generate.damage import HUGE_TEXT_BYTES, UNKNOWN_ID


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    destination = Folder.at(tmp_path / "landscape")
    generate(destination, patents=120)
    return destination


def _planted(folder: Folder, *kinds: str, seed: int = 0) -> dict[str, dict]:
    return {row["kind"]: row for row in plant(folder, kinds, seed).to_pylist()}


def _bytes(table: pa.Table, column: str, row: int) -> bytes | None:
    return table[column].combine_chunks().cast(pa.binary())[row].as_py()


def _row(folder: Folder, where: dict) -> pa.Table:
    return folder.read_table(where["file"]).slice(where["row"], 1)


def test_every_kind_is_recorded_once_in_the_declared_order(folder: Folder) -> None:
    kinds = plant(folder, RECOVERABLE)["kind"].to_pylist()
    assert kinds == list(RECOVERABLE)
    assert set(KINDS) - set(RECOVERABLE) == {
        "wrong-type", "missing-column", "no-citations", "empty-landscape", "cut-off",
    }  # fmt: skip


def test_the_good_rows_are_as_they_were_and_in_their_order(folder: Folder) -> None:
    before = {file: folder.read_table(file) for file in ("patents.parquet", "citations.parquet", "labels/area.parquet")}
    planted = plant(folder, RECOVERABLE, seed=4).to_pylist()
    members = {"ZZ9000130A1", "ZZ9000131A1"}
    for file, table in before.items():
        after = folder.read_table(file)
        bad = {row["row"] for row in planted if row["file"] == file}
        good = after.take(pa.array([row for row in range(after.num_rows) if row not in bad], pa.int64()))
        if file == "patents.parquet":
            good = good.set_column(3, "date", good["date"].cast(pa.date32()))
            keep = [value not in members for value in good["patent_id"].to_pylist()]
            good = good.filter(pa.array(keep))
        assert good.cast(table.schema).equals(table)


def test_the_record_names_the_row_and_the_first_column_of_each_planted_row(folder: Folder) -> None:
    for where in plant(folder, RECOVERABLE, seed=1).to_pylist():
        if where["row"] >= 0:
            assert _row(folder, where).column(0)[0].as_py() == where["id"], where


def test_damage_is_the_same_for_the_same_seed_and_moves_with_another(tmp_path: Path) -> None:
    found = []
    for number, seed in enumerate((1, 1, 2)):
        folder = Folder.at(tmp_path / str(number))
        generate(folder, patents=100)
        found.append((plant(folder, RECOVERABLE, seed), folder.read_bytes("patents.parquet")))
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]


def test_generate_plants_what_it_is_asked_to_and_returns_it(tmp_path: Path) -> None:
    truth = generate(Folder.at(tmp_path), patents=50, damage=["no-text", "self-citation"])
    assert truth.damage["kind"].to_pylist() == ["no-text", "self-citation"]
    assert Folder.at(tmp_path).read_table("patents.parquet").num_rows == 51
    assert generate(Folder.at(tmp_path / "clean"), patents=20).damage.num_rows == 0


def test_ids_are_missing_empty_spaced_and_doubled(folder: Folder) -> None:
    where = _planted(folder, "missing-id", "empty-id", "whitespace-in-id", "duplicate-id")
    ids = folder.read_table("patents.parquet")["patent_id"].to_pylist()
    assert len(ids) == 124
    assert ids[where["missing-id"]["row"]] is None
    assert ids[where["empty-id"]["row"]] == ""
    assert ids[where["whitespace-in-id"]["row"]].split() != [ids[where["whitespace-in-id"]["row"]]]
    doubled = where["duplicate-id"]
    assert ids.count(doubled["id"]) == 2
    assert ids.index(doubled["id"]) < doubled["row"]


def test_a_row_without_text_has_none_in_any_section(folder: Folder) -> None:
    row = _row(folder, _planted(folder, "no-text")["no-text"]).to_pylist()[0]
    assert not any((row["title"], (row["abstract"] or "").strip(), row["claims"], row["description"]))


def test_a_bad_date_needs_a_text_column_in_which_all_other_dates_are_good(folder: Folder) -> None:
    where = _planted(folder, "bad-date")["bad-date"]
    dates = folder.read_table("patents.parquet")["date"]
    assert dates.type == pa.string()
    for row, text in enumerate(dates.to_pylist()):
        if row == where["row"]:
            with pytest.raises(ValueError, match="day"):
                datetime.date.fromisoformat(text)
        else:
            datetime.date.fromisoformat(text)


def test_bytes_that_are_no_text_are_in_the_file(folder: Folder) -> None:
    where = _planted(folder, "control-characters", "lone-surrogate", "broken-utf8", "huge-text")
    table = folder.read_table("patents.parquet")
    title = _bytes(table, "title", where["control-characters"]["row"])
    assert title is not None
    assert {0, 7, 27} <= set(title)
    for kind, column in (("lone-surrogate", "abstract"), ("broken-utf8", "title")):
        raw = _bytes(table, column, where[kind]["row"])
        assert raw is not None
        with pytest.raises(UnicodeDecodeError):
            raw.decode("utf-8")
    surrogate = _bytes(table, "abstract", where["lone-surrogate"]["row"])
    assert surrogate is not None
    assert "\ud800" in surrogate.decode("utf-8", errors="surrogatepass")
    huge = _bytes(table, "description", where["huge-text"]["row"])
    assert huge is not None
    assert len(huge) >= HUGE_TEXT_BYTES


def test_citations_are_to_themselves_to_nobody_and_twice(folder: Folder) -> None:
    where = _planted(folder, "self-citation", "unknown-citation", "duplicate-citation")
    pairs = [(row["citing_id"], row["cited_id"]) for row in folder.read_table("citations.parquet").to_pylist()]
    ids = set(folder.read_table("patents.parquet")["patent_id"].to_pylist())
    citing, cited = pairs[where["self-citation"]["row"]]
    assert citing == cited
    assert citing in ids
    citing, cited = pairs[where["unknown-citation"]["row"]]
    assert citing in ids
    assert cited == UNKNOWN_ID not in ids
    row = where["duplicate-citation"]["row"]
    assert pairs.index(pairs[row]) < row


def test_a_query_has_all_its_relevant_patents_in_its_own_family(folder: Folder) -> None:
    where = _planted(folder, "family-only-query")["family-only-query"]
    family = {
        row["patent_id"]: row["family_id"]
        for row in folder.read_table("patents.parquet", ["patent_id", "family_id"]).to_pylist()
    }
    cited = [
        row["cited_id"] for row in folder.read_table("citations.parquet").to_pylist() if row["citing_id"] == where["id"]
    ]
    assert len(cited) == 1
    assert family[cited[0]] == family[where["id"]]
    assert list(family.values()).count(family[where["id"]]) == 2


def test_labels_name_an_unknown_patent_and_a_set_has_one_class(folder: Folder) -> None:
    where = _planted(folder, "unknown-label", "one-class-labels")
    assert _row(folder, where["unknown-label"])["patent_id"].to_pylist() == [UNKNOWN_ID]
    assert where["one-class-labels"] == {
        "file": "labels/one-class.parquet", "row": -1, "id": None, "kind": "one-class-labels",
    }  # fmt: skip
    one_class = folder.read_table("labels/one-class.parquet")
    assert {tuple(row) for row in one_class["labels"].to_pylist()} == {("assistive",)}
    assert one_class.num_rows == 120
    assert UNKNOWN_ID not in one_class["patent_id"].to_pylist()


def test_files_are_of_a_wrong_type_without_ids_gone_or_cut_off(tmp_path: Path) -> None:
    found = {}
    for kind in ("wrong-type", "missing-column", "no-citations", "cut-off"):
        folder = found[kind] = Folder.at(tmp_path / kind)
        generate(folder, patents=40)
        where = _planted(folder, kind)[kind]
        expected = "citations.parquet" if kind == "no-citations" else "patents.parquet"
        assert where == {"file": expected, "row": -1, "id": None, "kind": kind}
    assert found["wrong-type"].read_table("patents.parquet")["title"].type == pa.int64()
    assert "patent_id" not in found["missing-column"].read_table("patents.parquet").column_names
    assert not found["no-citations"].exists("citations.parquet")
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(str(found["cut-off"] / "patents.parquet"))


def test_an_empty_landscape_keeps_its_columns(folder: Folder) -> None:
    before = folder.read_table("patents.parquet").schema
    files = plant(folder, ["empty-landscape"])["file"].to_pylist()
    assert files == ["patents.parquet", "citations.parquet", "labels/area.parquet", "labels/product.parquet"]
    assert all(folder.read_table(file).num_rows == 0 for file in files)
    assert folder.read_table("patents.parquet").schema == before


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["flood"], "damage 'flood': allowed are"),
        (["empty-landscape", "no-text"], "cannot be planted with other kinds"),
        (["no-citations", "self-citation"], "removes what 'self-citation' plants"),
    ],
)
def test_damage_that_cannot_be_planted_is_refused(folder: Folder, kinds: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plant(folder, kinds)
