"""What a run gives to other tools: mteb loads results, FAISS and pandas vectors, DuckDB and pandas tables."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from patray.cli import main
from patray.cluster.execute import execute
from patray.encoders.vectors import load_vectors
from patray.files import Folder
from patray.search.faiss_file import read_index
from tests.cluster.conftest import make_suite

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("encodes_here")]
DOC = Path(__file__).resolve().parents[2] / "docs" / "run-folder.md"


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def run(workdir: Path, small_landscape: Path, encodes_here: None) -> Path:
    suite = make_suite(small_landscape, "views=[ta]", "systems=[{dense: minilm}, {lexical: bm25}]")
    return Path(str(execute(suite, str(workdir))))


def test_mteb_loads_every_result_and_finds_the_numbers_of_the_summary(run: Path, tmp_path: Path) -> None:
    mteb = pytest.importorskip("mteb")
    assert main(["export", "mteb", str(run), str(tmp_path)]) == 0
    summary = pd.read_parquet(run / "summary.parquet").set_index(["system", "task", "slice", "metric"])
    minilm = tmp_path / "results" / "sentence-transformers__all-MiniLM-L6-v2"
    [revision] = minilm.iterdir()
    result = mteb.TaskResult.from_disk(revision / "small.ta.retrieval.all.json")
    expected = summary.loc["minilm", "retrieval", "all", "nDCG@10"]
    assert result.get_score() == pytest.approx(expected["mean"], abs=1e-12)
    [scores] = result.scores["test"]
    assert scores["recall_at_100"] == pytest.approx(summary["mean"]["minilm", "retrieval", "all", "Recall@100"])
    assert scores["ci_low"]["ndcg_at_10"] == expected["ci_low"]
    clustered = mteb.TaskResult.from_disk(revision / "small.ta.clustering-area.json")
    assert clustered.get_score() == pytest.approx(summary["mean"]["minilm", "clustering:area", "all", "V-measure"])
    sorted_out = mteb.TaskResult.from_disk(revision / "small.ta.classification-area.json")
    assert sorted_out.get_score() == pytest.approx(
        summary["mean"]["minilm", "classification:area", "all", "logistic-macro-F1"]
    )
    files = sorted(path for path in tmp_path.rglob("*.json") if path.name != "model_meta.json")
    assert all(mteb.TaskResult.from_disk(path).task_name == path.stem for path in files)
    cache = mteb.ResultCache(tmp_path)
    assert {path.parent.parent.name for path in cache.get_cache_paths()} == {minilm.name, "patray__bm25"}
    loaded = cache.load_task_result("small.ta.retrieval.in", "patray/bm25", "small")
    assert loaded.get_score() == pytest.approx(summary["mean"]["bm25", "retrieval", "in", "nDCG@10"])


def test_vectors_go_out_as_parquet_and_as_a_faiss_index_with_the_same_ids(
    run: Path, workdir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = [str(workdir), "small", "ta", "minilm"]
    assert main(["export", "vectors", *place, str(tmp_path / "parquet")]) == 0
    assert main(["export", "vectors", *place, str(tmp_path / "faiss"), "--format", "faiss"]) == 0
    assert "150 vectors of" in capsys.readouterr().out
    [artifact] = (workdir / "embeddings" / "small" / "ta" / "minilm").iterdir()
    ids, vectors = load_vectors(Folder.at(artifact))
    frame = pd.read_parquet(tmp_path / "parquet" / "vectors.parquet")
    assert frame.patent_id.tolist() == ids.tolist()
    assert np.array_equal(np.stack(frame.vector.to_numpy()), vectors)
    index, named = read_index(Folder.at(tmp_path / "faiss"))
    assert named.tolist() == ids.tolist()
    assert np.array_equal(index.reconstruct_n(0, 150), vectors)
    record = json.loads((tmp_path / "faiss" / "vectors.json").read_text())
    assert record["identity"]["repo"] == "sentence-transformers/all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({1: "other"}, "no landscape other; there is small"),
        ({2: "tac"}, "no view tac; there is ta"),
        ({3: "e5"}, "no model e5; there is minilm"),
        (
            {5: "--role=query"},
            "0 artifacts of role query, wanted one .*: document, prompt '', max_tokens 256, dtype 'float32'",
        ),
        ({5: "--format=csv"}, "--format csv: allowed are parquet, faiss"),
    ],
)
def test_vectors_that_are_not_there_are_an_error_that_lists_what_is(
    run: Path, workdir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[int, str], message: str
) -> None:
    words = [str(workdir), "small", "ta", "minilm", str(tmp_path / "out"), "--key="]
    for place, word in changes.items():
        words[place] = word
    assert main(["export", "vectors", *words]) == 1
    assert re.search(message, capsys.readouterr().err)


def snippets(language: str) -> list[str]:
    """The code blocks of the run folder's page, on this run instead of the demo."""
    blocks = re.findall(rf"```{language}\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    return [block.replace("patray-work/runs/demo", "RUN").replace("assist-a", "small") for block in blocks]


def test_the_documented_pandas_snippets_give_the_numbers_that_they_claim(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "RUN").symlink_to(run)
    monkeypatch.chdir(tmp_path)
    means, intervals = snippets("python")
    # This suite draws fewer resamples than the default of the page.
    intervals = intervals.replace("resamples=10_000", "resamples=500")
    space: dict[str, object] = {}
    exec(compile(means + intervals, str(DOC), "exec"), space)
    first, f1, v_measure, ends = capsys.readouterr().out.splitlines()
    summary = pd.read_parquet(run / "summary.parquet")
    summary = summary[summary["slice"] == "all"]
    found = summary[(summary.system == "minilm") & (summary.view == "ta")].set_index(["task", "metric"])["mean"]
    assert float(first) < 1e-15
    assert float(f1.split()[0]) == pytest.approx(found["classification:area", "knn-macro-F1"], abs=1e-12)
    assert float(f1.split()[1]) == pytest.approx(found["classification:area", "knn-micro-F1"], abs=1e-12)
    assert float(v_measure) == pytest.approx(found["clustering:area", "V-measure"], abs=1e-12)
    assert max(float(end) for end in ends.split()) < 1e-12


def test_the_documented_duckdb_query_finds_the_queries_on_which_a_system_loses_most(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb = pytest.importorskip("duckdb")
    (tmp_path / "RUN").symlink_to(run)
    monkeypatch.chdir(tmp_path)
    [query] = snippets("sql")
    found = duckdb.sql(query).fetchall()
    evidence = pd.read_parquet(run / "evidence.parquet")
    part = evidence[(evidence.task == "retrieval") & (evidence.slice == "all") & (evidence.metric == "nDCG@10")]
    wide = part.pivot(index="item_id", columns="system", values="value")
    losses = (wide["minilm"] - wide["bm25"]).sort_values()
    assert [loss for _, loss in found] == pytest.approx(losses.head(10).tolist(), abs=1e-12)
    assert all(losses[query] == pytest.approx(loss, abs=1e-12) for query, loss in found)
