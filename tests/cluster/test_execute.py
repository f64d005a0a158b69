"""The whole job on a local Ray: what the run folder holds, and that nothing about how it ran changes the evidence."""

import json
import shutil
from pathlib import Path

import ir_measures
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ir_measures import nDCG

from patray import tables
from patray.cli import main
from patray.cluster.execute import execute
from patray.encoders.vectors import load_vectors
from patray.errors import ConflictError, InputError, ModelError, ResourceError
from patray.files import Folder
from patray.runs.compare import compare_runs, format_comparison
from patray.search.faiss_file import read_index
from tests.cluster.conftest import make_suite

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray")]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def run(workdir: Path, small_landscape: Path, local_ray: None) -> Path:
    execute(make_suite(small_landscape), str(workdir))
    return workdir / "runs" / "small"


def test_the_tables_of_a_run_have_exactly_the_declared_columns(run: Path) -> None:
    for name in ("evidence", "summary", "comparisons", "quarantine", "items", "tuning", "map"):
        found = pq.read_schema(run / f"{name}.parquet")
        wanted = tables.DATED_ITEMS if name == "items" else getattr(tables, name.upper())
        assert found.equals(wanted), name


def test_a_run_folder_holds_every_file_of_the_design(run: Path) -> None:
    systems = ["minilm", "bm25", "linear(minilm,bm25)", "rrf60(minilm,bm25)"]
    for view in ("ta", "claim1"):
        for system in systems:
            assert pq.read_schema(run / "rankings" / "small" / view / f"{system}.parquet").equals(tables.RANKING)
            assert (run / "trec" / f"small.{view}.{system}.run").is_file()
    assert (run / "report.html").stat().st_size > 10_000
    assert list((run / "tables").glob("*.tex"))
    provenance = json.loads((run / "provenance.json").read_text())
    assert provenance["versions"]["ray"]
    embedded = [step for step in provenance["steps"] if step["step"] == "embed"]
    assert {step["view"] for step in embedded} == {"ta", "claim1"}
    assert all(step["tokens"] > 0 and step["inputs"] <= step["patents"] == 150 for step in embedded)


def test_every_task_is_in_the_summary_with_intervals_around_its_mean(run: Path) -> None:
    summary = pd.read_parquet(run / "summary.parquet")
    assert {"retrieval", "classification:area", "clustering:area"} <= set(summary["task"])
    known = summary.dropna(subset=["ci_low"])
    means = known[(known["task"] == "retrieval") & ~known["metric"].str.endswith(".drop")]
    assert len(means)
    assert (means["ci_low"] <= means["mean"]).all()
    assert (means["mean"] <= means["ci_high"]).all()


def test_ir_measures_on_the_exported_trec_files_gives_the_numbers_of_the_summary(run: Path) -> None:
    summary = pd.read_parquet(run / "summary.parquet").set_index(["view", "system", "slice", "metric"])["mean"]
    for part in ("all", "in", "out"):
        qrels = list(ir_measures.read_trec_qrels(str(run / "trec" / f"qrels.small.{part}.txt")))
        for view in ("ta", "claim1"):
            for system in ("minilm", "bm25", "linear(minilm,bm25)", "rrf60(minilm,bm25)"):
                ranking = list(ir_measures.read_trec_run(str(run / "trec" / f"small.{view}.{system}.run")))
                measured = ir_measures.calc_aggregate([nDCG @ 10, nDCG @ 100], qrels, ranking)
                for measure, value in measured.items():
                    assert value == pytest.approx(summary[view, system, part, str(measure)], abs=1e-6)


def test_the_faiss_index_file_holds_the_vectors_under_their_ids(workdir: Path, run: Path) -> None:
    artifact = next((workdir / "embeddings" / "small" / "ta" / "minilm").iterdir())
    ids, vectors = load_vectors(Folder.at(artifact))
    index, found = read_index(Folder.at(workdir / "indexes" / "small" / "ta" / "minilm" / artifact.name))
    assert found.tolist() == ids.tolist()
    scores, nearest = index.search(vectors[:20], 1)
    assert np.allclose(scores[:, 0], 1, atol=1e-5)
    assert vectors[nearest[:, 0]] == pytest.approx(vectors[:20], abs=1e-6)


@pytest.mark.parametrize("shards", [3, 7])
def test_evidence_is_identical_for_any_number_of_shards_and_on_workers(
    run: Path, workdir: Path, small_landscape: Path, shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patray.cluster.small.SMALL_WORK", 0)
    other = execute(make_suite(small_landscape, f"search.shards={shards}"), str(workdir), f"shards-{shards}")
    assert pq.read_table(f"{other}/evidence.parquet").equals(pq.read_table(run / "evidence.parquet"))


@pytest.mark.parametrize("coarse", ["bfloat16", "faiss"])
def test_evidence_is_identical_for_every_coarse_pass(
    run: Path, workdir: Path, small_landscape: Path, coarse: str
) -> None:
    other = execute(make_suite(small_landscape, f"search.coarse={coarse}"), str(workdir), f"coarse-{coarse}")
    assert pq.read_table(f"{other}/evidence.parquet").equals(pq.read_table(run / "evidence.parquet"))


def test_evidence_is_identical_for_one_encoder_actor_and_files_for_others_are_made_when_asked_for(
    run: Path, small_landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = execute(make_suite(small_landscape, "embedding.actors.max=1", "exports=[]"), str(tmp_path))
    assert pq.read_table(f"{other}/evidence.parquet").equals(pq.read_table(run / "evidence.parquet"))
    # Nobody asked for files for other tools; asked for afterwards, they are those that a run writes itself.
    assert not (tmp_path / "indexes").exists()
    assert not other.exists("trec")
    assert main(["export", "trec", str(other), str(tmp_path / "files")]) == 0
    written = {path.name: path.read_bytes() for path in (run / "trec").iterdir()}
    assert len(written) > 8
    assert {path.name: path.read_bytes() for path in (tmp_path / "files").iterdir()} == written
    (tmp_path / "landscapes" / "small").rename(tmp_path / "elsewhere")
    assert main(["export", "trec", str(other), str(tmp_path / "files")]) == 1
    assert "no clean copy with the content" in capsys.readouterr().err


def test_a_complete_run_is_not_done_again_and_another_suite_under_its_name_is_refused(
    run: Path, workdir: Path, small_landscape: Path
) -> None:
    before = (run / "evidence.parquet").stat().st_mtime_ns
    execute(make_suite(small_landscape), str(workdir))
    assert (run / "evidence.parquet").stat().st_mtime_ns == before
    page = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    execute(make_suite(small_landscape), str(workdir))
    assert (run / "report.html").read_bytes() == page
    with pytest.raises(ConflictError, match=r"tasks\.retrieval\.direction: 'cited' -> 'both'"):
        execute(make_suite(small_landscape, "tasks.retrieval.direction=both"), str(workdir))


def test_a_run_mends_a_damaged_store_and_gives_the_same_evidence(
    run: Path, workdir: Path, small_landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(workdir, tmp_path, dirs_exist_ok=True)
    (tmp_path / "runs" / "small" / "provenance.json").unlink()  # as if it had been killed before its end
    [artifact] = (tmp_path / "embeddings" / "small" / "ta" / "minilm").iterdir()
    [clean] = (tmp_path / "landscapes" / "small").iterdir()
    first, second = sorted(artifact.glob("patents-part-*.parquet"))
    untouched = second.stat().st_mtime_ns
    flip(first)
    flip(tmp_path / "runs" / "small" / "rankings" / "small" / "claim1" / "bm25.parquet")
    (clean / "patents" / "part-00001.parquet").unlink()
    [claims] = (tmp_path / "embeddings" / "small" / "claim1" / "minilm").iterdir()
    sorted(claims.glob("patents-part-*.parquet"))[1].unlink()

    again = execute(make_suite(small_landscape), str(tmp_path))
    assert pq.read_table(f"{again}/evidence.parquet").equals(pq.read_table(run / "evidence.parquet"))
    assert second.stat().st_mtime_ns == untouched
    said = capsys.readouterr().err
    for name in ("patents/part-00001.parquet: missing", first.name, "rankings/small/claim1/bm25.parquet"):
        assert name in said
    assert "was damaged, and was made again" in " ".join(again.read_json("provenance.json")["notes"])


def flip(path: Path) -> None:
    """Turn one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_run_compared_with_itself_differs_nowhere(run: Path) -> None:
    found = compare_runs(Folder.at(run), Folder.at(run))
    assert found.rows
    assert not found.worse
    assert all(row["diff"] == 0 for row in found.rows)
    assert "no difference seen" in format_comparison(found)


def test_a_gpu_that_no_node_has_is_refused_at_once(small_landscape: Path, tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"it asks for 1 GPU on one node, and the largest has 0\. .* no autoscaler"):
        execute(make_suite(small_landscape, "embedding.gpus=1"), str(tmp_path))


def test_vectors_of_a_wrong_width_stop_the_run_with_a_readable_error(small_landscape: Path, tmp_path: Path) -> None:
    suite = make_suite(small_landscape, "views=[ta]")
    entry = suite.models[0]
    wrong = entry.model_copy(update={"record": entry.record.model_copy(update={"dimension": 383})})
    with pytest.raises(ModelError, match=r"dimension: the record says 383, the snapshot gives 384"):
        execute(suite.model_copy(update={"models": (wrong,)}), str(tmp_path))


def test_a_work_directory_that_cannot_be_written_is_named(small_landscape: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match=r"file/work: cannot write here"):
        execute(make_suite(small_landscape), str(tmp_path / "file" / "work"))


def test_a_landscape_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no folder .*nowhere"):
        execute(make_suite(tmp_path / "nowhere"), str(tmp_path / "work"))


def test_without_citations_the_other_tasks_run_and_a_note_says_why(small_landscape: Path, tmp_path: Path) -> None:
    source = tmp_path / "uncited"
    (source / "labels").mkdir(parents=True)
    pq.write_table(pq.read_table(small_landscape / "patents.parquet"), source / "patents.parquet")
    pq.write_table(pq.read_table(small_landscape / "labels" / "area.parquet"), source / "labels" / "area.parquet")
    one_class = pa.table({"patent_id": pq.read_table(source / "patents.parquet")["patent_id"]})
    one_class = one_class.append_column("labels", pa.array([["same"]] * one_class.num_rows))
    pq.write_table(one_class, source / "labels" / "same.parquet")
    run = execute(make_suite(source, "views=[abstract]"), str(tmp_path / "work"))
    summary = pd.read_parquet(f"{run}/summary.parquet")
    assert set(summary["task"]) == {"classification:area", "clustering:area"}
    notes = " ".join(run.read_json("provenance.json")["notes"])
    assert "retrieval is not possible: the landscape has neither qrels.parquet nor citations.parquet" in notes
    assert "label set 'same'" in notes
    assert "retrieval is not possible" in run.read_text("report.html")
