"""The rankings that hard negatives are drawn from, in the store: made by a run, read by it, later ones and plans.

WORKDIR/mined/rankings/HOME/BASE/KEY/ranks.parquet: a row an anchor text of one source, the places of the base's best
positives in the sorted pool. KEY is a hash of the base, what it reads of the texts, the texts and the depth; seed, mask
and the first rank decide only what is drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from patray.artifacts import complete, is_complete, key_of, read_seals
from patray.encoders.windows import digests, embedding_identity
from patray.errors import InputError
from patray.files import Folder
from patray.models.record import ModelRecord
from patray.recipes.hard_negatives import Pool, add_hard_negatives, make_pool
from patray.recipes.pairs import PairSet
from patray.recipes.record import HardNegatives, Recipe

RANKS = "ranks.parquet"


@dataclass(frozen=True)
class Ranker:
    """The base as it ranks. record: as `as_trained` gives it; content: what its files are, see
    `models.content.identify`; home: the landscape of the pairs."""

    record: ModelRecord
    engine: str
    content: str | None
    home: str

    def folder(self, pool: Pool, options: HardNegatives, store: Folder) -> Folder:
        """Where the ranking of a pool lies, made or not."""
        return store / "mined" / "rankings" / self.home / self.record.name / key_of(self.identity(pool, options))

    def identity(self, pool: Pool, options: HardNegatives) -> dict[str, Any]:
        """Everything that decides the ranking of a pool."""
        return {
            "anchors": embedding_identity(self.record, self.engine, "query", _hash(pool.anchors), self.content),
            "positives": embedding_identity(self.record, self.engine, "document", _hash(pool.positives), self.content),
            "to_rank": options.to_rank,
        }


def as_trained(record: ModelRecord, recipe: Recipe) -> ModelRecord:
    """The base cut to the tokens that the recipe trains on: what is hard in the rest of a text would not be seen."""
    return record.model_copy(update={"max_tokens": recipe.max_tokens or record.max_tokens})


def save_ranks(folder: Folder, ranks: np.ndarray, record: dict[str, Any]) -> None:
    """Save a ranking (A, to_rank) int32 and declare it whole with `record`."""
    flat = pa.array(np.ascontiguousarray(ranks, np.int32).reshape(-1))
    seal = folder.write_table(RANKS, pa.table({"places": pa.FixedSizeListArray.from_arrays(flat, ranks.shape[1])}))
    complete(folder, record, {RANKS: seal})


def draw_mined(pairs: PairSet, recipe: Recipe, ranker: Ranker, store: Folder) -> PairSet | None:
    """The pairs with the hard negatives that the recipe asks for; None where a ranking is not there yet.

    Raises InputError where no pair of a source has as many as were asked for.
    """
    options = recipe.hard_negatives
    if options is None:
        return pairs
    folders = {source: ranker.folder(make_pool(pairs, source), options, store) for source in pairs.weights}
    if not all(is_complete(folder) for folder in folders.values()):
        return None
    ranked = {source: _read_ranks(folder, options.to_rank) for source, folder in folders.items()}
    try:
        return add_hard_negatives(pairs, ranked, options, recipe.seed, recipe.mask)
    except InputError as error:
        raise InputError(f"{ranker.home}: recipe {recipe.name}: {error}") from error


def _read_ranks(folder: Folder, depth: int) -> np.ndarray:
    places = folder.read_table(RANKS, seal=read_seals(folder).get(RANKS))["places"].combine_chunks()
    return np.asarray(places.flatten().to_numpy(zero_copy_only=False)).reshape(-1, depth)


def _hash(texts: Sequence[str]) -> str:
    """32 hex digits over texts in their order."""
    return hashlib.blake2b(digests(list(texts)).tobytes(), digest_size=16).hexdigest()
