"""Dense models with OpenVINO on a CPU: sentence-transformers' modules, converted once a worker, in float32 or bfloat16.

What is converted is the whole model (network, pooling, Dense heads) as sentence-transformers runs it, so no exporter
has to know the make. Tracing can freeze what depended on the length of its example (a sliding window, a mask), so the
converted model is compared with torch on texts of other lengths, a full one among them, before it makes a vector.

Texts are padded on the right whatever the record says, which the mask hides: of padding before a causal text OpenVINO
makes NaN (a row of attention with nothing to see), and that spreads.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.batching import padded, text_batches
from patray.encoders.certificate import cosines
from patray.encoders.protocol import EncoderSettings
from patray.encoders.sentence_transformers import check_modules, load_model, pad_token
from patray.errors import ModelError
from patray.models.record import ModelRecord, Role

TELEMETRY = "openvino_telemetry"
PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
LEAST_COSINE = {"f32": 0.99999, "bf16": 0.999}
"""Lowest cosine of a converted model's vector with torch's in float32, on texts of other lengths than its example's."""


class OpenVinoEncoder:
    """A model in OpenVINO on so many CPU threads; see the module."""

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        openvino = _openvino(record.name)
        from sentence_transformers import SentenceTransformer

        self._settings, self._dimension = settings, record.dimension
        plain = replace(settings, dtype="float32")  # OpenVINO rounds to bfloat16 itself, where it can
        model: Any = load_model(SentenceTransformer, record, snapshot, plain, own_products=False)
        check_modules(record, model)
        self._pad = pad_token(model)
        precision = PRECISIONS[settings.dtype]
        compiled = openvino.Core().compile_model(
            _converted(openvino, model),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": precision,  # the default is bfloat16 where the CPU has it
                "INFERENCE_NUM_THREADS": settings.threads,
                "NUM_STREAMS": 1,
                "ENABLE_CPU_PINNING": False,  # else the workers of a machine all take its first cores
            },
        )
        if settings.dtype == "bfloat16" and compiled.get_property("INFERENCE_PRECISION_HINT") != openvino.Type.bf16:
            raise ModelError(
                f"model {record.name}: this CPU has no instructions for bfloat16, and OpenVINO would compute in "
                "float32: set `dtype: float32` for it"
            )
        self._request = compiled.create_infer_request()
        self._compare(record, model, LEAST_COSINE[precision])

    def encode(self, inputs: Sequence[np.ndarray], role: Role = "document") -> np.ndarray:
        """Vectors (n, dimension) float32; NaN for an input without tokens."""
        vectors = np.full((len(inputs), self._dimension), np.nan, dtype=np.float32)
        for rows in text_batches(inputs, self._settings.tokens_per_batch):
            batch = padded([inputs[at] for at in rows], self._pad)
            found = self._request.infer([batch["input_ids"], batch["attention_mask"]], share_inputs=True)
            vectors[rows] = found[0]
        return vectors

    def _compare(self, record: ModelRecord, model: Any, least: float) -> None:
        """ModelError unless converted and original agree on a full text beside a short one, and on two short ones."""
        import torch

        numbers = np.random.default_rng(0)
        for lengths in ((record.max_tokens, 3), (min(37, record.max_tokens), 3)):
            batch = [numbers.integers(0, len(model.tokenizer), length).astype(np.int32) for length in lengths]
            features = {name: torch.from_numpy(array) for name, array in padded(batch, self._pad).items()}
            with torch.inference_mode():
                wanted = model(features)["sentence_embedding"].double().numpy()
            found = self.encode(batch).astype(np.float64)
            cosine = float(cosines(wanted, found).min())
            if not cosine >= least:
                raise ModelError(
                    f"model {record.name}: converted to OpenVINO it gives other vectors than in torch (cosine "
                    f"{cosine:.6f}, at least {least:g} is asked): use the engine sentence-transformers"
                )


def _openvino(model: str) -> Any:
    """The package, without the telemetry that it starts when it is imported; ModelError where it is not installed.

    OpenVINO 2026.4 reports to Google Analytics, unasked, that it is imported and what it converts, errors too, by the
    package openvino-telemetry; where that cannot be imported it does without.
    """
    telemetry = sys.modules.get(TELEMETRY)
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # so Python spells that a module is not to be found
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise ModelError(
            f"model {model}: the engine openvino is not installed: pip install 'patray[openvino]'"
        ) from error
    finally:
        del sys.modules[TELEMETRY]
        if telemetry is not None:
            sys.modules[TELEMETRY] = telemetry


def _converted(openvino: Any, model: Any) -> Any:
    """The OpenVINO model (ids, mask) -> vectors of a SentenceTransformer; both are (n, width) int64 of any size."""
    import torch

    class Whole(torch.nn.Module):
        """The model with plain tensors at both ends, as a trace needs them."""

        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList(list(model))

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            for part in self.parts:
                features = part(features)
            return features["sentence_embedding"]

    example = (torch.ones(2, 8, dtype=torch.long), torch.ones(2, 8, dtype=torch.long))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # what it freezes is found by comparing
        warnings.simplefilter("ignore", DeprecationWarning)  # of tracing, by which OpenVINO converts
        return openvino.convert_model(Whole().eval(), example_input=example, share_weights=False)
