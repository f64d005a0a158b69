"""Static models against sentence-transformers, and against model2vec's rule written as a plain loop."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from patray.cluster.tokenizers import input_tokenizer
from patray.encoders.load import load_encoder
from patray.encoders.protocol import EncoderSettings
from patray.encoders.versions import encoder_versions
from patray.errors import InputError, ModelError
from patray.models.derive import folder_record, record_yaml
from patray.models.record import ModelRecord
from patray.models.registry import parse_record
from patray.models.resolve import find_snapshot
from patray.models.verify import compare, require_as_recorded
from patray.planning.tokens import own_counter

WORDS = ["[UNK]", "a", "claim", "hair", "dryer", "nozzle", "of", "the"]
WIDTH = 6
TEXTS = ["a claim of the nozzle", "hair dryer dryer", "the unheard hair of", " ".join(["nozzle hair"] * 400)]
SETTINGS = EncoderSettings("static", "float32", "cpu", 1, 512, False)
rng = np.random.default_rng(5)
TABLE = rng.standard_normal((len(WORDS), WIDTH)).astype(np.float32)


def tokenizer() -> Tokenizer:
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def save_model2vec(folder: Path, tensors: dict[str, np.ndarray], modules: bool = True, **config: Any) -> Path:
    """What model2vec 0.10 writes."""
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": True, **config}))
    rows = [("StaticEmbedding", "."), ("Normalize", "1_Normalize")]
    listed = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (kind, path) in enumerate(rows)
    ]
    if modules:
        (folder / "modules.json").write_text(json.dumps(listed))
    return folder


def save_sentence_transformers(folder: Path, normalise: bool) -> Any:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    modules: list[Any] = [StaticEmbedding(tokenizer(), embedding_weights=TABLE)]
    made = SentenceTransformer(modules=[*modules, *([Normalize()] if normalise else [])], device="cpu")
    made.save(str(folder))
    return made


def encoded(record: ModelRecord, folder: Path, texts: list[str]) -> np.ndarray:
    snapshot = find_snapshot(record, str(folder), None, False)
    ids = input_tokenizer(record, snapshot, "document")(texts, record.prompts.document).ids
    return load_encoder(record, folder, SETTINGS).encode(ids)


@pytest.mark.parametrize("normalise", [True, False])
def test_a_folder_of_sentence_transformers_gives_its_vectors(tmp_path: Path, normalise: bool) -> None:
    made = save_sentence_transformers(tmp_path / "st", normalise)
    record = folder_record(tmp_path / "st")
    assert (record.kind, record.engines, record.dimension, record.attention) == ("dense", ("static",), WIDTH, "none")
    assert (record.normalised, record.parameters, record.max_tokens) == (normalise, TABLE.size, 1_000_000)
    assert compare(record, tmp_path / "st") == []
    assert parse_record(yaml.safe_load(record_yaml(record)), "again") == record
    found = encoded(record, tmp_path / "st", TEXTS)
    wanted = made.encode(TEXTS, normalize_embeddings=False)
    if normalise:
        found = found / np.linalg.norm(found, axis=1, keepdims=True)
    assert np.allclose(found, wanted, atol=1e-6)
    counter = own_counter(record, str(tmp_path / "st"), None, False)
    assert counter is not None
    assert counter.count(TEXTS, 1000).tolist() == [5, 3, 4, 800]


@pytest.mark.parametrize("form", ["plain", "float16", "shared rows"])
@pytest.mark.parametrize("limit", [None, 512, 7])
def test_a_folder_of_model2vec_is_read_by_its_rule(tmp_path: Path, form: str, limit: int | None) -> None:
    mapping, weights = rng.integers(0, 3, len(WORDS)), rng.random(len(WORDS)).astype(np.float32)
    tensors = {"embeddings": TABLE.astype(np.float16 if form == "float16" else np.float32)}
    rows = tensors["embeddings"].astype(np.float64)
    if form == "shared rows":
        tensors |= {"mapping": mapping, "weights": weights, "embeddings": TABLE[:3].copy()}
        rows = TABLE[:3].astype(np.float64)[mapping] * weights[:, None]
    config = {} if limit == 512 else {"max_length": limit}
    folder = save_model2vec(tmp_path / "m2v", tensors, modules=form != "float16", **config)
    record = folder_record(folder)
    assert record.max_tokens == (limit or 1_000_000)
    require_as_recorded(record, folder)
    assert compare(record, folder) == []
    found = encoded(record, folder, TEXTS)
    median = int(np.median([len(word) for word in WORDS]))
    for text, vector in zip(TEXTS, found, strict=True):
        words = (text if limit is None else text[: limit * median]).split()[:limit]
        known = [WORDS.index(word) for word in words if word in WORDS]
        assert np.allclose(vector, rows[known].mean(axis=0), atol=2e-6)


def test_the_end_of_a_text_that_is_not_read_is_counted(tmp_path: Path) -> None:
    folder = save_model2vec(tmp_path / "m2v", {"embeddings": TABLE}, max_length=7)
    record = folder_record(folder)
    found = input_tokenizer(record, find_snapshot(record, str(folder), None, False), "document")(TEXTS, "")
    assert found.truncated.tolist() == [False, False, False, True]
    assert "static" not in encoder_versions("static")


def test_no_token_gives_no_vector_and_wrong_folders_are_named(tmp_path: Path) -> None:
    folder = save_model2vec(tmp_path / "m2v", {"embeddings": TABLE})
    record = folder_record(folder)
    assert np.isnan(encoded(record, folder, ["unheard words"])).all()
    other = save_model2vec(tmp_path / "wide", {"embeddings": TABLE[:, :4].copy()})
    with pytest.raises(ModelError, match="gives 4"):
        load_encoder(record, other, SETTINGS)
    (folder / "modules.json").write_text('[{"idx": 0, "path": ""}]')
    with pytest.raises(ModelError, match="is not a list of modules with idx, path and type"):
        folder_record(folder)
    rows = [{"idx": at, "path": "", "type": f"x.{kind}"} for at, kind in enumerate(("StaticEmbedding", "Dense"))]
    (folder / "modules.json").write_text(json.dumps(rows))
    with pytest.raises(ModelError, match="followed by Dense; patray knows Normalize alone"):
        folder_record(folder)
    (other / "model.safetensors").unlink()
    with pytest.raises((InputError, ModelError), match="parameters"):
        folder_record(other)
