"""What an engine must do: the contract alone. An engine is one file that implements it; `load.py` makes one ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from patray.models.engines import Engine as EngineName
from patray.models.record import ModelRecord, Role


@dataclass(frozen=True)
class EncoderSettings:
    """How to run a model on one worker. None of these decides a vector except `dtype` and `engine`.

    device: `cpu` or `cuda`. threads: CPU threads of one actor, fixed so that vectors do not depend on the machine's
    load. tokens_per_batch: padded tokens of one forward pass. gpu_share: of one GPU's memory, for this worker.
    """

    engine: EngineName
    dtype: str
    device: str
    threads: int
    tokens_per_batch: int
    allow_remote_code: bool
    gpu_share: float = 1.0


class EngineDied(Exception):
    """The engine behind an encoder is gone; the inputs may be at no fault. A new worker must do them again."""


class Encoder(Protocol):
    """Encodes inputs that were rendered, prompted, tokenised and truncated before."""

    def encode(self, inputs: Sequence[np.ndarray], role: Role = "document") -> np.ndarray:
        """Token ids, one int32 array an input, to (n, dimension) float32, in the order given, not normalised again.

        role: whose adapter encodes them, where the model has one for each; others take no notice of it.

        Batches are composed from the inputs alone, so the same inputs give the same bits on the same kind of machine.
        """
        ...


class Engine(Protocol):
    """Makes an encoder of a model ready: a class that takes these three is an engine, as a function is.

    snapshot: a folder that was checked against the record. Of another package, it is found by its entry point
    `patray.engines`, and a record's `engines` names it.
    """

    def __call__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> Encoder: ...
