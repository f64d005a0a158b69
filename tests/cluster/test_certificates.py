"""Artifacts of other versions: compared before they are used, refused where they are other vectors, made again."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patray.artifacts import SEALS
from patray.cluster.embed import Means, embed
from patray.encoders.token_vectors import load_token_vectors, token_vectors_table
from patray.encoders.vectors import STATS, load_vectors, part_names
from patray.encoders.versions import ENCODERS, encoder_versions
from patray.errors import EmbeddingError
from patray.files import Folder
from patray.models.registry import find_record
from patray.models.resolve import Snapshot
from patray.seals import seal_of
from patray.steps.embed import EmbedStep
from patray.steps.texts import Texts
from tests.cluster.test_late_and_rerank import Bench, do_rerank, embed_late, make_bench, options, save_base

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_ray")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def bench(folder: Path, small_landscape: Path, without_ray: None) -> Bench:
    return make_bench(small_landscape, folder)


@pytest.fixture(scope="module")
def embed_dense(bench: Bench, minilm_path: Path) -> Callable[..., tuple[Folder, dict[str, Any]]]:

    record = find_record("minilm").model_copy(update={"name": "tiny", "max_tokens": 24})  # so that a text costs little
    texts = Texts(bench.index, ~bench.index.external)
    step = EmbedStep(
        "small", bench.prepared, bench.view, texts, "tiny", record, "sentence-transformers", "document",
        "made for this test",
    )  # fmt: skip

    def run(store: Folder, again: str | None = None) -> tuple[Folder, dict[str, Any]]:
        return embed([step], Means(Snapshot(str(minilm_path), "path"), options(), False, again), store)[0]

    return run


def plant(artifact: Folder, **versions: str) -> None:
    """Other versions in the record and in every part, as an earlier run would have left them."""
    record = artifact.read_json("artifact.json")
    then = {**record["versions"], **versions}
    artifact.write_json("artifact.json", {**record, "versions": then})
    for name in part_names(artifact):
        rewrite(artifact, name, lambda table: table, versions=then)


def rewrite(artifact: Folder, name: str, change: Callable[[pa.Table], pa.Table], **stats: Any) -> None:
    path = Path(artifact.uri) / name
    table = pq.read_table(path)
    found = {**json.loads(table.schema.metadata[STATS]), **stats}
    pq.write_table(change(table).replace_schema_metadata({STATS: json.dumps(found).encode()}), path)
    reseal(artifact, name)


def reseal(artifact: Folder, name: str) -> None:
    """Other versions wrote these very bytes: they are no damage."""
    if artifact.exists("artifact.json"):
        path, record = Path(artifact.uri) / name, artifact.read_json("artifact.json")
        seal = dataclasses.replace(seal_of(path.read_bytes()), rows=pq.read_metadata(path).num_rows)
        artifact.write_json("artifact.json", {**record, SEALS: {**record[SEALS], name: seal.as_json()}})


def exchanged(table: pa.Table) -> pa.Table:
    """Every text with the vector of the one before it."""
    column = "vector" if "vector" in table.column_names else "score"
    at = table.column_names.index(column)
    order = pa.array(np.roll(np.arange(table.num_rows), 1))
    return table.set_column(at, table.schema.field(column), table[column].take(order))


def test_right_vectors_of_other_versions_are_used_with_a_certificate_and_compared_once(
    embed_dense: Callable[..., tuple[Folder, dict[str, Any]]], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = Folder.at(folder / "right").make()
    artifact, first = embed_dense(store)
    assert (first["origin"], first["certificate"], first["reused"]) == ("embedded", None, False)
    assert artifact.read_json("artifact.json")["versions"] == encoder_versions("sentence-transformers")
    assert embed_dense(store)[1]["origin"] == "reused"
    before = load_vectors(artifact)[1]
    plant(artifact, torch="1.0.0")
    for _ in range(2):
        again, step = embed_dense(store)
        found = step["certificate"]
        assert (again, step["origin"], step["reused"], step["seconds"]) == (artifact, "certified", True, 0.0)
        assert found["then"]["torch"] == "1.0.0"
        assert found["now"] == encoder_versions("sentence-transformers")
        assert (found["compared"], found["neighbours_changed"], found["agrees"]) == (96, 0, True)
        assert found["lowest_cosine"] > 0.999999
    assert np.array_equal(load_vectors(artifact)[1], before)
    assert capfd.readouterr().err.count("96 of their texts are encoded again and compared") == 1
    assert not (store / "certifying").list()
    record = artifact.read_json("artifact.json")
    artifact.write_json("artifact.json", {key: value for key, value in record.items() if key != "versions"})
    assert embed_dense(store)[1]["certificate"]["then"] == {}, "a record without versions is one of other versions"


def test_wrong_vectors_of_other_versions_are_refused_until_they_are_made_again(
    embed_dense: Callable[..., tuple[Folder, dict[str, Any]]], folder: Path
) -> None:
    store = Folder.at(folder / "wrong").make()
    artifact, _ = embed_dense(store)
    right = load_vectors(artifact)[1]
    plant(artifact, torch="1.0.0", **{ENCODERS: "older"})
    lost = part_names(artifact)[1]
    rewrite(artifact, lost, exchanged)
    for _ in range(2):
        with pytest.raises(
            EmbeddingError, match=r"tiny \(small/ta, document\), made with .*torch 1\.0\.0 -> "
        ) as error:
            embed_dense(store)
        assert "`patray run SUITE --reembed`, or go back to what made them (torch==1.0.0)" in str(error.value)
    again, step = embed_dense(store, "mark")
    assert (again, step["origin"], step["certificate"]) == (artifact, "embedded", None)
    assert np.array_equal(load_vectors(artifact)[1], right)
    assert embed_dense(store, "mark")[1]["origin"] == "reused", "what bears the mark is not made a second time"
    assert embed_dense(store)[1]["origin"] == "reused"


def test_a_stopped_step_goes_on_after_an_upgrade_with_what_agrees_and_not_with_what_does_not(
    embed_dense: Callable[..., tuple[Folder, dict[str, Any]]], folder: Path
) -> None:
    store = Folder.at(folder / "stopped").make()
    artifact, _ = embed_dense(store)
    right = load_vectors(artifact)[1]
    plant(artifact, torch="1.0.0")
    names = part_names(artifact)
    artifact.delete("artifact.json")
    artifact.delete(names[0])
    step = embed_dense(store)[1]
    assert (step["origin"], step["certificate"]["then"]["torch"]) == ("embedded", "1.0.0")
    record = artifact.read_json("artifact.json")
    assert record["versions"] == encoder_versions("sentence-transformers")
    assert record["certificates"] == [step["certificate"]]
    assert np.array_equal(load_vectors(artifact)[1], right)
    artifact.delete("artifact.json")
    artifact.delete(names[0])
    plant_part = {**record["versions"], "torch": "0.9"}
    rewrite(artifact, names[1], exchanged, versions=plant_part)
    with pytest.raises(EmbeddingError, match=r"torch 0\.9 and 1\.0\.0 -> |torch 0\.9 -> "):
        embed_dense(store)


def test_token_vectors_of_other_versions_are_compared_too(bench: Bench, folder: Path) -> None:
    store = Folder.at(folder / "late").make()
    documents, queries, _ = embed_late(bench, store)
    for artifact in (documents, queries):
        plant(artifact, transformers="4.0.0")
    steps = embed_late(bench, store)[2]
    assert [step["origin"] for step in steps] == ["certified", "certified"]
    assert all(step["certificate"]["lowest_cosine"] > 0.9999 for step in steps)
    plant(documents, transformers="4.1.0")
    name = part_names(documents)[0]
    ids, tokens = load_token_vectors(documents, [name])
    path = Path(documents.uri) / name
    old = pq.read_table(path)
    stats = json.loads(old.schema.metadata[STATS])
    tokens_of, truncated = (old[key].to_numpy() for key in ("tokens", "truncated"))
    turned = tokens.take(np.arange(len(ids))[::-1])
    pq.write_table(token_vectors_table(ids.tolist(), turned, tokens_of, truncated, stats), path)
    reseal(documents, name)
    with pytest.raises(EmbeddingError, match=r"colbert \(small/ta, document\), made with transformers 4\.1\.0 -> "):
        embed_late(bench, store)


def test_scores_of_other_versions_are_compared_too(bench: Bench, folder: Path) -> None:
    run, store = Folder.at(folder / "run-scores"), Folder.at(folder / "scores").make()
    save_base(bench, run)
    assert do_rerank(bench, run, store, depth=8)["origin"] == "embedded"
    artifact = Folder.at(next(Path(store.uri).rglob("artifact.json")).parent)
    plant(artifact, transformers="4.0.0")
    run.delete("rankings/small/ta/cross(base).parquet")
    step = do_rerank(bench, run, store, depth=8)
    assert (step["origin"], step["certificate"]["compared"]) == ("certified", 127), "one of the queries has 7 results"
    assert step["certificate"]["largest_difference"] < 1e-4
    plant(artifact, transformers="4.1.0")
    for name in part_names(artifact):
        rewrite(artifact, name, exchanged)
    run.delete("rankings/small/ta/cross(base).parquet")
    with pytest.raises(EmbeddingError, match=r"cross\(base\) \(small/ta\), made with transformers 4\.1\.0 -> "):
        do_rerank(bench, run, store, depth=8)
