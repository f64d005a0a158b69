"""Is the saved folder the model that was trained? Loaded as a stranger would, it is compared with what memory holds.

What a library writes and what it reads again are two things: a length limit, a pooling or a prompt that is lost between
them gives other vectors without any error. So every training ends here, before its result counts as whole.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from patray.encoders.parity import installed_versions
from patray.encoders.parity_sample import parity_sample
from patray.encoders.protocol import EncoderSettings
from patray.encoders.separate import Job, encode_separately
from patray.encoders.tokens import InputTokenizer
from patray.encoders.vllm import POOLING
from patray.errors import ModelError, TrainingError
from patray.models.record import ModelRecord

if TYPE_CHECKING:
    from patray.recipes.model import TunedModel
    from patray.recipes.pairs import PairSet

LEAST_COSINE = {"float32": 0.9999, "float16": 0.999, "bfloat16": 0.99}
"""Lowest cosine of a text's two vectors, by the dtype that the weights are saved in: half precision rounds them."""
OWN_TEXTS = 9
VLLM_SECONDS = 1800.0


@dataclass(frozen=True)
class Sample:
    """names, texts (prompt included), inputs: int32 token ids of each; truncated: how many; vectors (n, d) float64:
    unit, of the weights in memory before anything was merged, rounded or saved."""

    names: tuple[str, ...]
    texts: tuple[str, ...]
    inputs: tuple[np.ndarray, ...]
    truncated: int
    vectors: np.ndarray


@dataclass(frozen=True)
class Reloaded:
    """One engine's vectors against those in memory. limit: tokens that it reads; text: of the lowest cosine."""

    engine: str
    versions: str
    limit: int
    least_cosine: float
    text: str


@dataclass(frozen=True)
class ReloadCheck:
    """texts: how many; cut: how many of them at the limit; bound: the lowest cosine that passes."""

    texts: int
    cut: int
    bound: float
    engines: tuple[Reloaded, ...]

    def facts(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def take_sample(model: TunedModel, pairs: PairSet) -> Sample:
    """Two dozen texts (short, empty, of several scripts, longer than the limit, and of the training pairs, the longest
    among them) with the vectors that the model gives now."""
    import torch

    record = model.record
    prompt = record.prompts.document
    texts = parity_sample(record.max_tokens)
    own = sorted({*pairs.table["anchor"].to_pylist(), *pairs.table["positive"].to_pylist()}, key=len)
    chosen = sorted({round(at) for at in np.linspace(0, len(own) - 1, min(OWN_TEXTS, len(own)))})
    texts |= {f"text {at + 1} of {len(own)} of the pairs, by length": own[at] for at in chosen}
    tokenised = InputTokenizer(record, model.snapshot)(list(texts.values()), prompt)
    inputs = tokenised.ids
    some = [at for at, tokens in enumerate(inputs) if len(tokens)]  # a text without any token has no vector
    with torch.no_grad():
        vectors = torch.cat([model.encode([inputs[at]], None).float() for at in some]).cpu().numpy()
    names = list(texts)
    return Sample(
        tuple(names[at] for at in some),
        tuple(prompt + texts[names[at]] for at in some),
        tuple(inputs[at] for at in some),
        int(tokenised.truncated.sum()),
        _unit(vectors),
    )


def check_reload(record: ModelRecord, folder: Path, sample: Sample, device: str, in_vllm: bool) -> ReloadCheck:
    """Load `folder` by its path alone and compare the sample's vectors: by sentence-transformers, and by vLLM where the
    record allows it and it is installed. TrainingError where a limit or a vector is not that of the training."""
    bound = LEAST_COSINE[record.dtype]
    found = [_compared(record, sample, "sentence-transformers", bound, *_sentence_transformers(folder, sample, device))]
    if in_vllm and "vllm" in record.engines and record.pooling in POOLING and installed_versions("vllm") is not None:
        vectors = _vllm(record, folder, sample, device)
        found.append(_compared(record, sample, "vllm", bound, record.max_tokens, vectors))
    return ReloadCheck(len(sample.texts), sample.truncated, bound, tuple(found))


def _compared(
    record: ModelRecord, sample: Sample, engine: str, bound: float, limit: int | None, vectors: np.ndarray
) -> Reloaded:
    if limit != record.max_tokens:
        raise _not_the_same(record, engine, f"it cuts texts at {limit} tokens, the training did at {record.max_tokens}")
    if vectors.shape != sample.vectors.shape:
        raise _not_the_same(record, engine, f"its vectors have shape {vectors.shape}, not {sample.vectors.shape}")
    cosine = (_unit(vectors) * sample.vectors).sum(axis=1)
    cosine = np.where(np.isfinite(cosine), cosine, -1.0)
    worst = int(cosine.argmin())
    if cosine[worst] < bound:
        raise _not_the_same(
            record,
            engine,
            f"the cosine of its vector with the trained weights' is {cosine[worst]:.5f} for {sample.names[worst]!r}, "
            f"below {bound} ({int((cosine < bound).sum())} of {len(cosine)} texts)",
        )
    versions = installed_versions(engine) or ""
    return Reloaded(engine, versions, record.max_tokens, float(cosine[worst]), sample.names[worst])


def _not_the_same(record: ModelRecord, engine: str, what: str) -> TrainingError:
    return TrainingError(
        f"model {record.name}: the saved folder, loaded by {engine} ({installed_versions(engine)}), is not what was "
        f"trained: {what}. Nothing was published"
    )


def _sentence_transformers(folder: Path, sample: Sample, device: str) -> tuple[int | None, np.ndarray]:
    from sentence_transformers import SentenceTransformer

    model: Any = SentenceTransformer(str(folder), device=device, local_files_only=True)
    vectors = model.encode(list(sample.texts), prompt="", batch_size=4, convert_to_numpy=True, show_progress_bar=False)
    return model.max_seq_length, np.asarray(vectors, dtype=np.float32)


def _vllm(record: ModelRecord, folder: Path, sample: Sample, device: str) -> np.ndarray:
    kind = "cpu" if device == "cpu" else "cuda"
    settings = EncoderSettings("vllm", record.dtype, kind, 1, max(2048, record.max_tokens), False)
    job = Job(record, folder, settings, sample.inputs, texts=sample.texts)
    vectors = encode_separately({"reloaded": job}, VLLM_SECONDS)["reloaded"]
    if isinstance(vectors, ModelError):
        raise TrainingError(
            f"model {record.name}: the saved folder could not be checked by vLLM ({installed_versions('vllm')}): "
            f"{vectors}. Its record allows vLLM; `training.check_in_vllm: false` leaves this out"
        ) from vectors
    return vectors


def _unit(vectors: np.ndarray) -> np.ndarray:
    wide = vectors.astype(np.float64)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)
