"""Checkpoints that bring Python code, run by classes of transformers: against forward passes written out in numpy."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import plain_forward as plain
import pytest
import torch
from tiny_families import FAMILIES, Family
from tiny_families import save_tokenizer as save_unigram
from tiny_layouts import (
    ADAPTERS,
    ALPHA,
    HEADS,
    LAYERS,
    NTK,
    NTK_THETA,
    RANK,
    THETA,
    draw,
    flash_shapes,
    read,
    read_adapter,
    save_flash_colbert,
    save_reranker,
)

from patray.encoders.late_interaction import LateTokenizer
from patray.encoders.load import load_encoder, load_late_encoder, load_scorer
from patray.encoders.native import native_view, xlm_roberta_tensors
from patray.encoders.pairs import PairTokenizer
from patray.encoders.parity_sample import parity_sample
from patray.encoders.protocol import EncoderSettings
from patray.encoders.tokens import InputTokenizer
from patray.errors import ModelError
from patray.models.record import ModelRecord, Role
from patray.models.verify import verify
from tests.models.tiny_late import cross_record, late_record

SETTINGS = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 512, False)
BY_NAME = {family.name: family for family in FAMILIES}
LEAST = 0.9999
Hidden = Callable[[plain.Tensors, np.ndarray], np.ndarray]

ORACLES: dict[str, Hidden] = {
    "gte-new": lambda t, ids: plain.gte_new(t, ids, LAYERS, HEADS, NTK_THETA, NTK),
    "gte": lambda t, ids: plain.gte_new(t, ids, LAYERS, HEADS, 160000, None, own=""),
    "nomic-moe": lambda t, ids: plain.nomic(t, ids, LAYERS, HEADS, experts=4, top=2),
    "llama-bidirectional": lambda t, ids: plain.decoder(t, ids, LAYERS, HEADS, 10000.0, causal=False),
    "qwen2-bidirectional": lambda t, ids: plain.decoder(t, ids, LAYERS, HEADS, 10000.0, causal=False),
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[ModelRecord, Path]]:
    root, done = tmp_path_factory.mktemp("native"), {}

    def make(name: str) -> tuple[ModelRecord, Path]:
        if name not in done:
            (root / name).mkdir()
            done[name] = BY_NAME[name].save(root / name), root / name
        return done[name]

    return make


def sample(record: ModelRecord, folder: Path, role: Role = "document") -> list[np.ndarray]:
    texts = list(parity_sample(record.max_tokens).values())
    return InputTokenizer(record, folder)(texts, record.prompts.of(role)).ids


def pooled(hidden: np.ndarray, record: ModelRecord, folder: Path) -> np.ndarray:
    vector = hidden.mean(axis=0) if record.pooling == "mean" else hidden[0]
    for place in range(len(record.dense_heads)):
        head = read(folder / f"{place + 2}_Dense")
        vector = head["linear.weight"] @ vector + head.get("linear.bias", 0.0)
    return vector / np.linalg.norm(vector)


def cosines(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    unit = found.astype(np.float64) / np.linalg.norm(found.astype(np.float64), axis=1, keepdims=True)
    return np.asarray((unit * expected).sum(axis=1))


@pytest.mark.parametrize("name", ORACLES)
def test_a_checkpoint_with_code_of_its_own_runs_without_it(
    made: Callable[[str], tuple[ModelRecord, Path]], name: str
) -> None:
    record, folder = made(name)
    assert verify(record, folder) == []
    inputs, tensors = sample(record, folder), read(folder)
    expected = np.stack([pooled(ORACLES[name](tensors, ids), record, folder) for ids in inputs])
    found = cosines(load_encoder(record, folder, SETTINGS).encode(inputs), expected)
    print(f"{name}: 1 - cosine at most {1 - found.min():.1e}")
    assert found.min() >= LEAST


def test_each_role_of_jina_v3_is_encoded_by_its_own_adapter(made: Callable[[str], tuple[ModelRecord, Path]]) -> None:
    record, folder = made("jina-v3")
    assert verify(record, folder) == []
    encoder, base = load_encoder(record, folder, SETTINGS), read(folder)
    roles: tuple[Role, ...] = ("query", "document", "classification", "clustering", "query")
    vectors = []
    for role in roles:
        inputs = sample(record, folder, role)
        adapter = read_adapter(folder, str(record.adapter_of(role)))
        tensors = plain.with_adapter(base, adapter, ALPHA / RANK)
        expected = np.stack(
            [pooled(plain.jina_native(tensors, ids, LAYERS, HEADS, THETA), record, folder) for ids in inputs]
        )
        found = encoder.encode(inputs, role)
        print(f"jina-v3, {role}: 1 - cosine at most {1 - cosines(found, expected).min():.1e}")
        assert cosines(found, expected).min() >= LEAST, role
        vectors.append(found)
    assert np.array_equal(vectors[0], vectors[-1])  # nothing of the roles between stays
    bare = np.stack([plain.jina_native(base, ids, LAYERS, HEADS, THETA).mean(axis=0) for ids in sample(record, folder)])
    assert cosines(vectors[1], bare / np.linalg.norm(bare, axis=1, keepdims=True)).min() < 0.99


def test_an_adapter_that_is_not_there_or_not_lora_is_a_difference(
    made: Callable[[str], tuple[ModelRecord, Path]], tmp_path: Path
) -> None:
    record, folder = made("jina-v3")
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    shutil.rmtree(copy / "separation")
    (copy / "classification/adapter_config.json").write_text(json.dumps({"peft_type": "IA3"}))
    found = [(difference.what, difference.snapshot) for difference in verify(record, copy)]
    assert found == [("adapters", "has IA3 there, or no safetensors"), ("adapters", "has no such folder")]
    with pytest.raises(ModelError, match="LoRA adapter in separation/"):
        load_encoder(record, copy, SETTINGS)
    assert set(record.adapters.values()) < set(ADAPTERS)


def test_adapters_run_in_sentence_transformers_alone(made: Callable[[str], tuple[ModelRecord, Path]]) -> None:
    record, folder = made("jina-v3")
    forced = record.model_copy(update={"engines": ("vllm",)})
    with pytest.raises(ModelError, match="which only sentence-transformers switches here"):
        load_encoder(forced, folder, EncoderSettings("vllm", "float32", "cpu", 1, 512, False))


def test_a_colbert_in_the_flash_layout_gives_the_vectors_of_its_tokens(tmp_path: Path) -> None:
    from tests.models.tiny_late import save_tokenizer

    vocabulary = len(save_tokenizer(tmp_path))
    save_flash_colbert(tmp_path, 12, vocabulary, ("[unused0]", "[unused1]"))
    record = late_record(
        architecture="HF_ColBERT", native="jina", dense_heads=[[64, 12]], expansion_attended=True, nominal_tokens=96
    )
    tensors = read(tmp_path)
    encoder = load_late_encoder(record, tmp_path, SETTINGS)
    for role in ("document", "query"):
        tokenizer = LateTokenizer(record, tmp_path, role)
        inputs = tokenizer(["a device for the user, with a sensor", "wheel"], getattr(record.prompts, role)).ids
        found = encoder.encode(inputs, role)
        for at, ids in enumerate(inputs):
            keep = np.ones(len(ids), bool)
            if role == "query":  # filled up with [MASK], which is attended
                ids = np.concatenate([ids, np.full(16 - len(ids), 4)])
                keep = np.ones(16, bool)
            else:
                keep = ~np.isin(ids, tokenizer.skipped())
            hidden = plain.flash(tensors, ids, LAYERS, HEADS, 10000.0) @ tensors["linear.weight"].T
            expected = (hidden / np.linalg.norm(hidden, axis=1, keepdims=True))[keep]
            vectors = found.take(np.array([at])).vectors.astype(np.float64)
            assert vectors.shape == expected.shape
            assert (vectors * expected).sum(axis=1).min() >= LEAST - 5e-4  # float16


def test_a_reranker_in_the_flash_layout_gives_its_logit(tmp_path: Path) -> None:
    save_unigram(tmp_path, "unigram", "<s> $A </s>")
    save_reranker(tmp_path)
    record = cross_record(architecture="XLMRobertaForSequenceClassification", native="xlm-roberta", nominal_tokens=96)
    assert [item for item in verify(record, tmp_path) if item.what not in ("max_tokens",)] == []
    scorer, tensors = load_scorer(record, tmp_path, SETTINGS), read(tmp_path)
    texts = list(parity_sample(64).values())[:6]
    pairs = PairTokenizer(record, tmp_path)(texts[:2], texts, np.array([(0, 3), (1, 2), (1, 5), (0, 0)]))
    scores = scorer.score(pairs)
    for ids, score in zip(pairs.ids, scores, strict=True):
        first = plain.flash(tensors, ids, LAYERS, HEADS, None)[0]
        expected = plain.linear(
            np.tanh(plain.linear(first, tensors, "classifier.dense")), tensors, "classifier.out_proj"
        )
        assert score == pytest.approx(expected[0], abs=1e-4)


def test_the_converted_names_are_those_of_transformers() -> None:
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    shapes = flash_shapes(98) | {"classifier.dense.weight": (64, 64), "classifier.dense.bias": (64,)}
    shapes |= {"classifier.out_proj.weight": (1, 64), "classifier.out_proj.bias": (1,)}
    found = xlm_roberta_tensors({name: torch.from_numpy(tensor) for name, tensor in draw(shapes).items()})
    config = XLMRobertaConfig(
        vocab_size=400, hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128,
        max_position_embeddings=98, type_vocab_size=1,
    )  # fmt: skip
    config.num_labels = 1
    wanted = XLMRobertaForSequenceClassification(config).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == {
        name: tuple(tensor.shape) for name, tensor in wanted.items()
    }
    with pytest.raises(ModelError, match=r"roberta\.encoder\.layers\.0\.mlp\.fc3\.weight has no place"):
        xlm_roberta_tensors({"roberta.encoder.layers.0.mlp.fc3.weight": torch.zeros(1)})


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("gte-new", {"logn_attention_scale": True}, "logn_attention_scale is True, only False is known"),
        ("gte-new", {"rope_scaling": {"type": "yarn", "factor": 2.0}}, "type is 'yarn', only 'ntk' is known"),
        ("gte-new", {"rope_theta": None}, "rope_theta is None, a number is needed"),
        ("nomic-moe", {"rotary_emb_interleaved": True}, "rotary_emb_interleaved is True"),
        ("qwen2-bidirectional", {"use_sliding_window": True}, "use_sliding_window is True"),
    ],
)
def test_a_setting_that_the_class_has_no_place_for_is_refused(
    made: Callable[[str], tuple[ModelRecord, Path]], tmp_path: Path, name: str, changes: dict[str, object], message: str
) -> None:
    record, folder = made(name)
    copy = Path(shutil.copytree(folder, tmp_path / name))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **changes}))
    with pytest.raises(ModelError, match=message), native_view(record, copy):
        pass


def test_a_view_has_no_python_and_a_module_of_the_repositorys_own_is_the_librarys(
    made: Callable[[str], tuple[ModelRecord, Path]], tmp_path: Path
) -> None:
    record, folder = made("gte-new")
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    rows = json.loads((copy / "modules.json").read_text())
    rows[0]["type"] = "custom_st.Transformer"
    (copy / "modules.json").write_text(json.dumps(rows))
    with native_view(record, copy) as view:
        assert not list(view.glob("*.py"))
        assert "auto_map" not in json.loads((view / "config.json").read_text())
        assert json.loads((view / "modules.json").read_text())[0]["type"].startswith("sentence_transformers.")
    assert not view.exists()
    rows[1]["type"] = "custom_st.Pooling"
    (copy / "modules.json").write_text(json.dumps(rows))
    with pytest.raises(ModelError, match=r"custom_st\.Pooling is code of the repository"), native_view(record, copy):
        pass


def test_a_family_name_is_a_family(made: Callable[[str], tuple[ModelRecord, Path]]) -> None:
    natives = {name for name, family in BY_NAME.items() if isinstance(family, Family) and family.record().native}
    assert natives == set(ORACLES)
