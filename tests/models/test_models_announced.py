"""Models that are known by repository and revision alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patray.cli import main
from patray.cluster.tokenizers import input_tokenizer
from patray.encoders.load import load_encoder, load_sparse_encoder
from patray.encoders.protocol import EncoderSettings
from patray.errors import InputError, ModelError
from patray.models.announced import announced, named_record
from patray.models.describe import explain_announced
from patray.models.registry import find_record, registry
from patray.models.resolve import find_snapshot
from tests.models.tiny_late import save_yes_no
from tests.models.tiny_sparse import save_sparse

SETTINGS = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 512, False)

ASKED = {
    *("embeddinggemma-2", "nemotron-3-1b", "nemotron-3-8b", "nemotron-3.5-1b", "nemotron-3.5-8b"),
    *("harrier-270m", "harrier-0.6b", "harrier-27b", "f2llm-v2-0.6b", "f2llm-v2-4b", "f2llm-v2-8b"),
    *("pplx-embed-v1-0.6b", "pplx-embed-v1-4b", "jina-v5-nano", "jina-v5-small", "granite-311m-r2", "granite-97m-r2"),
    *("denseon", "mdenseon", "gte-modernbert", "lateon", "mlateon", "pplx-embed-v2-late-0.6b", "pplx-embed-v2-late-9b"),
    *("nemotron-3.5-rerank-8b", "jina-reranker-v3.5", "kalm-reranker-v1-large", "kalm-reranker-v1-small"),
    *("kalm-reranker-v1-nano", "qwen3-reranker-4b", "qwen3-reranker-8b"),
    *("splade-v3", "opensearch-doc-v3-distill", "opensearch-doc-v3-gte", "bekko-static"),
    *("potion-base-2m", "potion-base-4m", "potion-base-8m", "potion-base-32m", "potion-retrieval-32m"),
    "potion-multilingual-128m",
}
REVISIONS = {
    "embeddinggemma-2": "914f7f89142e33e77833254d9c9b90c3cef7303b",
    "nemotron-3.5-8b": "615e74a2e37b255fb61bd4be021253860bd64e01",
    "harrier-0.6b": "f9b9dc8d367d443f2479d27aa5d8d2850c0774ee",
    "mlateon": "1a3f1d70415f80515ee4611ce3ba96ea7f5816ca",
    "jina-reranker-v3.5": "cbe7fd34449cc1a036c2959fa3c9b1deca6730ed",
}


def test_what_users_ask_for_is_known_and_nothing_is_invented() -> None:
    models = announced()
    assert set(models) >= ASKED
    assert not set(models) & set(registry())
    assert len({model.repo for model in models.values()} | {r.repo for r in registry().values()}) == len(models) + len(
        registry()
    )
    assert {name: models[name].revision for name in REVISIONS} == REVISIONS
    assert {name for name, model in models.items() if model.revision is None} == set()
    assert {name for name, model in models.items() if model.commercial is False} == {
        *("jina-v5-nano", "jina-v5-small", "jina-reranker-v3.5", "splade-v3"),
    }


def test_without_files_such_a_model_says_where_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = announced()["gte-modernbert"].model_copy(update={"revision": None})
    monkeypatch.setitem(announced(), "gte-modernbert", bare)
    with pytest.raises(ModelError, match=r"harrier-270m: only its repository \(microsoft/harrier-oss-v1-270m\)"):
        named_record("harrier-270m", None)
    assert main(["models", "mirror", "gte-modernbert", "/nowhere"]) == 1
    assert "no revision of Alibaba-NLP/gte-modernbert-base is known" in capsys.readouterr().err
    assert named_record("minilm", None) == find_record("minilm")
    with pytest.raises(ModelError, match="did you mean harrier"):
        named_record("harier-270m", None)


def test_the_list_and_the_explanation_say_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert "Known by repository and revision alone" in listed
    for name in ASKED:
        assert f"\n{name} " in listed
    assert main(["models", "nemotron-3-8b"]) == 0
    text = capsys.readouterr().out
    assert "dd9d06b1852ef836d3dc2fbd2b71a34356912759" in text
    assert "OpenMDW-1.1; commercial use: unknown" in text
    assert "NO COMMERCIAL USE" in explain_announced(announced()["jina-v5-nano"])
    assert "that of qwen3-reranker-0.6b" in explain_announced(announced()["qwen3-reranker-4b"])


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("splade-v3", {}),
        ("opensearch-doc-v3-distill", {"inference_free": True, "activation": "log1p_relu", "kind": "DistilBert"}),
    ],
)
def test_a_sparse_one_gives_the_weights_of_sentence_transformers(
    tmp_path: Path, name: str, shape: dict[str, Any]
) -> None:
    made = save_sparse(tmp_path / "made", **shape)
    record = named_record(name, str(tmp_path / "made"))
    said = announced()[name]
    assert (record.name, record.repo, record.kind, record.licence) == (name, said.repo, "sparse", said.licence)
    assert record.query_table == ("inference_free" in shape)
    encoder = load_sparse_encoder(record, tmp_path / "made", SETTINGS)
    texts = ["a claim to the device", "brush", "the brush of a claim, heated"]
    for role, ask in (("document", made.encode_document), ("query", made.encode_query)):
        snapshot = find_snapshot(record, str(tmp_path / "made"), None, False)
        found = encoder.encode(input_tokenizer(record, snapshot, role)(texts, "").ids, role)
        wanted = np.stack([ask([text]).to_dense().numpy()[0] for text in texts])
        assert np.allclose(found.dense(record.dimension), wanted, atol=1e-5)
        assert (wanted > 0).any(axis=1).all()


def test_a_static_one_is_looked_up_in_its_table(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
    from tokenizers import Tokenizer

    save_sparse(tmp_path / "words")
    words = Tokenizer.from_file(str(tmp_path / "words" / "tokenizer.json"))
    made = SentenceTransformer(modules=[StaticEmbedding(words, embedding_dim=16), Normalize()], device="cpu")
    made.save(str(tmp_path / "made"))
    record = named_record("potion-base-8m", str(tmp_path / "made"))
    assert (record.repo, record.engines, record.dimension) == ("minishlab/potion-base-8M", ("static",), 16)
    texts = ["a claim to the device", "brush"]
    snapshot = find_snapshot(record, str(tmp_path / "made"), None, False)
    ids = input_tokenizer(record, snapshot, "document")(texts, "").ids
    found = load_encoder(record, tmp_path / "made", replace(SETTINGS, engine="static")).encode(ids)
    found = found / np.linalg.norm(found, axis=1, keepdims=True)
    assert np.allclose(found, made.encode(texts), atol=1e-6)


def test_with_files_it_is_a_record(tmp_path: Path) -> None:
    save_yes_no(tmp_path)
    record = named_record("qwen3-reranker-4b", str(tmp_path))
    like = find_record("qwen3-reranker-0.6b")
    assert (record.name, record.repo, record.kind) == ("qwen3-reranker-4b", "Qwen/Qwen3-Reranker-4B", "reranker")
    assert (record.template, record.score, record.pooling) == (like.template, "yes-no", "last")
    assert (record.attention, record.dimension) == ("causal", 1)
    assert (record.revision, record.licence) == ("f16fc5d5d2b9b1d0db8280929242745d79794ef5", "Apache-2.0")
    with pytest.raises(InputError, match=r"pooling \(no modules\.json states it"):
        named_record("harrier-0.6b", str(tmp_path))
