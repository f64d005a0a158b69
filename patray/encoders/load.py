"""The one place where a model is loaded to be asked: dense, late interaction or reranker, on any engine.

Every model is checked here against its record before its weights are read, wherever its files came from (a path, a
mirror, a bucket, the hub): whether its engine may run it, whether the snapshot is what the record says, whether it
fits into memory. Nothing else makes an encoder (a test of the house).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from patray.encoders.cross_encoder import CrossScorer
from patray.encoders.kept_memory import keep_memory
from patray.encoders.late_interaction import LateEncoder
from patray.encoders.listwise import Lister, VllmLister
from patray.encoders.native import native_view
from patray.encoders.protocol import Encoder, EncoderSettings, Engine
from patray.encoders.sparse import SparseModelEncoder
from patray.errors import ModelError
from patray.models.engines import ENGINES
from patray.models.memory import require_gpu_memory, with_size
from patray.models.record import ModelRecord
from patray.models.resolve import require_runnable
from patray.models.verify import require_as_recorded

MAKES_NO = {
    "dense": "single vector of a text",
    "late-interaction": "vector of each token",
    "sparse": "weight for each term",
    "listwise": "order of texts",
    "reranker": "score of a query with a document",
}


def load_encoder(record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> Encoder:
    """Load a dense model: `load_encoder(find_record("minilm"), folder, settings).encode(ids)` gives (n, 384) float32.

    ModelError for a model of another kind, one that the engine cannot or may not run, or files that are not what the
    record says; ResourceError for a GPU that is too small.
    """
    _require(record, snapshot, settings, "dense")
    engine: Engine = ENGINES[settings.engine]
    with native_view(record, snapshot) as folder:
        return engine(record, folder, settings)


def load_late_encoder(record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> LateEncoder:
    """Load a late-interaction model, such as colbertv2. Raises as `load_encoder` does."""
    _require(record, snapshot, settings, "late-interaction")
    with native_view(record, snapshot) as folder:
        return LateEncoder(record, folder, settings)


def load_sparse_encoder(record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> SparseModelEncoder:
    """Load a sparse model, such as splade-v3. Raises as `load_encoder` does."""
    _require(record, snapshot, settings, "sparse")
    return SparseModelEncoder(record, snapshot, settings)


def load_scorer(record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> CrossScorer:
    """Load a reranker, such as bge-reranker-v2-m3. Raises as `load_encoder` does."""
    _require(record, snapshot, settings, "reranker")
    with native_view(record, snapshot) as folder:
        return CrossScorer(record, folder, settings)


def load_lister(record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> Lister:
    """Load a language model that puts texts in order. Raises as `load_encoder` does."""
    _require(record, snapshot, settings, "listwise")
    return VllmLister(record, snapshot, settings)


def device_name(settings: EncoderSettings) -> str:
    """What this worker computes on, by the name that its driver gives; `cpu` for a CPU."""
    if settings.device == "cpu":
        return "cpu"
    import torch

    return str(torch.cuda.get_device_name())


def _require(
    record: ModelRecord,
    snapshot: Path,
    settings: EncoderSettings,
    kind: Literal["dense", "late-interaction", "sparse", "reranker", "listwise"],
) -> None:
    """All that is asked of a model before anything is loaded."""
    if record.kind != kind:
        raise ModelError(f"model {record.name} is a {record.kind} model: it makes no {MAKES_NO[kind]}")
    require_runnable(record, settings.engine, settings.allow_remote_code)
    require_as_recorded(record, snapshot)
    if settings.device == "cpu":
        keep_memory()
    else:
        _require_gpu(record, snapshot, settings)


def _require_gpu(record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
    """ResourceError, before anything is loaded, when this worker's share of its GPU is too small for the model."""
    import torch

    free, whole = torch.cuda.mem_get_info()
    sized = with_size(record, snapshot).model_copy(update={"dtype": settings.dtype})
    share = min(free, int(whole * settings.gpu_share))
    require_gpu_memory(sized, settings.tokens_per_batch, share, torch.cuda.get_device_name())
