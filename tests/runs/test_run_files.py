"""What a finished run wrote is checked before it is read: report and comparison name what is not as it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from patray import tables
from patray.artifacts import write_sealed
from patray.cli import main
from patray.errors import DamagedError, InputError
from patray.files import Folder
from patray.runs.run_files import FILES, MARK, PROVENANCE, check_run, rewrite, run_seals, seal_run, work_directory

RANKING = "rankings/small/ta/bm25.parquet"
TABLES = ("summary", "comparisons", "evidence", "items", "tuning", "map", "quarantine")


def evidence(rows: int = 400) -> pa.Table:
    random = np.random.default_rng(4)
    texts = {"task": "retrieval", "landscape": "small", "view": "ta", "system": "bm25", "slice": "all"}
    columns = {name: [value] * rows for name, value in texts.items()}
    columns |= {"metric": ["nDCG@10"] * rows, "item_id": [f"Q{at}" for at in range(rows)]}
    return pa.table({**columns, "value": random.random(rows)}, schema=tables.EVIDENCE)


@pytest.fixture
def run(tmp_path: Path) -> Folder:
    folder = Folder.at(tmp_path / "runs" / "first")
    for name in TABLES:
        folder.write_table(f"{name}.parquet", getattr(tables, name.upper()).empty_table())
    folder.write_table("evidence.parquet", evidence())
    folder.write_text("suite.yaml", "name: first\n")
    write_sealed(folder, RANKING, tables.RANKING.empty_table())
    folder.write_text("trec/small.ta.bm25.run", "q Q0 d 1 1.0 bm25\n")
    folder.write_json(PROVENANCE, {"run": "first", "files": seal_run(folder).as_json()})
    folder.write_text("report.html", "as often as one likes")
    return folder


def test_everything_that_a_run_wrote_is_listed_with_rows_bytes_and_checksum(run: Folder) -> None:
    seals = run_seals(run)
    assert set(seals) == {f"{name}.parquet" for name in TABLES} | {"suite.yaml", RANKING, "trec/small.ta.bm25.run"}
    assert seals["evidence.parquet"].rows == 400
    assert {name: seal.bytes for name, seal in seals.items()} == {name: run.size(name) for name in seals}
    assert check_run(run) == []


@pytest.mark.parametrize("uri", ["/data/work", "s3://bucket/work?endpoint_override=here:9000&scheme=http"])
def test_a_run_knows_its_work_directory_with_all_that_its_uri_says(uri: str) -> None:
    store = Folder.at(uri)
    assert work_directory(store / "runs" / "first") == store
    with pytest.raises(InputError, match="copied/first: not in the folder runs/"):
        work_directory(store / "copied" / "first")


def test_a_run_that_made_its_vectors_again_is_whole_once_its_mark_is_gone(run: Folder) -> None:
    run.write_json(MARK, {"mark": "of --reembed"})
    run.write_json(PROVENANCE, {"run": "first", "files": seal_run(run).as_json()})
    run.delete(MARK)
    assert check_run(run) == []


def lacking(run: Folder) -> None:
    run.write_table("evidence.parquet", evidence().slice(0, 240))


def of_another_run(run: Folder) -> None:
    table = evidence()
    run.write_table("evidence.parquet", table.set_column(7, "value", pa.array(table["value"].to_numpy()[::-1])))


def cut(run: Folder) -> None:
    run.write_bytes("evidence.parquet", run.read_bytes("evidence.parquet")[:-100])


def gone(run: Folder) -> None:
    run.delete("evidence.parquet")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lacking, r"evidence\.parquet: cut short or exchanged: .* \(240 rows of 400\)"),
        (of_another_run, r"evidence\.parquet: (cut short|damaged) or exchanged"),
        (cut, r"evidence\.parquet: cut short or exchanged: it has [\d,]+ bytes, [\d,]+ were written"),
        (gone, r"evidence\.parquet: no such file"),
    ],
)
def test_report_compare_and_export_name_evidence_that_is_not_the_runs(
    run: Folder, change: Callable[[Folder], None], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copytree(run.uri, tmp_path / "runs" / "second")
    change(run)
    with pytest.raises(DamagedError, match=told):
        check_run(run)
    other = str(tmp_path / "runs" / "second")
    for command in (["report", run.uri], ["compare", run.uri, other], ["export", "mteb", run.uri]):
        assert main(command) == 1
        assert "evidence.parquet" in capsys.readouterr().err


def test_all_that_is_wrong_is_named_at_once(run: Folder) -> None:
    run.write_table("summary.parquet", tables.SUMMARY.empty_table().append_column("x", pa.array([], pa.int8())))
    run.write_text("suite.yaml", "name: other\n")
    run.write_table("verdicts.parquet", tables.VERDICTS.empty_table())
    with pytest.raises(DamagedError) as caught:
        check_run(run)
    for name in ("summary.parquet", "suite.yaml", "verdicts.parquet: the run did not write this table"):
        assert name in str(caught.value)


def test_a_list_of_files_that_was_changed_is_no_list(run: Folder) -> None:
    lacking(run)
    listed = run.read_json(FILES)
    listed["evidence.parquet"] = run.seal("evidence.parquet").as_json()
    run.write_json(FILES, listed)
    with pytest.raises(DamagedError, match=r"files\.json: (cut short|damaged) or exchanged"):
        check_run(run)


def test_files_that_only_other_tools_read_may_be_deleted_and_are_noted(run: Folder) -> None:
    run.delete("trec")
    run.delete(RANKING)
    notes = check_run(run)
    assert len(notes) == 2
    assert "trec/small.ta.bm25.run: missing; nothing here reads it" in notes[1]


def test_a_run_from_before_there_were_checksums_is_read_with_a_note(run: Folder) -> None:
    run.write_json(PROVENANCE, {"run": "first"})
    run.delete(FILES)
    lacking(run)
    [note] = check_run(run)
    assert "older version of patray that kept no checksums" in note


def test_a_finished_run_whose_suite_is_written_again_stays_whole(run: Folder) -> None:
    rewrite(run, "suite.yaml", "name: first\ntitle: another one\n")
    assert check_run(run) == []
    assert run_seals(run)["suite.yaml"].bytes == run.size("suite.yaml")
    lacking(run)
    rewrite(run, "suite.yaml", "name: first\n")
    with pytest.raises(DamagedError, match="evidence"):
        check_run(run)
