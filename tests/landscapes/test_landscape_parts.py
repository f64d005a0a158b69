"""A landscape whose tables are folders of part files gives what the same rows in single files give."""

import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patray.cli import main
from patray.errors import InputError
from patray.files import Folder
from patray.importers.trec import import_trec
from patray.landscapes.parts import find_parts, open_parts
from patray.landscapes.validate import Prepared, prepare
from patray.runs.sources import clean_copy_folder, pick_landscapes
from patray.runs.suite import LandscapeEntry, Suite


def tables() -> dict[str, pa.Table]:
    ids: list[str | None] = [f"P{number}" for number in range(23)]
    ids[7], ids[15] = "P3", None  # a double in another part, a row without id
    return {
        "patents": pa.table({"patent_id": ids, "title": [f"brush {one}" for one in ids], "mine": range(23)}),
        "queries": pa.table({"patent_id": ["Q1", "Q2"], "title": ["comb", "hinge"]}),
        "citations": pa.table({"citing_id": ["P1", "P2", "P9"], "cited_id": ["P2", "P4", "absent"]}),
        "qrels": pa.table({"query_id": ["Q1", "Q2"], "patent_id": ["P1", "P5"], "relevance": [1, 2]}),
        "labels/area": pa.table({"patent_id": ["P1", "P2", "P5"], "labels": [["a"], ["b"], ["a", "a"]]}),
    }


def write_whole(folder: Path) -> Folder:
    (folder / "labels").mkdir(parents=True)
    for name, table in tables().items():
        pq.write_table(table, folder / f"{name}.parquet")
    return Folder.at(folder)


def write_parts(folder: Path, cuts: list[int], suffix: str) -> Folder:
    for name, table in tables().items():
        place = folder / f"{name}{suffix}"
        place.mkdir(parents=True)
        bounds = [0, *sorted(min(cut, table.num_rows) for cut in cuts), table.num_rows]
        for number, (start, stop) in enumerate(itertools.pairwise(bounds)):
            pq.write_table(table.slice(start, stop - start), place / f"part-{number}.parquet")
        (place / "_SUCCESS").touch()
        (place / ".part-0.parquet.crc").write_bytes(b"x")
    return Folder.at(folder)


def prepared(source: Folder, folder: Path) -> Prepared:
    return prepare(source, Folder.at(folder), name="x", max_bad_share=1.0, rows_per_part=4)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 23), max_size=12), suffix=st.sampled_from(["", ".parquet"]))
def test_parts_cut_anywhere_give_the_clean_copy_of_one_file(
    cuts: list[int], suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("parts")
    one = prepared(write_whole(tmp_path / "one"), tmp_path / "copy-one")
    many = prepared(write_parts(tmp_path / "many", cuts, suffix), tmp_path / "copy-many")
    assert (many.content_hash, many.files, many.reasons) == (one.content_hash, one.files, one.reasons)
    for name in ("quarantine.parquet", "metadata.parquet", "patents/part-00003.parquet", "labels/area.parquet"):
        assert many.folder.read_table(name).equals(one.folder.read_table(name)), name


def test_parts_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_parts(tmp_path, list(range(1, 12)), "")
    names = find_parts(Folder.at(tmp_path), "patents.parquet")
    assert list(names[:3] + names[-2:]) == [f"patents/part-{number}.parquet" for number in (0, 1, 2, 10, 11)]
    found = open_parts(Folder.at(tmp_path), "patents.parquet")
    assert found.table()["mine"].to_pylist() == list(range(23))
    assert found.bytes == sum(path.stat().st_size for path in (tmp_path / "patents").glob("*.parquet"))


def test_parts_may_differ_in_columns_that_are_no_must_and_in_spellings_of_a_type(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "patents"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"patent_id": ["A"], "title": pa.array(["a"]).dictionary_encode()}), folder / "0.parquet")
    wide = {"patent_id": pa.array(["B"], pa.large_string()), "title": ["b"], "abstract": ["b b"], "mine": [1]}
    pq.write_table(pa.table(wide), folder / "1.parquet")
    pq.write_table(pa.table({"patent_id": ["C"], "title": ["c"], "abstract": pa.nulls(1)}), folder / "2.parquet")
    found = prepared(Folder.at(tmp_path / "in"), tmp_path / "copy")
    rows = found.folder.read_table("patents/part-00000.parquet").to_pylist()
    assert [(row["patent_id"], row["title"], row["abstract"], row["mine"]) for row in rows] == [
        ("A", "a", None, None), ("B", "b", "b b", 1), ("C", "c", None, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ({"title": ["b"]}, "patents/1.parquet: required column 'patent_id' is missing"),
        ({"patent_id": [5], "title": ["b"]}, "patents/1.parquet: column 'patent_id' has type int64"),
        ({"patent_id": ["B"], "title": ["b"], "mine": ["x"]}, "1.parquet: column 'mine' has type string, but int64"),
    ],
)
def test_a_part_unlike_the_others_is_named(second: dict[str, list], sentence: str, tmp_path: Path) -> None:
    folder = tmp_path / "in" / "patents"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"patent_id": ["A"], "title": ["a"], "mine": [1]}), folder / "0.parquet")
    pq.write_table(pa.table(second), folder / "1.parquet")
    with pytest.raises(InputError, match=sentence):
        prepared(Folder.at(tmp_path / "in"), tmp_path / "copy")


def test_a_cut_off_part_is_named(tmp_path: Path) -> None:
    source = write_parts(tmp_path / "in", [5], ".parquet")
    (tmp_path / "in" / "citations.parquet" / "part-1.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"citations.parquet/part-1.parquet: not a whole Parquet file"):
        prepared(source, tmp_path / "copy")


def test_a_table_that_is_there_twice_or_partitioned_is_an_error(tmp_path: Path) -> None:
    write_parts(tmp_path / "both", [5], "")
    pq.write_table(tables()["qrels"], tmp_path / "both" / "qrels.parquet")
    with pytest.raises(InputError, match=r"both qrels.parquet and qrels/ hold qrels"):
        prepared(Folder.at(tmp_path / "both"), tmp_path / "copy")
    (tmp_path / "hive" / "patents" / "jurisdiction=US").mkdir(parents=True)
    pq.write_table(tables()["patents"], tmp_path / "hive" / "patents" / "jurisdiction=US" / "0.parquet")
    with pytest.raises(InputError, match=r"partitioned by a column \(jurisdiction=US\)"):
        prepared(Folder.at(tmp_path / "hive"), tmp_path / "copy")


def test_a_changed_part_is_another_landscape_to_the_store(tmp_path: Path) -> None:
    source = write_parts(tmp_path / "in", [5], "")
    entry = LandscapeEntry(path=str(tmp_path / "in"), name="x")
    store = Folder.at(tmp_path / "store")
    keys = {clean_copy_folder(entry, source, store).uri}
    for table, part in (("patents", 1), ("labels/area", 0), ("qrels", 0)):
        pq.write_table(tables()[table].slice(0, 1), tmp_path / "in" / table / f"part-{part}.parquet")
        keys.add(clean_copy_folder(entry, source, store).uri)
    assert len(keys) == 4


def test_commands_and_suites_take_a_landscape_of_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_parts(tmp_path / "in", [5, 9], "")
    assert main(["landscape", "describe", source.uri]) == 0
    assert "patents      21" in capsys.readouterr().out
    assert main(["landscape", "validate", source.uri]) == 1
    assert "1  patents.parquet: missing patent_id (dropped)" in capsys.readouterr().out
    suite = Suite.model_construct(landscapes=(), landscapes_root=str(tmp_path))
    assert [entry.path for entry in pick_landscapes(suite, ["in"]).landscapes] == ["in"]


def test_trec_qrels_enter_a_landscape_of_parts(tmp_path: Path) -> None:
    source = write_parts(tmp_path / "in", [5, 9], ".parquet")
    (tmp_path / "judged.qrels").write_text("Q1 0 P1 1\n")
    with pytest.raises(InputError, match="exists; delete it first"):
        import_trec([str(tmp_path / "judged.qrels")], source)
    source.delete("qrels.parquet")
    assert import_trec([str(tmp_path / "judged.qrels")], source)["judged.qrels"]["kept"] == 1
