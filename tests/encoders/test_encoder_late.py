"""Token vectors against MultiVectorEncoder's own encode, and the mistakes that silently ruin a ColBERT."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patray.artifacts import complete
from patray.encoders.late_interaction import LateTokenizer
from patray.encoders.load import load_encoder, load_late_encoder, load_scorer
from patray.encoders.protocol import EncoderSettings
from patray.encoders.token_vectors import (
    TokenVectors,
    checked_token_vectors,
    concatenate,
    load_token_vectors,
    token_vectors_table,
)
from patray.errors import EmbeddingError, ModelError
from patray.files import Folder
from patray.models.resolve import require_runnable
from tests.models.tiny_late import DIMENSION, late_record, save_colbert, save_stanford_colbert

TEXTS = [
    "A folding brush, comprising: a handle; and (optionally) a wheel.",
    "",
    "the sensor of the device, " * 30,
    "超音波診断装置およびその方法",
    " Leading blanks \n new line [unused0] 12.5 MHz",
    "claim",
    "...",
]
SETTINGS = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 128, False)
VARIANTS = [(False, True, "stanford"), (True, True, "stanford"), (False, False, "stanford"), (False, True, "modules")]


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda variant: "-".join(map(str, variant)))
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    attend, punctuation, form = request.param
    save = save_stanford_colbert if form == "stanford" else save_colbert
    folder = save(tmp_path_factory.mktemp("colbert") / "model", attend, punctuation)
    return folder, late_record(expansion_attended=attend, punctuation_skipped=punctuation)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_stanford_colbert(tmp_path_factory.mktemp("plain") / "model")


def encode(
    folder: Path, record: Any, texts: list[str], role: Any, settings: EncoderSettings = SETTINGS
) -> TokenVectors:
    ids = LateTokenizer(record, folder, role)(texts, record.prompts.of(role)).ids
    return load_late_encoder(record, folder, settings).encode(ids, role)


@pytest.mark.parametrize("role", ["query", "document"])
def test_token_vectors_equal_those_of_multi_vector_encoder(checkpoint: tuple[Path, Any], role: Any) -> None:
    from sentence_transformers import MultiVectorEncoder

    folder, record = checkpoint
    reference = MultiVectorEncoder(str(folder), device="cpu", local_files_only=True)
    own = reference.encode_query if role == "query" else reference.encode_document
    expected = own(TEXTS, convert_to_numpy=True)
    found = encode(folder, record, TEXTS, role)
    assert found.counts.tolist() == [len(vectors) for vectors in expected]
    for at, vectors in enumerate(expected):
        mine = found.vectors[found.start[at] : found.start[at + 1]].astype(np.float32)
        assert np.abs(mine - vectors).max() < 1e-3  # half a unit of float16 below 1


def test_every_query_has_the_query_length_and_documents_have_no_vector_for_punctuation(plain: Path) -> None:
    record = late_record()
    queries = encode(plain, record, TEXTS, "query")
    assert queries.counts.tolist() == [16] * len(TEXTS)
    documents = encode(plain, record, ["claim", "claim . , ; ( )", "..."], "document")
    assert documents.counts.tolist() == [4, 4, 3]  # [CLS], the marker, claim, [SEP]


def test_attention_to_the_expansion_changes_the_vectors(plain: Path, tmp_path: Path) -> None:
    attended = save_stanford_colbert(tmp_path / "attended", attend=True)
    first = encode(plain, late_record(), ["claim"], "query")
    second = encode(attended, late_record(expansion_attended=True), ["claim"], "query")
    assert np.abs(first.vectors[:3].astype(np.float32) - second.vectors[:3]).max() > 0.05


def test_the_marker_is_one_token_and_is_found_right_behind_the_first(plain: Path) -> None:
    record = late_record()
    for role, marker in (("query", 5), ("document", 6)):
        ids = LateTokenizer(record, plain, role)(["the wheel"], record.prompts.of(role)).ids[0]
        assert ids[1] == marker
        assert len(ids) == 5


def test_texts_are_cut_to_the_length_of_their_role_and_that_is_told(plain: Path) -> None:
    record = late_record()
    for role, limit in (("query", 16), ("document", 40)):
        found = LateTokenizer(record, plain, role)(["claim " * 200, "claim"], record.prompts.of(role))
        assert [len(ids) for ids in found.ids] == [limit, 4]
        assert found.truncated.tolist() == [True, False]


def test_a_marker_that_the_tokenizer_does_not_know_is_refused(plain: Path) -> None:
    prompts = {"document": "[DocumentMarker]", "query": "[QueryMarker]", "origin": "test"}
    with pytest.raises(ModelError, match=r"'\[QueryMarker\]' is no token of its tokenizer \(it falls apart into \[ "):
        LateTokenizer(late_record(prompts=prompts), plain, "query")


def test_batches_do_not_change_the_vectors(plain: Path) -> None:
    small = encode(
        plain,
        late_record(),
        TEXTS,
        "document",
        EncoderSettings("sentence-transformers", "float32", "cpu", 1, 16, False),
    )
    large = encode(
        plain,
        late_record(),
        TEXTS,
        "document",
        EncoderSettings("sentence-transformers", "float32", "cpu", 1, 9999, False),
    )
    assert np.abs(small.vectors.astype(np.float32) - large.vectors).max() < 1e-3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"expansion_attended": True}, "query expansion is attended .* its checkpoint has .*'attend': False"),
        ({"expansion_attended": None}, "its checkpoint expands queries, but its record says expansion_attended: null"),
        ({"punctuation_skipped": False}, "record says punctuation_skipped: false, its checkpoint skips 32 marks"),
    ],
)
def test_a_record_that_contradicts_the_checkpoint_is_refused(plain: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_late_encoder(late_record(**changes), plain, SETTINGS)


def test_a_plain_encoder_is_refused_since_its_projection_would_be_made_up(plain: Path, tmp_path: Path) -> None:
    for file in plain.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["BertModel"]}))
    with pytest.raises(ModelError, match=r"projection: .* snapshot has none \(config.json names BertModel and"):
        load_late_encoder(late_record(), tmp_path, SETTINGS)


def test_what_cannot_run_is_refused_before_anything_is_loaded(plain: Path) -> None:
    with pytest.raises(ModelError, match="late-interaction model with sentence-transformers"):
        require_runnable(late_record(engines=["vllm"]), "vllm", False)
    with pytest.raises(ModelError, match="makes no single vector of a text"):
        load_encoder(late_record(), plain, SETTINGS)
    with pytest.raises(ModelError, match="makes no score of a query with a document"):
        load_scorer(late_record(), plain, SETTINGS)
    with pytest.raises(ModelError, match="no commit has been verified"):
        require_runnable(late_record(remote_code={"repo": None, "commit": None}), "sentence-transformers", True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dense_heads": [[16, 13]], "dimension": 13}, "Dense heads: the record says 16 to 13, the snapshot has 16 to"),
        ({"attention": "causal"}, "attention: the record says causal, the snapshot is bidirectional"),
    ],
)
def test_files_that_are_not_what_the_record_says_are_refused(plain: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load_late_encoder(late_record(**changes), plain, SETTINGS)


def unit(rows: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def test_saved_token_vectors_are_read_back_with_the_same_bits(tmp_path: Path) -> None:
    folder = Folder.at(tmp_path).make()
    parts = [TokenVectors(np.array([0, 3, 4]), unit(4)), TokenVectors(np.array([0, 5]), unit(5, 1))]
    seals = {}
    for at, (part, ids) in enumerate(zip(parts, (["p1", "p2"], ["p3"]), strict=True)):
        stats = {"patent_vectors": len(part.vectors)}
        table = token_vectors_table(ids, part, part.counts, np.zeros(len(ids), bool), stats)
        seals[f"part-{at}.parquet"] = folder.write_table(f"part-{at}.parquet", table)
    complete(folder, {"parts": [*seals]}, seals)
    found_ids, found = load_token_vectors(folder)
    expected = concatenate(parts)
    assert found_ids.tolist() == ["p1", "p2", "p3"]
    np.testing.assert_array_equal(found.start, expected.start)
    np.testing.assert_array_equal(found.vectors.view(np.uint16), expected.vectors.view(np.uint16))
    again = found.take(np.array([2, 0, 0]))
    np.testing.assert_array_equal(again.vectors, np.concatenate([parts[1].vectors, *[parts[0].vectors[:3]] * 2]))


def test_unusable_token_vectors_name_the_patent() -> None:
    for value in (np.nan, np.inf, 0.0):
        vectors = unit(4)
        vectors[3] = value
        with pytest.raises(EmbeddingError, match=r"1 of 4 token vectors are NaN, infinite or zero, .* patent p2"):
            checked_token_vectors(TokenVectors(np.array([0, 3, 4]), vectors), ["p1", "p2"], DIMENSION, "tiny")
    with pytest.raises(EmbeddingError, match="no token of patent p2 has a vector"):
        checked_token_vectors(TokenVectors(np.array([0, 4, 4]), unit(4)), ["p1", "p2"], DIMENSION, "tiny")
    with pytest.raises(EmbeddingError, match="its record says width 7"):
        checked_token_vectors(TokenVectors(np.array([0, 4]), unit(4)), ["p1"], 7, "tiny")
