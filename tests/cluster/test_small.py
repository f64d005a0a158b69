"""Which texts are encoded by threads of the driver's own process, and by how many."""

import joblib
import pytest

from patray.cluster.small import few_texts, workers_here
from patray.models.record import ModelRecord
from patray.models.registry import find_record
from patray.runs.suite import Actors, Embedding


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> ModelRecord:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("patray.cluster.small.is_up", lambda: False)
    return find_record("minilm")


def here(texts: int, record: ModelRecord, **options: object) -> bool:
    return few_texts(texts, record, "sentence-transformers", Embedding.model_validate(options))


@pytest.mark.parametrize(("cpus", "most"), [(1, 20_000), (4, 20_000), (5, 1000), (64, 1000)])
def test_more_texts_are_encoded_here_where_few_threads_share_the_process(
    cpus: int, most: int, record: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: cpus)
    assert here(most, record)
    assert not here(most + 1, record)


def test_the_suite_may_say_that_few_threads_encode(record: ModelRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 64)
    assert here(20_000, record, actors={"min": 1, "max": 2})
    assert here(20_000, record, threads=16)
    assert workers_here(Embedding(threads=16)) == 4
    assert workers_here(Embedding(threads=128)) == 1
    assert workers_here(Embedding(actors=Actors(min=1, max=3))) == 3


def test_a_cluster_a_gpu_or_a_large_model_need_actors(record: ModelRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    assert not here(10, record, gpus=1)
    assert not here(10, find_record("qwen3-embedding-4b"))
    assert not few_texts(10, record, "vllm", Embedding())
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert not here(10, record)
