"""What decides the weights of a tuned model, as plain values for a hash."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa

from patray.models.identity import training_facts
from patray.models.record import ModelRecord
from patray.recipes.model import lora_of
from patray.recipes.pairs import PairSet
from patray.recipes.record import Recipe, identity
from patray.recipes.validation import Loss, Validation

FORMAT = 2
"""2: the folder states the record's limit and prompts, and was loaded again before it was declared whole;
the base stands in it as whole record and content."""


def pairs_hash(pairs: PairSet) -> str:
    """32 hex digits over every value of the pair table, in order."""
    total = hashlib.blake2b(digest_size=16)
    with pa.ipc.new_stream(pa.PythonFile(_Sink(total), mode="w"), pairs.table.schema) as stream:
        stream.write_table(pairs.table.combine_chunks(), max_chunksize=8192)
    total.update(repr(sorted(pairs.weights.items())).encode("utf-8"))
    return total.hexdigest()


def validation_hash(validation: Validation) -> str:
    """32 hex digits over the texts of a validation and how it is scored."""
    total = hashlib.blake2b(digest_size=16)
    for texts in (validation.query_ids, validation.queries, validation.document_ids, validation.documents):
        total.update("\0".join(texts).encode("utf-8") + b"\n")
    if isinstance(validation.by, Loss):
        total.update(pairs_hash(validation.by.pairs).encode())
    else:
        for array in (validation.by.query, validation.by.document, validation.by.excluded):
            total.update(np.ascontiguousarray(array).astype("<i8").tobytes())
    return total.hexdigest()


class _Sink:
    """A file that only hashes what is written into it."""

    closed = False

    def __init__(self, total: Any) -> None:
        self._total = total

    def write(self, data: Any) -> int:
        self._total.update(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True


def training_identity(
    name: str,
    base: ModelRecord,
    recipe: Recipe,
    home: str,
    pairs: PairSet,
    validation: str | None,
    content: str | None = None,
) -> dict[str, Any]:
    """Everything that decides a checkpoint. validation: hash of what it was watched by. content: what the base's files
    are, see `models.content.identify`. Workers are not in it."""
    lora = lora_of(recipe, base)
    return {
        "name": name,
        "home": home,
        "base": training_facts(base),
        "content": content,
        "max_tokens": recipe.max_tokens or base.max_tokens,
        "recipe": identity(recipe),
        "lora": None if lora is None else lora.model_dump(mode="json"),
        "pairs": pairs_hash(pairs),
        "validation": validation,
        "format": FORMAT,
    }
