"""Late interaction and reranking on a local Ray: the scores are right, and nothing about how they ran changes a bit."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
import ray

from patray.artifacts import write_sealed
from patray.cluster.embed import Means, embed
from patray.cluster.growth import nodes
from patray.cluster.late import start_late
from patray.cluster.models import Model
from patray.cluster.rerank import _Job as RerankJob
from patray.cluster.rerank import _render as render_texts
from patray.cluster.rerank import rerank
from patray.cluster.rerank_plan import plan_pairs
from patray.cluster.search import Place
from patray.cluster.tasks import gather, shared
from patray.cluster.token_memory import TokenCount, plan_shards, state_token_memory
from patray.cluster.views import index_view
from patray.encoders.token_vectors import load_token_vectors
from patray.encoders.windows import ViewIndex
from patray.errors import EmbeddingError, InputError, ResourceError
from patray.files import Folder
from patray.landscapes.load import load_metadata, part_names, read_rows
from patray.landscapes.records import Truth
from patray.landscapes.truth import build_truth
from patray.landscapes.validate import prepare
from patray.landscapes.views import View, get_view, render
from patray.models.resolve import Snapshot
from patray.runs.step_record import StepRecord
from patray.runs.suite import Embedding, Search
from patray.search.ranking import Ranking
from patray.search.table import from_table, to_table
from patray.steps.embed import EmbedStep
from patray.steps.texts import Texts, chosen_queries
from tests.models.tiny_late import cross_record, late_record, save_cross_encoder, save_stanford_colbert

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray")]

ROOT = Path(__file__).resolve().parents[2]
DEPTH, LONGEST = 20, 50


@dataclass(frozen=True)
class Bench:
    """A prepared landscape, its truth and texts, and the tiny models."""

    prepared: Folder
    view: View
    index: ViewIndex
    truth: Truth
    texts: dict[str, str]
    colbert: Model
    cross: Model


def make_bench(landscape: Path, folder: Path) -> Bench:
    prepared = Folder.at(folder / "prepared")
    if not prepared.exists("prepared.json"):
        prepare(Folder.at(landscape), prepared, rows_per_part=40)
    view = get_view("ta")
    texts: dict[str, str] = {}
    for part in part_names(prepared):
        table = read_rows(prepared, part, view.sections)
        texts.update(zip(table["patent_id"].to_pylist(), render(table, view), strict=True))
    models = {}
    for name, save, record in (
        ("colbert", save_stanford_colbert, late_record()),
        ("cross", save_cross_encoder, cross_record()),
    ):
        path = folder / name
        if not path.exists():
            save(path)
        models[name] = Model(name, record, "sentence-transformers", Snapshot(str(path), "path"), "made for this test")
    truth, _ = build_truth(load_metadata(prepared))
    return Bench(prepared, view, index_view(prepared, view), truth, texts, **models)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("late-and-rerank")


@pytest.fixture(scope="module")
def bench(folder: Path, small_landscape: Path, local_ray: None) -> Bench:
    return make_bench(small_landscape, folder)


def options(actors: int = 1) -> Embedding:
    return Embedding.model_validate({"actors": {"min": actors, "max": actors}, "stall_seconds": 300})


def embed_late(bench: Bench, store: Folder, actors: int = 1) -> tuple[Folder, Folder, list[StepRecord]]:
    chosen = {"document": ~bench.index.external, "query": chosen_queries(bench.index, bench.truth)}
    model = bench.colbert
    jobs = [
        EmbedStep(
            "small", bench.prepared, bench.view, Texts(bench.index, rows), model.name, model.record,
            model.engine, role, model.content,  # type: ignore[arg-type]
        )
        for role, rows in chosen.items()
    ]  # fmt: skip
    (documents, first), (queries, second) = embed(jobs, Means(model.snapshot, options(actors)), store)
    return documents, queries, [first, second]


@pytest.fixture(scope="module")
def late(bench: Bench, folder: Path) -> tuple[Folder, Folder, list[StepRecord]]:
    return embed_late(bench, Folder.at(folder / "late").make())


def search_late(
    run: Folder, place: Place, documents: Folder, queries: list[Folder], truth: Truth, asked: Search
) -> dict[str, Any]:
    begun = start_late(run, place, documents, queries, shared(truth), asked, nodes(), 300)
    return gather([begun], "search", 300)[0]


def ranking_of(run: Folder, system: str, truth: Truth) -> Ranking:
    return from_table(run.read_table(Place("small", "ta", system).file), truth.query_ids, truth.patent_ids, LONGEST)


def test_a_late_ranking_is_the_one_of_sentence_transformers_on_the_same_texts(
    bench: Bench, late: tuple[Folder, Folder, list[dict[str, Any]]], folder: Path
) -> None:
    from sentence_transformers import MultiVectorEncoder

    run = Folder.at(folder / "run")
    documents, queries, _ = late
    step = search_late(run, Place("small", "ta", "colbert"), documents, [queries], bench.truth, Search(depth=LONGEST))
    found = ranking_of(run, "colbert", bench.truth)
    truth = bench.truth
    model = MultiVectorEncoder(bench.colbert.snapshot.location, device="cpu", local_files_only=True)
    asked = model.encode_query([bench.texts[name] for name in truth.query_ids])
    corpus = model.encode_document([bench.texts[name] for name in truth.patent_ids])
    expected = model.similarity(asked, corpus).numpy()
    for query in range(len(truth.query_ids)):
        start, stop = truth.excluded_start[query : query + 2]
        expected[query, truth.excluded[start:stop]] = -np.inf
    best = -np.sort(-expected, axis=1)[:, :LONGEST]
    own = np.take_along_axis(expected, found.patents, axis=1)
    assert np.abs(found.scores - own).max() < 0.02  # 16 query tokens in float16
    assert np.abs(found.scores - best).max() < 0.02
    assert step["queries"] == len(truth.query_ids)
    assert step["token_bytes"] == 2 * 12 * len(load_token_vectors(documents)[1].vectors)


def test_the_memory_is_stated_before_anything_is_encoded_and_is_what_is_then_stored(
    bench: Bench,
    late: tuple[Folder, Folder, list[dict[str, Any]]],
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_encoding(*_: object) -> int:
        raise InterruptedError

    monkeypatch.setattr("patray.cluster.embed._run", no_encoding)
    with pytest.raises(InterruptedError):
        embed_late(bench, Folder.at(folder / "stated").make())
    said = capfd.readouterr().err
    for role, artifact, step in (("document", late[0], late[2][0]), ("query", late[1], late[2][1])):
        ids, tokens = load_token_vectors(artifact)
        line = next(line for line in said.splitlines() if f"small/ta, {role})" in line)
        assert f"{len(ids)} patents make {len(tokens.vectors):,} token vectors" in line
        assert f"{2 * 12 * len(tokens.vectors) / 1e6:,.1f} MB on disk" in line
        assert step["patent_vectors"] == len(tokens.vectors)


def test_two_actors_other_shards_and_a_resumed_step_give_the_same_late_ranking(
    bench: Bench, late: tuple[Folder, Folder, list[dict[str, Any]]], folder: Path
) -> None:
    store = Folder.at(folder / "two").make()
    documents, queries, _ = embed_late(bench, store, actors=2)
    lost = part_names_of(documents)[1]
    documents.delete("artifact.json")
    documents.delete(lost)
    kept = {path: path.stat().st_mtime_ns for path in Path(documents.uri).glob("*.parquet")}
    documents, queries, steps = embed_late(bench, store, actors=2)
    assert not steps[0]["reused"]
    assert steps[1]["reused"]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    tables = []
    for name, artifacts, shards in (("one", late[:2], 1), ("two", (documents, queries), 3)):
        run = Folder.at(folder / f"run-{name}")
        place = Place("small", "ta", "colbert")
        search_late(run, place, artifacts[0], [artifacts[1]], bench.truth, Search(depth=LONGEST, shards=shards))
        tables.append(run.read_table(place.file))
    assert tables[0].equals(tables[1])


def part_names_of(folder: Folder) -> list[str]:
    return [name for name in folder.list() if name.endswith(".parquet")]


def test_vectors_that_cannot_fit_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    count = TokenCount((1, 1), (10**13, 10**13))
    with pytest.raises(ResourceError, match=r"take 480,000,000\.0 MB, but .* free\. Take another --workdir"):
        state_token_memory("embed x", count, late_record(), Folder.at(tmp_path), None)
    with pytest.raises(
        ResourceError, match=r"searching one shard of token vectors takes .* largest node of this cluster"
    ):
        state_token_memory("embed x", count, late_record(), Folder("s3://somewhere/else"), None)


def test_shards_are_of_about_equal_size_and_hold_every_part_once() -> None:
    sizes = [5, 1, 9, 3, 3, 7, 2]
    shards = plan_shards(sizes, 3)
    assert sorted(part for shard in shards for part in shard) == list(range(7))
    assert [sum(sizes[part] for part in shard) for shard in shards] == [10, 10, 10]
    assert plan_shards([1, 1], 5) == [[0], [1]]


def save_base(bench: Bench, run: Folder) -> Ranking:
    """A base ranking: a random one, with fewer than `DEPTH` results for the first query."""
    truth, random = bench.truth, np.random.default_rng(3)
    patents = np.array([random.permutation(len(truth.patent_ids))[:LONGEST] for _ in truth.query_ids], np.int32)
    scores = np.broadcast_to(np.arange(LONGEST, 0, -1.0), patents.shape).copy()
    patents[0, 7:], scores[0, 7:] = -1, -np.inf
    base = Ranking(patents, scores)
    write_sealed(run, Place("small", "ta", "base").file, to_table(base, truth.query_ids, truth.patent_ids))
    return base


def do_rerank(bench: Bench, run: Folder, store: Folder, actors: int = 1, depth: int = DEPTH) -> dict[str, Any]:
    return rerank(
        run, Place("small", "ta", "cross(base)"), Place("small", "ta", "base"), bench.prepared, bench.view, bench.index,
        bench.truth, bench.cross, depth, LONGEST, store, options(actors), False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def reranked(bench: Bench, folder: Path) -> tuple[Folder, Ranking, dict[str, Any]]:
    run = Folder.at(folder / "run-rerank")
    base = save_base(bench, run)
    return run, base, do_rerank(bench, run, Folder.at(folder / "rerank").make())


def test_the_top_is_ordered_by_cross_encoders_own_scores_and_the_rest_follows_as_it_was(
    bench: Bench, reranked: tuple[Folder, Ranking, dict[str, Any]]
) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    run, base, step = reranked
    found = ranking_of(run, "cross(base)", bench.truth)
    np.testing.assert_array_equal(found.patents[:, DEPTH:], base.patents[:, DEPTH:])
    np.testing.assert_array_equal(np.sort(found.patents[:, :DEPTH]), np.sort(base.patents[:, :DEPTH]))
    filled = found.patents >= 0
    assert (np.diff(found.scores[1:], axis=1) <= 0).all()
    assert (found.scores[1:, DEPTH] < found.scores[1:, DEPTH - 1]).all()
    assert filled[0].sum() == 7
    model = CrossEncoder(bench.cross.snapshot.location, device="cpu", local_files_only=True, max_length=64)
    query, place = np.nonzero(filled[:, :DEPTH])
    texts = [
        (bench.texts[bench.truth.query_ids[q]], bench.texts[bench.truth.patent_ids[found.patents[q, p]]])
        for q, p in zip(query, place, strict=True)
    ]
    expected = model.predict(texts, activation_fn=torch.nn.Identity(), batch_size=64)
    np.testing.assert_allclose(found.scores[query, place], expected, atol=5e-5)
    assert step["pairs"] == len(texts)
    assert step["queries"] == len(bench.truth.query_ids)
    assert step["queries_short"] == 1
    assert step["pairs_per_s"] > 0
    assert not step["reused"]


def test_a_saved_score_is_used_again_and_another_depth_is_not_confused_with_it(
    bench: Bench, reranked: tuple[Folder, Ranking, dict[str, Any]], folder: Path
) -> None:
    store = Folder.at(folder / "rerank")
    again = Folder.at(folder / "run-again")
    save_base(bench, again)
    step = do_rerank(bench, again, store)
    assert step["reused"]
    assert step["seconds"] == 0.0
    place = Place("small", "ta", "cross(base)")
    assert again.read_table(place.file).equals(reranked[0].read_table(place.file))
    deeper = Folder.at(folder / "run-deeper")
    save_base(bench, deeper)
    assert not do_rerank(bench, deeper, store, depth=5)["reused"]


def test_all_texts_are_rendered_before_actors_can_take_every_cpu(bench: Bench, tmp_path: Path) -> None:
    run = Folder.at(tmp_path)
    top = save_base(bench, run).patents[:, :DEPTH]
    place = Place("small", "ta", "cross(base)")
    job = RerankJob(place, run, bench.prepared, bench.view, bench.index, bench.truth, bench.cross, options(2), False)
    texts = [text for text in render_texts(job, plan_pairs(top, bench.truth, bench.index))[0] if text is not None]
    assert len(texts) > 2
    assert len(ray.wait(texts, num_returns=len(texts), timeout=0)[0]) == len(texts)


def test_a_depth_beyond_the_ranking_is_refused_with_both_numbers(bench: Bench, folder: Path) -> None:
    run = Folder.at(folder / "run-deep")
    with pytest.raises(
        InputError, match=r"cross\(base\): depth 60 is beyond the ranking of base, which holds the best 50"
    ):
        do_rerank(bench, run, Folder.at(folder / "deep"), depth=60)


def test_a_score_that_is_nan_stops_the_step_and_names_the_pair(bench: Bench, folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = save_cross_encoder(tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    weights["classifier.bias"][:] = float("nan")
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    run = Folder.at(folder / "run-nan")
    save_base(bench, run)
    model = replace(bench.cross, snapshot=Snapshot(str(broken), "path"), content="broken")
    with pytest.raises(EmbeddingError, match=r"scores are NaN or infinite, the first for query .* and patent"):
        do_rerank(replace(bench, cross=model), run, Folder.at(folder / "nan").make())


DRIVER = """
import json, os, psutil, signal, sys
from pathlib import Path
from patray.progress import Progress
from patray.cluster.start import connect
from patray.files import Folder
from tests.cluster.test_late_and_rerank import do_rerank, make_bench

def die(*_):
    children = psutil.Process().children(recursive=True)
    Path(sys.argv[5]).write_text(json.dumps([child.pid for child in children]))
    os.kill(os.getpid(), signal.SIGKILL)

connect()
bench = make_bench(Path(sys.argv[1]), Path(sys.argv[2]))
Progress.advance = die
do_rerank(bench, Folder.at(sys.argv[3]), Folder.at(sys.argv[4]).make())
"""


def test_a_rerank_killed_after_its_first_window_goes_on_with_two_actors_to_the_same_bits(
    bench: Bench,
    reranked: tuple[Folder, Ranking, dict[str, Any]],
    small_landscape: Path,
    folder: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run, store, family = Folder.at(folder / "run-killed"), folder / "killed", folder / "family.json"
    save_base(bench, run)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [sys.executable, "-c", DRIVER, str(small_landscape), str(folder), run.uri, str(store), str(family)]
    job = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=500)
    assert job.returncode == -signal.SIGKILL, job.stderr
    left = [psutil.Process(pid) for pid in json.loads(family.read_text()) if psutil.pid_exists(pid)]
    for process in left:
        if process.is_running():
            process.kill()
    psutil.wait_procs(left, timeout=60)
    assert not list(store.rglob("artifact.json"))
    kept = {path: path.stat().st_mtime_ns for path in store.rglob("part-*.parquet") if path.parent.name != "started"}
    assert kept
    step = do_rerank(bench, run, Folder.at(store), actors=2)
    assert "resumed: " in capfd.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert step["windows_repeated"] <= 2 * 2
    place = Place("small", "ta", "cross(base)")
    assert run.read_table(place.file).equals(reranked[0].read_table(place.file))
    whole = next((folder / "rerank").rglob("artifact.json")).parent
    for path in kept:
        assert pq.read_table(path).equals(pq.read_table(whole / path.name))
