"""Engines on a CPU take no pages anew for each batch, whatever the process freed before they came."""

import ctypes
import platform
import resource
from pathlib import Path

import pytest

from patray.encoders.kept_memory import M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
from patray.encoders.load import load_encoder
from patray.encoders.protocol import EncoderSettings
from patray.encoders.tokens import InputTokenizer
from patray.models.registry import find_record


def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the thresholds are those of glibc")
@pytest.mark.parametrize(("engine", "dtype"), [("sentence-transformers", "float32"), ("ctranslate2", "int8")])
def test_batches_get_their_memory_from_the_process_whatever_it_freed_before(
    minilm_path: Path, engine: str, dtype: str
) -> None:
    if engine == "ctranslate2":
        pytest.importorskip("ctranslate2", reason="ctranslate2 is not installed: pip install 'patray[ctranslate2]'")
    record = find_record("minilm").model_copy(update={"dtype": dtype})
    inputs = InputTokenizer(record, minilm_path)([f"a claim {at} " * 60 for at in range(16)], "").ids
    for parameter in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        assert ctypes.CDLL(None).mallopt(parameter, 200_000)  # as in a process that freed nothing larger
    encoder = load_encoder(record, minilm_path, EncoderSettings(engine, dtype, "cpu", 1, 512, False))
    encoder.encode(inputs)
    before = faults()
    for _ in range(3):
        encoder.encode(inputs)
    states = sum(map(len, inputs)) * record.dimension * 4 // resource.getpagesize()
    assert faults() - before < states, f"{faults() - before:,} pages anew; the states of one layer fill {states:,}"
