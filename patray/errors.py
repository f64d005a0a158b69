"""Errors a user can act on. The command prints their message alone; anything else is a bug and shows its traceback."""

from __future__ import annotations

import traceback
from pathlib import Path


class PatrayError(Exception):
    """Base of every error whose message says what was wrong, where, and what is allowed. status: of the command."""

    status = 1


class InputError(PatrayError):
    """A file, row or key that patray was given is wrong."""


class UnplacedError(InputError):
    """Something given is wrong, found where nobody knows of which system, landscape and view it is; whoever does says
    so. row: of the query, patent or text, -1 where it is of none."""

    def __init__(self, message: str, row: int = -1) -> None:
        super().__init__(message)
        self.row = row


class DamagedError(InputError):
    """A file that patray wrote is missing, cut short, altered or exchanged; the message begins with its name."""


class DroppedError(InputError):
    """So many rows of a source could not be used that what is left is not the source."""

    status = 5


class ResourceError(PatrayError):
    """The machine, cluster or storage cannot do what was asked (no such GPU, no space, not writable)."""


class WorkerDiedError(ResourceError):
    """A worker's process or its node died oftener than its work is tried again."""


class LostNodeError(ResourceError):
    """Nothing goes on in a step since a node of the cluster was lost: what is done is kept."""


class ModelError(PatrayError):
    """A model is unknown, missing, or its files contradict its record."""


class EmbeddingError(PatrayError):
    """An encoder returned something that is not a usable vector."""


class ConflictError(PatrayError):
    """A run or artifact of that name exists with different content."""


class TrainingError(PatrayError):
    """A training cannot go on, or what it left is not whole."""


def raised(error: BaseException) -> str:
    """What a function that was called here raised, and its line: `ValueError: no such thing (mine.py, line 7)`."""
    return f"{type(error).__name__}: {error}{raised_at(error)}"


def raised_at(error: BaseException) -> str:
    """The line of a function that was called here at which it failed: ` (mine.py, line 7)`."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    return f" ({Path(frames[0].filename).name}, line {frames[0].lineno})" if frames else ""
