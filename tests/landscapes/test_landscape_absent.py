"""`nan`, `NULL` and the like are no value; families too large to be one are noted; describe of anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patray.cli import main
from patray.files import Folder
from patray.landscapes.absent import FAMILY, LABEL, TEXT, is_absent
from patray.landscapes.describe import describe
from patray.landscapes.families import large_families
from patray.landscapes.load import load_metadata
from patray.landscapes.validate import prepare

SPELLED = ["nan", "NaN", "NULL", "null", "NA", "<NA>", "None", "NaT", "-", "n/a", "#N/A", "0", "-1", "", None, " nan "]


def write(folder: Path, **columns: list) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / "patents.parquet")
    return folder


def test_every_spelling_of_no_family_is_a_family_of_its_own(tmp_path: Path) -> None:
    count = len(SPELLED)
    ids = [f"P{n:02}" for n in range(count + 2)]
    titles = [f"pump {n}" for n in range(count + 2)]
    source = write(tmp_path / "in", patent_id=ids, title=titles, family_id=[*SPELLED, "F1", "F1"])
    prepared = prepare(Folder.at(source), Folder.at(tmp_path / "out"))
    families = load_metadata(prepared.folder).patents["family_id"].to_pylist()
    assert families == [*ids[:count], "F1", "F1"]
    said = {reason: n for _, reason, _, n in prepared.reasons}
    assert said == {"family_id spells 'no value', left empty": count - 2}


def test_no_value_in_other_columns_is_empty_and_namibia_stays(tmp_path: Path) -> None:
    source = write(
        tmp_path / "in",
        patent_id=["A", "nan", "C"],
        title=["Brush", "Comb", "NaN"],
        abstract=["nan", "x", "NULL"],
        jurisdiction=["NA", "EP", "None"],
        date=["NaT", "2020-01-01", "2020-01-02"],
        ipc=[["A46B5/02", "nan"], [], []],
    )
    prepared = prepare(Folder.at(source), Folder.at(tmp_path / "out"), max_bad_share=1.0)
    patents = prepared.folder.read_table("patents/part-00000.parquet").to_pylist()
    assert [(row["patent_id"], row["abstract"], row["jurisdiction"]) for row in patents] == [("A", None, "NA")]
    assert patents[0]["ipc"] == ["A46B5/02"]
    assert {(reason, action) for _, reason, action, _ in prepared.reasons} == {
        ("missing patent_id", "dropped"),
        ("no text in any section", "dropped"),
        ("abstract spells 'no value', left empty", "kept"),
        ("empty element removed from the list", "kept"),
    }


def test_a_label_may_be_none_but_not_nan() -> None:
    assert is_absent(pa.array(["None", "nan", "-"]), LABEL).to_pylist() == [False, True, False]
    assert is_absent(pa.array(["Na+", "NA"]), TEXT).to_pylist() == [False, True]
    assert is_absent(pa.array(["1", "0", "unknown"]), FAMILY).to_pylist() == [False, True, True]


def test_a_family_with_an_absurd_share_is_noted_and_others_are_not(tmp_path: Path, capsys) -> None:
    assert large_families(pa.array(["F1", "F1", "F2", None, None, None, None, None])) == []
    assert large_families(pa.array([f"F{n % 320}" for n in range(400)])) == []
    assert large_families(pa.array(["F"] * 300 + [None] * 9700)) == []
    assert len(large_families(pa.array(["F"] * 600 + [None] * 9400))) == 1
    ids = [f"P{n}" for n in range(10)]
    source = write(tmp_path / "in", patent_id=ids, title=ids, family_id=["unbekannt"] * 8 + ["F1", "F2"])
    assert main(["landscape", "validate", str(source)]) == 0
    assert "note: family 'unbekannt' holds 8 of 10 patents (80.0%)" in capsys.readouterr().out
    assert any("unbekannt" in note for note in describe(Folder.at(source)).notes)


def test_describe_shows_all_else_where_no_code_can_be_read(tmp_path: Path) -> None:
    source = write(tmp_path / "in", patent_id=["A", "B"], title=["x", "y"], ipc=[["??"], ["435/6.1", "abc"]])
    found = describe(Folder.at(source))
    assert found.unknown_codes["ipc"][0] == 3
    assert found.label_sets == ()
    assert sum("no patent has a readable ipc code" in note for note in found.notes) == 3


@pytest.mark.parametrize("action", ["describe", "validate"])
def test_what_is_no_landscape_gets_a_sentence(action: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "x.csv").write_text("patent_id,title\n1,a\n")
    write(tmp_path / "parts", patent_id=["A"], title=["x"])
    (tmp_path / "parts" / "patents.parquet").rename(tmp_path / "parts" / "part-0.parquet")
    (tmp_path / "deep" / "patents.parquet").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    wanted = {
        "x.csv": "a file; a landscape is a folder.*patray import table",
        "absent": "no such folder",
        "parts": "no patents.parquet in this folder .found: part-0.parquet.*patray import table",
        "deep": "a folder without a .parquet file in it",
        "empty": "found: nothing",
    }

    for name, sentence in wanted.items():
        assert main(["landscape", action, str(tmp_path / name)]) == 1
        error = capsys.readouterr().err
        assert re.search(sentence, error), error
        assert "Traceback" not in error


def test_a_reader_that_leaves_ends_the_command_quietly(tmp_path: Path) -> None:
    source = write(tmp_path / "in", patent_id=["A", "B"], title=["x", "y"])
    read, written = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "patray.cli", "landscape", "describe", str(source)]
    ended = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, text=True, check=False)
    os.close(written)
    assert (ended.returncode, ended.stderr) == (141, "")
