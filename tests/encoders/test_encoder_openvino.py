"""OpenVINO against plain forward passes on tiny checkpoints of every make that it is given, and MiniLM in torch."""

import importlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from tiny_families import FAMILIES, Family

from patray.encoders.load import load_encoder
from patray.encoders.parity_sample import parity_sample
from patray.encoders.protocol import Encoder, EncoderSettings
from patray.encoders.reference import Reference
from patray.encoders.tokens import InputTokenizer
from patray.encoders.versions import encoder_versions
from patray.errors import ModelError
from patray.models.record import ModelRecord
from patray.models.registry import find_record

WITHOUT = "openvino is not installed: pip install 'patray[openvino]'"
TEXTS = ["A brush.", "", "wherein the sensor " * 400, "超音波診断装置およびその方法", "a claim " * 30]


def settings(dtype: str = "float32", budget: int = 512) -> EncoderSettings:
    return EncoderSettings("openvino", dtype, "cpu", 1, budget, False)


def cosines(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    return (found * wanted).sum(1) / (np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1))


def load(record: ModelRecord, folder: Path, dtype: str = "float32", budget: int = 512) -> Encoder:
    pytest.importorskip("openvino", reason=WITHOUT)
    return load_encoder(record.model_copy(update={"dtype": dtype}), folder, settings(dtype, budget))


@pytest.mark.parametrize("family", [one for one in FAMILIES if "openvino" in one.on_cpus()], ids=lambda one: one.name)
def test_every_make_agrees_with_a_plain_forward_pass(tmp_path: Path, family: Family) -> None:
    record = family.save(tmp_path)
    texts = list(parity_sample(record.max_tokens).values())
    inputs = InputTokenizer(record, tmp_path)(texts, record.prompts.document).ids
    wanted = Reference(record, tmp_path, False).encode(inputs)
    assert cosines(load(record, tmp_path).encode(inputs), wanted).min() >= 0.999999


def test_minilm_keeps_its_vectors_in_float32_and_nearly_in_bfloat16(minilm_path: Path) -> None:
    record = find_record("minilm")
    inputs = InputTokenizer(record, minilm_path)(TEXTS, "").ids
    torch = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 512, False)
    wanted = load_encoder(record, minilm_path, torch).encode(inputs)
    encoder = load(record, minilm_path)
    found = encoder.encode(inputs)
    assert cosines(found, wanted).min() >= 0.9999999
    assert np.array_equal(encoder.encode(inputs), found)
    assert np.abs(load(record, minilm_path, budget=5000).encode(inputs) - found).max() < 1e-5
    if "BF16" not in importlib.import_module("openvino").Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        with pytest.raises(ModelError, match="no instructions for bfloat16"):
            load(record, minilm_path, "bfloat16")
        return
    assert cosines(load(record, minilm_path, "bfloat16").encode(inputs), wanted).min() >= 0.99995


def test_an_input_without_tokens_has_no_vector(minilm_path: Path) -> None:
    found = load(find_record("minilm"), minilm_path).encode([np.array([], np.int32), np.array([101, 102], np.int32)])
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    assert load(find_record("minilm"), minilm_path).encode([]).shape == (0, 384)


def test_a_conversion_that_froze_a_length_is_found(minilm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    right = Pooling.forward

    def by_length(self, features, **other):
        features = right(self, features, **other)
        if features["token_embeddings"].shape[1] > 8:  # the example's length: the trace takes the other way
            features["sentence_embedding"] = features["token_embeddings"][:, 0]
        return features

    monkeypatch.setattr(Pooling, "forward", by_length)
    with pytest.raises(ModelError, match=r"converted to OpenVINO it gives other vectors .* use the engine sentence"):
        load(find_record("minilm"), minilm_path)


def test_what_it_is_not_for_is_said(minilm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = find_record("minilm")
    for dtype in ("float16", "int8"):
        with pytest.raises(ModelError, match=r"openvino does not compute in .*: set `dtype` to float32 or bfloat16"):
            load_encoder(record.model_copy(update={"dtype": dtype}), minilm_path, settings(dtype))
    with pytest.raises(ModelError, match="jina-v3 does not run on openvino"):
        load_encoder(find_record("jina-v3"), minilm_path, settings())
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match=r"openvino is not installed: pip install 'patray\[openvino\]'"):
        load_encoder(record, minilm_path, settings())


def test_its_vectors_are_known_by_its_version() -> None:
    assert {"openvino", "sentence-transformers", "torch", "transformers"} < set(encoder_versions("openvino"))
    assert "openvino" not in encoder_versions("sentence-transformers")


def test_nothing_is_warned_of(minilm_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(find_record("minilm"), minilm_path)


LOAD = """
import sys
from pathlib import Path
from patray.encoders.load import load_encoder
from patray.encoders.protocol import EncoderSettings
from patray.models.registry import find_record
load_encoder(find_record("minilm"), Path(sys.argv[1]), EncoderSettings("openvino", "float32", "cpu", 1, 512, False))
print("openvino_telemetry" in sys.modules)
"""


def test_its_maker_is_told_nothing(minilm_path: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason=WITHOUT)
    pytest.importorskip("openvino_telemetry", reason="openvino-telemetry is not installed: pip install openvino")
    home = {**os.environ, "HOME": str(tmp_path), "CI": ""}
    done = subprocess.run([sys.executable, "-c", LOAD, str(minilm_path)], env=home, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
    assert not (tmp_path / "intel").exists()  # where it keeps the number by which it knows this user
