"""CTranslate2 against torch: the conversion itself, what int8 leaves of it, and what is refused."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_families import FAMILIES, Family

from patray.encoders.load import load_encoder
from patray.encoders.parity import runnable_engines
from patray.encoders.parity_sample import parity_sample
from patray.encoders.protocol import EncoderSettings
from patray.encoders.reference import Reference
from patray.encoders.tokens import InputTokenizer
from patray.encoders.versions import encoder_versions
from patray.errors import InputError, ModelError
from patray.models.record import ModelRecord
from patray.models.registry import find_record

WITHOUT = "ctranslate2 is not installed: pip install 'patray[ctranslate2]'"
SETTINGS = EncoderSettings("ctranslate2", "int8", "cpu", 1, 512, False)
TEXTS = ["A brush.", "", "wherein the sensor " * 400, "超音波診断装置およびその方法", "a claim " * 30]


def cosines(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    return (found * wanted).sum(1) / (np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1))


def load(record: ModelRecord, folder: Path) -> Any:
    pytest.importorskip("ctranslate2", reason=WITHOUT)
    return load_encoder(record.model_copy(update={"dtype": "int8"}), folder, SETTINGS)


@pytest.mark.parametrize(
    "family", [one for one in FAMILIES if "ctranslate2" in one.on_cpus()], ids=lambda one: one.name
)  # fmt: skip
def test_a_make_is_converted_exactly_and_int8_is_all_that_differs(
    tmp_path: Path, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = family.save(tmp_path)
    texts = list(parity_sample(record.max_tokens).values())
    inputs = InputTokenizer(record, tmp_path)(texts, record.prompts.document).ids
    wanted = Reference(record, tmp_path, False).encode(inputs)
    rounded = cosines(load(record, tmp_path).encode(inputs), wanted)
    assert 0.9 < rounded.min() < 0.99999
    from patray.encoders.ctranslate2 import CTranslate2Encoder

    opened = CTranslate2Encoder._open
    monkeypatch.setattr(CTranslate2Encoder, "_open", lambda self, folder, kind: opened(self, folder, "float32"))
    assert cosines(load(record, tmp_path).encode(inputs), wanted).min() >= 0.999999


def test_minilm_in_int8_stays_near_its_vectors_and_gives_the_same_bits_again(minilm_path: Path) -> None:
    record = find_record("minilm")
    inputs = InputTokenizer(record, minilm_path)(TEXTS, "").ids
    torch = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 512, False)
    wanted = load_encoder(record, minilm_path, torch).encode(inputs)
    encoder = load(record, minilm_path)
    found = encoder.encode(inputs)
    assert 0.98 <= cosines(found, wanted).min() < 0.99999
    assert np.array_equal(encoder.encode(inputs), found)
    assert np.isnan(encoder.encode([np.array([], np.int32)])).all()
    assert encoder.encode([]).shape == (0, 384)


def test_what_it_is_not_for_is_said(tmp_path: Path, minilm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = find_record("minilm")
    with pytest.raises(ModelError, match="ctranslate2 does not compute in float32: set `dtype` to int8"):
        load_encoder(record, minilm_path, SETTINGS)
    for engine in ("sentence-transformers", "vllm", "openvino"):
        with pytest.raises(ModelError, match=f"{engine} does not compute in int8"):
            load_encoder(
                record.model_copy(update={"dtype": "int8"}),
                minilm_path,
                EncoderSettings(engine, "int8", "cpu", 1, 512, False),
            )
    with pytest.raises(InputError, match="ctranslate2 is not compared in float32"):
        runnable_engines(record, ("ctranslate2",))
    [mpnet] = [one for one in FAMILIES if one.name == "mpnet"]
    forced = mpnet.save(tmp_path).model_copy(update={"engines": ("ctranslate2",)})
    with pytest.raises(ModelError, match="BERT and XLM-RoBERTa with gelu or relu in CTranslate2, this is mpnet"):
        load(forced, tmp_path)
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    with pytest.raises(ModelError, match=r"ctranslate2 is not installed: pip install 'patray\[ctranslate2\]'"):
        load_encoder(record.model_copy(update={"dtype": "int8"}), minilm_path, SETTINGS)


def test_a_conversion_that_computes_something_else_is_refused(
    minilm_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ctranslate2", reason=WITHOUT)
    monkeypatch.setattr("patray.encoders.ctranslate2._norm", _without_scale)
    with pytest.raises(ModelError, match=r"converted to CTranslate2 it computes something else than in torch"):
        load(find_record("minilm"), minilm_path)


def _without_scale(spec: Any, layer: Any) -> None:
    spec.gamma, spec.beta = np.ones_like(layer.weight.detach().numpy()), layer.bias.detach().numpy()


def test_its_vectors_are_known_by_its_version() -> None:
    assert {"ctranslate2", "sentence-transformers", "torch", "transformers"} < set(encoder_versions("ctranslate2"))
