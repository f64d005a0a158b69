"""The encoder against sentence-transformers' own `encode`, which tokenises, truncates and batches by itself."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from patray.encoders.check import checked_unit_vectors
from patray.encoders.load import load_encoder
from patray.encoders.protocol import EncoderSettings
from patray.encoders.tokens import InputTokenizer
from patray.errors import EmbeddingError, ModelError
from patray.models.record import RemoteCode
from patray.models.registry import find_record

TEXTS = [
    "A folding brush comprising a handle.",
    "",
    "wherein the sensor " * 400,
    "超音波診断装置およびその方法",
    "Приёмник ультразвука 12.5 MHz",
    " leading and trailing blanks \n new line ",
    "x" * 9000,
    "claim " * 253 + "end",
]
SETTINGS = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 1024, False)


@pytest.fixture(scope="module")
def reference(minilm_path: Path) -> SentenceTransformer:
    return SentenceTransformer(str(minilm_path), device="cpu")


def test_vectors_equal_those_of_sentence_transformers(minilm_path: Path, reference: SentenceTransformer) -> None:
    record = find_record("minilm")
    inputs = InputTokenizer(record, minilm_path)(TEXTS, "")
    vectors = load_encoder(record, minilm_path, SETTINGS).encode(inputs.ids)
    vectors = checked_unit_vectors(vectors, [str(i) for i in range(len(TEXTS))], 384, "minilm")
    expected = reference.encode(TEXTS, normalize_embeddings=True)
    assert np.abs(vectors - expected).max() < 1e-6


def test_token_ids_and_truncation_equal_the_models_own_tokeniser(
    minilm_path: Path, reference: SentenceTransformer
) -> None:
    record = find_record("minilm")
    inputs = InputTokenizer(record, minilm_path)(TEXTS, "query: ")
    prompted = ["query: " + text for text in TEXTS]
    expected = reference.tokenizer(prompted, truncation=True, max_length=256)["input_ids"]
    full = reference.tokenizer(prompted, truncation=False)["input_ids"]
    assert [ids.tolist() for ids in inputs.ids] == expected
    assert inputs.truncated.tolist() == [len(ids) > 256 for ids in full]


def test_the_batch_budget_does_not_change_the_order_or_the_values(minilm_path: Path) -> None:
    record = find_record("minilm")
    inputs = InputTokenizer(record, minilm_path)(TEXTS, "").ids
    small = load_encoder(record, minilm_path, EncoderSettings("sentence-transformers", "float32", "cpu", 1, 64, False))
    large = load_encoder(
        record, minilm_path, EncoderSettings("sentence-transformers", "float32", "cpu", 1, 9999, False)
    )
    assert np.abs(small.encode(inputs) - large.encode(inputs)).max() < 1e-6


def test_an_engine_that_the_record_does_not_allow_is_refused(minilm_path: Path) -> None:
    record = find_record("minilm").model_copy(update={"engines": ("vllm",)})
    with pytest.raises(ModelError, match="does not run on sentence-transformers; its record allows vllm"):
        load_encoder(record, minilm_path, SETTINGS)


def test_remote_code_is_refused_until_the_suite_allows_it(minilm_path: Path) -> None:
    code = RemoteCode(repo="someone/code", commit="0" * 40)
    record = find_record("minilm").model_copy(update={"remote_code": code})
    with pytest.raises(ModelError, match=r"models_from\.remote_code"):
        load_encoder(record, minilm_path, SETTINGS)


def test_a_wrong_last_token_is_told(minilm_path: Path) -> None:
    record = find_record("minilm").model_copy(update={"last_token": 7})
    with pytest.raises(ModelError, match="must end with token 7 after truncation"):
        InputTokenizer(record, minilm_path)(["a brush"], "")


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (np.full((2, 3), np.nan), "NaN or infinite, the first for patent A"),
        (np.array([[1.0, 0, 0], [0, 0, 0]]), "zero, the first for patent B"),
        (np.ones((2, 4)), "its record says width 3"),
    ],
)
def test_vectors_that_are_not_usable_name_the_patent(vectors: np.ndarray, words: str) -> None:
    with pytest.raises(EmbeddingError, match=words):
        checked_unit_vectors(vectors, ["A", "B"], 3, "m")


def test_a_pooling_that_no_file_states_is_not_taken_to_be_the_mean(minilm_path: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(minilm_path, tmp_path / "bare"))
    (folder / "modules.json").unlink()
    bare = find_record("minilm").model_copy(update={"ships_modules": False, "normalised": None})
    assert load_encoder(bare, folder, SETTINGS) is not None
    with pytest.raises(ModelError, match="sentence-transformers pools by mean, the record says cls"):
        load_encoder(bare.model_copy(update={"pooling": "cls"}), folder, SETTINGS)
