"""The vLLM encoder, run for real: against sentence-transformers' own `encode`, and on what it must refuse."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

from patray.encoders.check import checked_unit_vectors
from patray.encoders.protocol import EncoderSettings
from patray.encoders.separate import Job, encode_separately
from patray.encoders.tokens import InputTokenizer
from patray.encoders.vllm import check_pooler, engine_arguments
from patray.errors import ModelError
from patray.models.record import ModelRecord
from patray.models.registry import find_record

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [
    "A folding brush comprising a handle.",
    "wherein the sensor " * 70,
    "",
    "Title only\n",
    "\nAn abstract without a title.",
    "wherein the sensor " * 400,
    "超音波診断装置およびその方法",
    "Приёмник ультразвука 12.5 MHz",
    "x" * 9000,
]
SETTINGS = EncoderSettings("vllm", "float32", "cpu", 1, 2048, False)
RECORD = find_record("minilm")


def job(snapshot: Path, minilm: Path, record: ModelRecord = RECORD) -> Job:
    return Job(record, snapshot, SETTINGS, InputTokenizer(record, minilm)(TEXTS, "").ids)


@pytest.fixture(scope="module")
def without_modules(minilm_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot that states no pooling: vLLM alone would take BERT's first token."""
    path = tmp_path_factory.mktemp("snapshots") / "bare"
    shutil.copytree(minilm_path, path, ignore=shutil.ignore_patterns("modules.json", "1_Pooling", "2_Normalize"))
    return path


@pytest.fixture(scope="module")
def with_head(minilm_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot with a Dense head as wide as the model, whose loss no width would show."""
    path = tmp_path_factory.mktemp("snapshots") / "head"
    shutil.copytree(minilm_path, path)
    folder = path / "2_Dense"
    folder.mkdir()
    config = {"in_features": 384, "out_features": 384, "bias": True}
    config["activation_function"] = "torch.nn.modules.activation.Tanh"
    (folder / "config.json").write_text(json.dumps(config))
    made = torch.Generator().manual_seed(3)
    weights = {"linear.weight": torch.randn(384, 384, generator=made), "linear.bias": torch.randn(384, generator=made)}
    save_file(weights, folder / "model.safetensors")
    modules = [
        module for module in json.loads((path / "modules.json").read_text()) if "Normalize" not in module["type"]
    ]
    kind = "sentence_transformers.models.Dense"
    modules.append({"idx": len(modules), "name": str(len(modules)), "path": "2_Dense", "type": kind})
    (path / "modules.json").write_text(json.dumps(modules))
    return path


@pytest.fixture(scope="module")
def found(minilm_path: Path, without_modules: Path, with_head: Path) -> dict[str, np.ndarray | ModelError]:
    """Everything that one process of the engine is asked for, since to import it takes longest."""
    headed = RECORD.model_copy(update={"dense_heads": ((384, 384),), "normalised": False})
    return encode_separately(
        {
            "plain": job(minilm_path, minilm_path),
            "again": job(minilm_path, minilm_path),
            "longer": job(minilm_path, minilm_path, RECORD.model_copy(update={"max_tokens": 512})),
            "beyond": job(
                minilm_path, minilm_path, RECORD.model_copy(update={"max_tokens": 513, "nominal_tokens": 600})
            ),
            "bare": job(without_modules, minilm_path, RECORD.model_copy(update={"ships_modules": False})),
            "head": job(with_head, minilm_path, headed),
        },
        timeout=400,
    )


def cosines(vectors: np.ndarray | ModelError, snapshot: Path, max_tokens: int = 256) -> np.ndarray:
    """Against `SentenceTransformer.encode`, which tokenises, truncates and pools by itself."""
    assert isinstance(vectors, np.ndarray), vectors
    reference = SentenceTransformer(str(snapshot), device="cpu")
    reference.max_seq_length = max_tokens
    expected = reference.encode(TEXTS, normalize_embeddings=True)
    unit = checked_unit_vectors(vectors, TEXTS, 384, "minilm")
    return np.asarray((unit.astype(np.float64) * expected).sum(axis=1))


@pytest.mark.slow
def test_vectors_equal_those_of_sentence_transformers(
    found: dict[str, np.ndarray | ModelError], minilm_path: Path
) -> None:
    assert (cosines(found["plain"], minilm_path) >= 0.9999).all()


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bits(found: dict[str, np.ndarray | ModelError]) -> None:
    assert np.array_equal(found["plain"], found["again"])


@pytest.mark.slow
def test_a_limit_above_the_snapshots_own_is_obeyed_up_to_its_positions(
    found: dict[str, np.ndarray | ModelError], minilm_path: Path
) -> None:
    assert (cosines(found["longer"], minilm_path, 512) >= 0.9999).all()
    assert (cosines(found["longer"], minilm_path, 256) < 0.9999).any()
    assert isinstance(found["beyond"], ModelError)
    assert "max_tokens 513 is above the 512 positions" in str(found["beyond"])


@pytest.mark.slow
def test_pooling_is_the_records_where_the_snapshot_states_none(
    found: dict[str, np.ndarray | ModelError], minilm_path: Path
) -> None:
    assert (cosines(found["bare"], minilm_path) >= 0.9999).all()


@pytest.mark.slow
def test_a_dense_head_is_kept(found: dict[str, np.ndarray | ModelError], with_head: Path) -> None:
    assert (cosines(found["head"], with_head) >= 0.9999).all()


@pytest.mark.slow
def test_two_ranks_give_the_same_vectors_and_the_death_of_one_is_an_engine_that_died(
    found: dict[str, np.ndarray | ModelError], minilm_path: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "inputs.npz", *job(minilm_path, minilm_path).inputs)
    script = Path(__file__).with_name("vllm_rank_death.py")
    command = [sys.executable, str(script), str(minilm_path), str(tmp_path / "inputs.npz"), str(tmp_path / "v.npy")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [list(line) for line in said] == [["ranks"], ["said"]], done.stdout + done.stderr
    assert said[0]["ranks"] == 2
    assert said[1]["said"].startswith("EngineDied: model minilm: the vLLM engine died")
    assert np.abs(np.load(tmp_path / "v.npy") - found["plain"]).max() < 1e-5


def test_the_records_facts_reach_the_engine() -> None:
    update = {"tensor_parallel": 2, "max_tokens": 100, "pooling": "last", "engine_arguments": {"max_num_seqs": 7}}
    record = RECORD.model_copy(update=update)
    on_gpu = EncoderSettings("vllm", "bfloat16", "cuda", 4, 65_536, False, gpu_share=0.5)
    arguments = engine_arguments(record, Path("/model"), on_gpu)
    asked = {
        "model": "/model",
        "runner": "pooling",
        "dtype": "bfloat16",
        "tensor_parallel_size": 2,
        "distributed_executor_backend": "mp",
        "max_model_len": 100,
        "max_num_seqs": 7,
        "max_num_batched_tokens": 65_536,
        "pooler_config": {"seq_pooling_type": "LAST"},
        "enable_prefix_caching": False,
        "enforce_eager": False,
        "gpu_memory_utilization": 0.45,
        "trust_remote_code": False,
    }
    assert {key: arguments[key] for key in asked} == asked


def test_a_batch_holds_at_least_one_text_of_full_length() -> None:
    record = RECORD.model_copy(update={"max_tokens": 8192, "nominal_tokens": 8192})
    assert engine_arguments(record, Path("/model"), SETTINGS)["max_num_batched_tokens"] == 8192


def test_an_engine_argument_that_would_change_the_vectors_behind_the_record_is_refused() -> None:
    record = RECORD.model_copy(update={"engine_arguments": {"pooler_config": {"seq_pooling_type": "CLS"}}})
    with pytest.raises(ModelError, match="may not set pooler_config"):
        engine_arguments(record, Path("/model"), SETTINGS)


@pytest.mark.parametrize(
    ("pooling", "heads", "words"),
    [
        ("LastPool", (), "pools with LastPool, the record says mean"),
        ("MeanPool", ((384, 384),), "a dropped head"),
        ("CLSPool", (), "the record says mean"),
    ],
)
def test_an_engine_that_pools_otherwise_than_the_record_is_refused(
    pooling: str, heads: tuple[tuple[int, int], ...], words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        check_pooler(RECORD, pooling, heads)


def test_a_pooler_that_shows_nothing_is_refused_for_a_model_with_dense_heads() -> None:
    check_pooler(RECORD, None, None)
    with pytest.raises(ModelError, match="does not show whether it kept the Dense heads"):
        check_pooler(RECORD.model_copy(update={"dense_heads": ((None, 384),)}), None, None)


def test_heads_may_have_an_input_width_that_the_record_does_not_know() -> None:
    check_pooler(RECORD.model_copy(update={"dense_heads": ((None, 384),)}), "MeanPool", ((768, 384),))
