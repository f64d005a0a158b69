"""Engines against the reference on a tiny checkpoint of every architecture family that the registry names."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from tiny_families import FAMILIES, QWEN_END, Family

from patray.cli import main
from patray.encoders import parity as parity_module
from patray.encoders.load import load_encoder
from patray.encoders.parity import (
    REFERENCE,
    Agreement,
    Parity,
    check_parity,
    compare,
    format_parity,
    installed_versions,
    runnable_engines,
)
from patray.encoders.parity_sample import parity_sample
from patray.encoders.protocol import EncoderSettings
from patray.encoders.published import format_published, published_inputs, published_scores
from patray.encoders.reference import Reference
from patray.encoders.separate import Job, encode_separately
from patray.encoders.tokens import InputTokenizer
from patray.errors import InputError, ModelError
from patray.models.parity_values import parity_values
from patray.models.record import ModelRecord
from patray.models.registry import find_record, registry
from patray.models.verify import verify

SETTINGS = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 512, True)
VLLM = EncoderSettings("vllm", "float32", "cpu", 2, 16384, True)
BY_NAME = {family.name: family for family in FAMILIES}
Made = dict[str, tuple[ModelRecord, Path]]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("families")
    found = {}
    for family in FAMILIES:
        folder = root / family.name
        folder.mkdir()
        found[family.name] = family.save(folder), folder
    return found


def sample_ids(record: ModelRecord, folder: Path) -> list[np.ndarray]:
    return InputTokenizer(record, folder)(list(parity_sample(record.max_tokens).values()), record.prompts.document).ids


def least_cosine(record: ModelRecord, folder: Path, found: np.ndarray, expected: np.ndarray) -> float:
    names = tuple(parity_sample(record.max_tokens))
    lengths = tuple(len(ids) for ids in sample_ids(record, folder))
    (agreement,) = compare(record, names, lengths, {REFERENCE: expected, "vllm": found}).agreements
    assert agreement.failed is None, agreement.failed
    return float(agreement.cosine.min())


def test_every_dense_model_of_the_registry_that_runs_has_a_tiny_family() -> None:
    dense = {name for name, record in registry().items() if record.kind == "dense" and record.engines}
    assert {name for family in FAMILIES for name in family.stands_for} == dense


@pytest.mark.parametrize(
    ("family", "name"),
    [(family, name) for family in FAMILIES for name in family.stands_for],
    ids=lambda value: str(value)[:40],
)
def test_a_family_is_built_like_the_models_that_it_stands_for(family: Family, name: str) -> None:
    tiny, real = family.record(), find_record(name)
    assert (tiny.pooling, len(tiny.dense_heads)) == (real.pooling, len(real.dense_heads))
    assert tiny.attention == real.attention or real.attention == "unknown"
    assert real.architecture is not None
    assert str(tiny.architecture).removesuffix("Model") == real.architecture.removesuffix("Model")
    assert (tiny.last_token is None) == (real.last_token is None) or name == "octen-8b"  # its last token is unknown
    assert set(real.engines) <= set(tiny.engines)
    assert tiny.ships_modules or not real.ships_modules


@pytest.mark.parametrize("name", BY_NAME)
def test_a_tiny_snapshot_is_what_its_record_says(made: Made, name: str) -> None:
    record, folder = made[name]
    assert verify(record, folder) == []


@pytest.mark.parametrize("name", BY_NAME)
def test_the_library_sees_tokens_as_the_record_says(made: Made, name: str) -> None:
    record, folder = made[name]
    assert Reference(record, folder, False).attention() == record.attention


@pytest.mark.parametrize(
    "name", [name for name, family in BY_NAME.items() if "sentence-transformers" in family.engines]
)
def test_sentence_transformers_agrees_with_the_reference(made: Made, name: str) -> None:
    record, folder = made[name]
    inputs = sample_ids(record, folder)
    expected = Reference(record, folder, False).encode(inputs)
    found = load_encoder(record, folder, SETTINGS).encode(inputs)
    assert least_cosine(record, folder, found, expected) >= 0.9999


@pytest.mark.parametrize("name", ["bert-dense-bias", "qwen3-last", "gemma3-bidirectional"])
def test_the_library_alone_agrees_from_text_to_vector(made: Made, name: str) -> None:
    """Its own tokenising, truncation, modules and prompt handling, none of them ours."""
    record, folder = made[name]
    texts = [f"{record.prompts.document}{text}" for text in parity_sample(record.max_tokens).values()]
    found = SentenceTransformer(str(folder), device="cpu").encode(texts)
    expected = Reference(record, folder, False).encode(sample_ids(record, folder))
    assert least_cosine(record, folder, found, expected) >= 0.9999


def test_the_end_token_of_qwen3_is_there_after_truncation(made: Made) -> None:
    record, folder = made["qwen3-last"]
    inputs = sample_ids(record, folder)
    assert {int(ids[-1]) for ids in inputs} == {QWEN_END}
    assert max(len(ids) for ids in inputs) == record.max_tokens


@pytest.mark.slow
def test_vllm_agrees_with_the_reference_for_every_family_that_it_runs(made: Made) -> None:
    names = [name for name, family in BY_NAME.items() if "vllm" in family.engines]
    jobs = {name: Job(*made[name], VLLM, sample_ids(*made[name])) for name in names}
    for name in ("mpnet",):  # what its record keeps from vLLM
        record, folder = made[name]
        forced = record.model_copy(update={"engines": ("vllm",)})
        jobs[name] = Job(forced, folder, VLLM, sample_ids(record, folder))
    found = encode_separately(jobs, timeout=900)
    cosines, failed = {}, {}
    for name, vectors in found.items():
        if isinstance(vectors, ModelError):
            failed[name] = str(vectors)
            continue
        record, folder = made[name]
        expected = Reference(record, folder, False).encode(jobs[name].inputs)
        cosines[name] = least_cosine(record, folder, vectors, expected)
    print(*(f"{name:<22} {cosine:.7f}" for name, cosine in cosines.items()), sep="\n")
    assert min(cosines.values()) >= 0.9999, cosines
    assert set(failed) == {"mpnet"}, failed
    assert "MPNetModel" in failed["mpnet"]
    assert len(cosines) == len(names)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("bert-mean", {"pooling": "cls"}),
        ("xlm-roberta-cls", {"pooling": "mean"}),
        ("qwen3-last", {"pooling": "mean"}),
        ("gemma3-causal", {"pooling": "mean"}),
    ],
)
def test_a_wrong_pooling_is_far_below_the_verdict(made: Made, name: str, changes: dict[str, str]) -> None:
    record, folder = made[name]
    inputs = sample_ids(record, folder)
    wrong = Reference(record.model_copy(update=changes), folder, False).encode(inputs)
    assert least_cosine(record, folder, wrong, Reference(record, folder, False).encode(inputs)) < 0.99


def test_a_lost_last_token_a_wrong_bias_and_a_rounded_vector_are_told_apart(made: Made) -> None:
    record, folder = made["bert-dense-bias"]
    inputs = sample_ids(record, folder)
    expected = Reference(record, folder, False).encode(inputs)
    short = Reference(record, folder, False).encode([ids[:-1] for ids in inputs])
    assert least_cosine(record, folder, short, expected) < 0.9999
    assert least_cosine(record, folder, expected + 0.5, expected) < 0.9999
    rounded = expected.astype(np.float16).astype(np.float32)
    assert least_cosine(record, folder, rounded, expected) >= 0.9999


def test_weights_that_the_library_would_draw_at_random_are_refused(made: Made, tmp_path: Path) -> None:
    mixed = Path(shutil.copytree(made["bert-mean"][1], tmp_path / "mixed"))
    config = json.loads((mixed / "config.json").read_text())
    (mixed / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(ModelError, match="it is another architecture"):
        Reference(made["bert-mean"][0], mixed, False)


def test_a_dense_head_that_the_record_does_not_know_is_refused(made: Made) -> None:
    record, folder = made["bert-dense"]
    with pytest.raises(ModelError, match="its record has 0 Dense heads"):
        Reference(record.model_copy(update={"dense_heads": ()}), folder, False)
    with pytest.raises(ModelError, match="the record says 64 to 32"):
        Reference(record.model_copy(update={"dense_heads": ((64, 32),)}), folder, False)


@pytest.mark.slow
def test_parity_of_a_tiny_model_by_the_command_road(made: Made) -> None:
    record, folder = made["bert-dense"]
    found = check_parity(record, folder, ["sentence-transformers"])
    assert found.agrees
    assert found.published == ()
    text = format_parity(found)
    assert "agrees: cosine least 1.0000000" in text
    assert "sentence-transformers 6." in text
    assert f"{'truncated':<{max(map(len, found.texts))}}      96" in text


def test_an_attention_that_the_record_denies_is_refused(made: Made) -> None:
    record, folder = made["gemma3-causal"]
    other = record.model_copy(update={"attention": "bidirectional"})
    with pytest.raises(ModelError, match="attention is bidirectional, but the installed transformers runs it causal"):
        Reference(other, folder, False).require_attention()
    Reference(record, folder, False).require_attention()
    Reference(record.model_copy(update={"attention": "unknown"}), folder, False).require_attention()


def test_an_engine_that_fails_is_named_and_fails_the_verdict() -> None:
    record = BY_NAME["bert-mean"].record()
    expected = np.eye(64, dtype=np.float32)[:2]
    for broken, words in (
        (ModelError("its process ended with status -9"), "FAILED: its process ended with status -9"),
        (expected[:, :32], "FAILED: model tiny-bert-mean (vllm): vectors have shape (2, 32), its record says width 64"),
        (expected * np.nan, "2 of 2 vectors are NaN or infinite, the first for patent one"),
    ):
        vectors = {REFERENCE: expected, "sentence-transformers": expected, "vllm": broken}
        found = compare(record, ("one", "two"), (3, 4), vectors)
        assert [agreement.agrees for agreement in found.agreements] == [True, False]
        assert not found.agrees
        assert words in format_parity(found)
    with pytest.raises(ModelError, match="there is no reference to compare with: no class"):
        compare(record, ("one", "two"), (3, 4), {REFERENCE: ModelError("no class"), "vllm": expected})


def test_vectors_that_differ_fail_the_verdict_and_name_the_text() -> None:
    record = BY_NAME["bert-mean"].record()
    expected = np.eye(64, dtype=np.float32)[:2]
    off = expected.copy()
    off[1, 2] = 0.02
    found = compare(record, ("one", "two"), (3, 4), {REFERENCE: expected, "vllm": off})
    assert not found.agrees
    assert found.agreements[0].cosine[0] == 1.0
    assert f"DOES NOT AGREE (below 0.9999): cosine least {1 / (1 + 0.02**2) ** 0.5:.7f} (two)" in format_parity(found)


@pytest.mark.slow
def test_a_process_that_dies_or_hangs_fails_its_own_jobs_alone(made: Made) -> None:
    record, folder = made["bert-mean"]
    inputs = sample_ids(record, folder)
    jobs = {"bad": Job(record, folder / "nowhere", SETTINGS, inputs), "good": Job(record, folder, SETTINGS, inputs)}
    found = encode_separately(jobs, timeout=120)
    assert isinstance(found["bad"], ModelError)
    assert isinstance(found["good"], np.ndarray)
    late = encode_separately({"late": jobs["good"]}, timeout=0.05)["late"]
    assert isinstance(late, ModelError)
    assert "did not end within 0 seconds" in str(late)


def test_engines_to_compare_are_those_allowed_and_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    record = BY_NAME["bert-mean"].record()
    versions = {"sentence-transformers": "1", "vllm": None, "openvino": None}
    monkeypatch.setattr(parity_module, "installed_versions", lambda engine: versions[engine])
    assert runnable_engines(record) == ["sentence-transformers"]
    with pytest.raises(InputError, match="vllm is not installed"):
        runnable_engines(record, ("vllm",))
    with pytest.raises(InputError, match="does not run on vllm; its record allows sentence-transformers"):
        runnable_engines(BY_NAME["mpnet"].record(), ("vllm",))
    alone = BY_NAME["gte-new"].record().model_copy(update={"engines": ("vllm",)})
    with pytest.raises(InputError, match="no engine to compare is installed; its record allows vllm"):
        runnable_engines(alone)
    with pytest.raises(InputError, match="its record allows none; see its notes"):
        runnable_engines(alone.model_copy(update={"engines": (), "notes": "nothing runs it"}))


def test_other_kinds_than_dense_are_refused(made: Made) -> None:
    with pytest.raises(InputError, match="is a reranker model; parity compares dense models"):
        check_parity(find_record("bge-reranker-v2-m3"), made["bert-mean"][1], ["sentence-transformers"])


@pytest.mark.slow
def test_the_packaged_minilm_agrees_and_gives_its_published_scores(
    minilm_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "parity", "minilm", "--path", str(minilm_path)]) == 0
    text = capsys.readouterr().out
    assert "0.46371 0.81205 0.72828 0.75051" in text
    engines = 1 + sum(installed_versions(engine) is not None for engine in ("vllm", "openvino"))
    assert text.count("agrees: cosine least") == engines
    assert text.count("  agrees\n") == engines


def test_scores_are_compared_with_the_published_ones(minilm_path: Path) -> None:
    record, values = find_record("minilm"), parity_values()
    inputs = published_inputs(record, InputTokenizer(record, minilm_path), values)
    vectors = load_encoder(record, minilm_path, SETTINGS).encode(inputs)
    good = published_scores(record, "sentence-transformers", vectors, values)
    assert good.agrees
    other = values.model_copy(update={"cosine": {"minilm": (0.4, 0.8, 0.7, 0.75)}})
    bad = published_scores(record, "sentence-transformers", vectors, other)
    assert not bad.agrees
    assert format_published((bad,))[-1].endswith("DOES NOT AGREE (beyond 1% and 0.005)")
    agreeing = Agreement("sentence-transformers", "6", np.ones(1), np.zeros(1))
    assert Parity("minilm", ("one",), (3,), "", (agreeing,), (good,)).agrees
    assert not Parity("minilm", ("one",), (3,), "", (agreeing,), (good, bad)).agrees
    assert published_inputs(find_record("paecter"), InputTokenizer(record, minilm_path), values) == []


def test_the_published_scores_are_of_registered_models_and_one_a_document() -> None:
    values = parity_values()
    for kind, scores in (("dense", values.cosine), ("reranker", values.score), ("late-interaction", values.maxsim)):
        assert {find_record(name).kind for name in scores} == {kind}
        assert {len(numbers) for numbers in scores.values()} == {len(values.documents)}
    assert hashlib.sha256("\n".join(values.documents).encode()).hexdigest() == values.documents_sha256


def test_the_sample_has_texts_of_every_kind() -> None:
    sample = parity_sample(512)
    assert sample["no text"] == ""
    assert sample["empty section"].endswith("\n")
    assert sample["blanks at both ends"] != sample["blanks at both ends"].strip()
    assert "{query}" in sample["braces"]
    assert len(sample["truncated"]) > 512 * 8
    assert {ord(sample[name][0]) > 0x300 for name in ("Chinese", "Japanese", "Korean", "Russian", "Arabic")} == {True}
