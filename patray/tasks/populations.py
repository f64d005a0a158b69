"""Which items a score is about, as sorted positions, and the families they are resampled by.

Scores of the same items share a key, so that they share resamples; scores of overlapping items can be cut to what they
have in common. Positions and family numbers follow the sorted item ids, so no draw depends on the order of a table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.statistics.resample import Families, group_families
from patray.tasks.scores import MeanScore, Score


@dataclass(frozen=True)
class Population:
    """A set of items of one landscape. positions (n,) int64, ascending. Equal keys mean equal items."""

    landscape: str
    positions: np.ndarray
    families: Families
    key: tuple[str, bytes]


@dataclass(frozen=True)
class Placed:
    """A score whose items were found. order (n,): the score's rows in the order of population.positions."""

    score: Score
    population: Population
    order: np.ndarray

    def rows(self, population: Population) -> np.ndarray:
        """The score's rows of the items of `population`, a subset of this score's, in its order."""
        if population.key == self.population.key:
            return self.order
        return self.order[np.searchsorted(self.population.positions, population.positions)]


@dataclass
class Catalogue:
    """Items and families of every landscape of a run, from a table of the schema `tables.ITEMS`.

    An item without a family (null or empty) is a family of its own. Raises InputError where an item has two families.
    """

    ids: dict[str, pa.Array] = field(default_factory=dict)
    codes: dict[str, np.ndarray] = field(default_factory=dict)
    _placed: dict[tuple[str, int], tuple[np.ndarray, Population, np.ndarray]] = field(default_factory=dict)
    _populations: dict[tuple[str, bytes], Population] = field(default_factory=dict)

    @staticmethod
    def of(items: pa.Table) -> Catalogue:
        catalogue = Catalogue()
        for landscape in pc.unique(items["landscape"]).to_pylist():
            part = items.filter(pc.equal(items["landscape"], landscape)).select(["item_id", "family_id"])
            part = part.group_by(["item_id", "family_id"]).aggregate([]).sort_by("item_id").combine_chunks()
            ids, family = _whole(part["item_id"]), pc.fill_null(_whole(part["family_id"]), "")
            repeated = np.flatnonzero(pc.equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False))
            if len(repeated):
                at = int(repeated[0])
                raise InputError(
                    f"items: {ids[at].as_py()!r} of landscape {landscape!r} has the families {family[at].as_py()!r} "
                    f"and {family[at + 1].as_py()!r}; an item belongs to one"
                )
            codes = family.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
            alone = pc.equal(family, "").to_numpy(zero_copy_only=False)
            catalogue.ids[landscape] = ids
            catalogue.codes[landscape] = np.where(alone, len(ids) + np.arange(len(ids)), codes)
        return catalogue

    def place(self, score: Score) -> Placed:
        """Find a score's items. Raises InputError for an unknown or repeated item, or a score without items."""
        landscape = score.where.landscape
        known = self._placed.get((landscape, id(score.items)))
        if known is None:
            positions = self._positions(score)
            order = np.argsort(positions, kind="stable")
            known = (score.items, self.population(landscape, positions[order]), order)
            # The array is kept with its id, so the id cannot come to mean another array.
            self._placed[landscape, id(score.items)] = known
        if isinstance(score, MeanScore):
            _require_numbers(score)
        return Placed(score, known[1], known[2])

    def population(self, landscape: str, positions: np.ndarray) -> Population:
        """The population of ascending positions; one object per set of items."""
        key = (landscape, hashlib.blake2b(positions.tobytes(), digest_size=16).digest())
        if key not in self._populations:
            families = group_families(self.codes[landscape][positions])
            self._populations[key] = Population(landscape, positions, families, key)
        return self._populations[key]

    def common(self, first: Population, second: Population) -> Population:
        """The items of both."""
        if first.key == second.key:
            return first
        shared = np.intersect1d(first.positions, second.positions, assume_unique=True)
        return self.population(first.landscape, shared)

    def union(self, populations: Sequence[Population]) -> Population:
        """The items of any."""
        if len({population.key for population in populations}) == 1:
            return populations[0]
        positions = np.unique(np.concatenate([population.positions for population in populations]))
        return self.population(populations[0].landscape, positions)

    def _positions(self, score: Score) -> np.ndarray:
        where = score.where
        about = _about(score)
        if not len(score.items):
            raise InputError(f"score of {about}: it has no items")
        if where.landscape not in self.ids:
            raise InputError(f"items: no landscape {where.landscape!r}; there are {', '.join(sorted(self.ids))}")
        found = pc.index_in(pa.array(score.items, pa.string()), value_set=self.ids[where.landscape])
        if found.null_count:
            at = int(np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False))[0])
            raise InputError(
                f"score of {about}: item {score.items[at]!r} is not in the table of items "
                f"({found.null_count} of {len(found)} are not)"
            )
        positions = found.to_numpy().astype(np.int64)
        values, counts = np.unique(positions, return_counts=True)
        if len(values) != len(positions):
            twice = self.ids[where.landscape][int(values[np.argmax(counts > 1)])].as_py()
            raise InputError(f"score of {about}: item {twice!r} is listed more than once")
        return positions


def _require_numbers(score: MeanScore) -> None:
    if score.values.shape != score.items.shape:
        raise InputError(
            f"score of {_about(score)}: {score.metric} has {len(score.values)} values for {len(score.items)} items"
        )
    if np.isnan(score.values).any():
        at = int(np.argmax(np.isnan(score.values)))
        raise InputError(f"score of {_about(score)}: {score.metric} of item {score.items[at]!r} is not a number")


def _about(score: Score) -> str:
    where = score.where
    return f"{where.task}, {where.landscape}, {where.view}, {where.system}, slice {where.slice}"


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
