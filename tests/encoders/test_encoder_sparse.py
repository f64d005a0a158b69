"""Sparse models: the vectors of sentence-transformers' SparseEncoder, and their durable form."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from patray.artifacts import complete
from patray.cluster.tokenizers import input_tokenizer
from patray.encoders.load import load_encoder, load_sparse_encoder
from patray.encoders.protocol import EncoderSettings
from patray.encoders.sparse_vectors import (
    SparseVectors,
    checked_sparse_vectors,
    load_sparse_vectors,
    sparse_vectors_table,
)
from patray.errors import EmbeddingError, ModelError
from patray.files import Folder
from patray.models.derive import folder_record, record_yaml
from patray.models.record import Role
from patray.models.registry import parse_record
from patray.models.resolve import find_snapshot
from patray.models.verify import compare, require_as_recorded
from tests.models.tiny_late import save_cross_encoder
from tests.models.tiny_sparse import save_sparse

SETTINGS = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 40, False)
TEXTS = ["a claim to the device", "brush", "", "a wheel " * 200, "the brush of a claim, heated"]


@pytest.mark.parametrize("inference_free", [False, True])
def test_a_folder_gives_the_vectors_of_sentence_transformers(tmp_path: Path, inference_free: bool) -> None:
    made = save_sparse(tmp_path / "made", inference_free, "log1p_relu" if inference_free else "relu")
    folder = tmp_path / "made"
    record = folder_record(folder)
    assert (record.kind, record.pooling, record.query_table) == ("sparse", "max", inference_free)
    assert record.encoding_role("query") == ("query" if inference_free else "document")
    assert compare(record, folder) == []
    assert parse_record(yaml.safe_load(record_yaml(record)), "again") == record
    encoder = load_sparse_encoder(record, folder, SETTINGS)
    roles: tuple[Role, ...] = ("document", "query")
    for role in roles:
        ids = input_tokenizer(record, find_snapshot(record, str(folder), None, False), role)(TEXTS, "")
        assert ids.truncated.tolist() == [False, False, False, True, False]
        found = encoder.encode(ids.ids, role)
        ask = made.encode_query if role == "query" else made.encode_document
        wanted = np.stack([ask([text]).to_dense().numpy()[0] for text in TEXTS])
        assert np.allclose(found.dense(record.dimension), wanted, atol=1e-5)
        terms = np.diff(found.start)
        assert 0 < terms[0] < record.dimension
        if inference_free and role == "query":
            assert terms.tolist()[:3] == [5, 1, 0]


def test_files_of_another_model_are_refused(tmp_path: Path) -> None:
    save_sparse(tmp_path / "made")
    record = folder_record(tmp_path / "made")
    for change, what in (({"pooling": "sum"}, "through the network"), ({"query_table": True}, "looked up")):
        with pytest.raises(ModelError, match=what):
            require_as_recorded(record.model_copy(update=change), tmp_path / "made")
    with pytest.raises(ModelError, match=r"99 terms.*gives"):
        require_as_recorded(record.model_copy(update={"dimension": 99}), tmp_path / "made")
    with pytest.raises(ModelError, match="is a sparse model: it makes no single vector"):
        load_encoder(record, tmp_path / "made", SETTINGS)
    save_cross_encoder(tmp_path / "cross")
    with pytest.raises(ModelError, match="is not what its record says"):
        load_sparse_encoder(record, tmp_path / "cross", SETTINGS)


def test_what_is_stored_is_what_was_made(tmp_path: Path) -> None:
    folder = Folder.at(tmp_path)
    vectors = SparseVectors(np.array([0, 2, 2, 3]), np.array([1, 4, 0], np.int32), np.array([0.5, 2, 1], np.float32))
    again = vectors.take(np.array([2, 0, 0, 1]))
    assert again.dense(5).tolist() == [[1, 0, 0, 0, 0], [0, 0.5, 0, 0, 2], [0, 0.5, 0, 0, 2], [0, 0, 0, 0, 0]]
    lengths = np.arange(4, dtype=np.int32)
    folder.write_table("a.parquet", sparse_vectors_table(list("abcd"), again, lengths, lengths > 2, {}))
    folder.write_table("b.parquet", sparse_vectors_table(list("xyz"), vectors, lengths[:3], lengths[:3] > 2, {}))
    complete(folder, {"parts": ["a.parquet", "b.parquet"]})
    ids, found = load_sparse_vectors(folder)
    assert ids.tolist() == list("abcdxyz")
    assert found.dense(5).tolist() == [*again.dense(5).tolist(), *vectors.dense(5).tolist()]


@pytest.mark.parametrize("weight", [np.nan, np.inf, 0.0, -1.0])
def test_weights_that_are_none_are_told_with_the_patent(weight: float) -> None:
    vectors = SparseVectors(np.array([0, 1, 2]), np.array([1, 4], np.int32), np.array([1, weight], np.float32))
    with pytest.raises(EmbeddingError, match=r"1 term weights .* the first for patent P2"):
        checked_sparse_vectors(vectors, ["P1", "P2"], 5, "tiny")
    good = SparseVectors(vectors.start, vectors.terms, np.ones(2, np.float32))
    with pytest.raises(EmbeddingError, match="gives term 4, its record says 4 terms"):
        checked_sparse_vectors(good, ["P1", "P2"], 4, "tiny")
    assert checked_sparse_vectors(good, ["P1", "P2"], 5, "tiny") is good
