"""Hard negatives: the base embeds every text of a source once and ranks the positives for each anchor.

After `match`: pairs only gain negatives and none is dropped, so that matched recipes stay matched, and no text is
embedded that is not trained on. Vectors and rankings stay in the store, so a run that goes on embeds nothing again,
nor does another seed or mask with the same texts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patray.artifacts import complete, is_complete, read_record
from patray.cluster.embed import Means, embed
from patray.cluster.models import Model
from patray.cluster.placement import Resources
from patray.cluster.search import TASK_BYTES, bytes_of
from patray.cluster.tasks import gather, shared, submit
from patray.cluster.views import index_view
from patray.encoders.certificate import certificate_of
from patray.encoders.vectors import load_vectors
from patray.encoders.versions import encoder_versions
from patray.encoders.windows import ViewIndex, digests
from patray.files import Folder
from patray.models.record import Role
from patray.recipes.hard_negatives import Pool, make_pool, rank_pool
from patray.recipes.pairs import PairSet
from patray.recipes.record import HardNegatives, Recipe, Text
from patray.recipes.texts import view_of
from patray.runs.step_record import StepRecord
from patray.runs.suite import Suite
from patray.steps.certified import made_of as name_of
from patray.steps.certified import origin
from patray.steps.embed import EmbedStep
from patray.steps.landscape import Landscape
from patray.steps.mined import Ranker, as_trained, draw_mined, save_ranks
from patray.steps.texts import Texts

BLOCK = 8192
"""Anchors that one task ranks: every task reads the vectors again."""


class Miner:
    """Mines at one home, of which each view is indexed once."""

    def __init__(self, suite: Suite, store: Folder, home: Landscape, again: str | None = None) -> None:
        """again: rankings and vectors are made again but those that bear this mark already."""
        self.suite, self.store, self.home, self.again = suite, store, home, again
        self._indexes: dict[tuple[str, ...], ViewIndex] = {}

    def mine(self, pairs: PairSet, recipe: Recipe, base: Model) -> tuple[PairSet, StepRecord]:
        """The pairs with the hard negatives that the recipe asks for, and the step's record.

        Raises InputError where no pair of a source has as many as were asked for.
        """
        options = recipe.hard_negatives
        if options is None:
            raise AssertionError(f"recipe {recipe.name} asks for no hard negatives")
        begin = time.perf_counter()
        ranker = Ranker(as_trained(base.record, recipe), base.engine, base.content, self.home.name)
        pools = {source: make_pool(pairs, source) for source in pairs.weights}
        folders = {source: ranker.folder(pool, options, self.store) for source, pool in pools.items()}
        todo = [source for source, folder in folders.items() if not self._usable(folder, base)]
        sides = {source: self._sides(source, pools[source], recipe, ranker, base) for source in todo}
        steps, ranked = self._rank(sides, {source: folders[source] for source in todo}, options, ranker, pools, base)
        mined = draw_mined(pairs, recipe, ranker, self.store)
        if mined is None:
            raise AssertionError(f"recipe {recipe.name}: a ranking that was just made is not there")
        certificates = [step["certificate"] for step in steps]
        fresh = [step for step in steps if not step.reused]
        facts = {
            "recipe": recipe.name,
            "seed": recipe.seed,
            **origin(bool(ranked), next((certificate_of(one) for one in certificates if one), None)),
            "texts": sum(len(pool.anchors) + len(pool.positives) for pool in pools.values()),
            **{key: sum(step[key] for step in fresh) for key in ("tokens", "cpu_hours", "gpu_hours")},
        }
        took = time.perf_counter() - begin if todo else 0.0
        return mined, StepRecord("mine", self.home.name, model=base.name, reused=not ranked, seconds=took, facts=facts)

    def _usable(self, folder: Folder, base: Model) -> bool:
        """Whether a ranking is there, of today's versions (the vectors of another are compared first) and this mark."""
        if not is_complete(folder):
            return False
        record = read_record(folder)
        return record.get("versions") == encoder_versions(base.engine) and self.again in (None, record.get("again"))

    def _sides(self, key: str, pool: Pool, recipe: Recipe, ranker: Ranker, base: Model) -> tuple[_Side, _Side]:
        source = next(source for source in recipe.sources if source.key == key)

        def side(texts: Sequence[str], text: Text | None, role: Role) -> _Side:
            view = view_of(text or (), self.suite.own_views)
            if view.sections not in self._indexes:
                self._indexes[view.sections] = index_view(self.home.folder, view)
            index = self._indexes[view.sections]
            at = _first_with(index, texts)
            chosen = np.isin(np.arange(len(index.ids)), at)
            where = (self.home.name, self.home.folder, view, Texts(index, chosen))
            return _Side(EmbedStep(*where, base.name, ranker.record, base.engine, role, base.content), at)

        return side(pool.anchors, source.anchor, "query"), side(pool.positives, source.positive, "document")

    def _rank(
        self,
        sides: Mapping[str, tuple[_Side, _Side]],
        folders: Mapping[str, Folder],
        options: HardNegatives,
        ranker: Ranker,
        pools: Mapping[str, Pool],
        base: Model,
    ) -> tuple[list[StepRecord], int]:
        """Embed the sides of some sources, rank and save; the records of the embedding steps, and how many of the
        sources were ranked: one whose vectors are the very same is not."""
        if not sides:
            return [], 0
        suite = self.suite
        # Not among the run's own vectors: other tools ask for the one set of a landscape, view and model.
        found = embed(
            [side.step for both in sides.values() for side in both],
            Means(base.snapshot, suite.embedding, suite.models_from.remote_code, self.again),
            self.store / "mined",
        )
        vectors = [folder for folder, _ in found]
        ranked = 0
        threads, gpus, stall = suite.embedding.threads, suite.embedding.gpus, suite.embedding.stall_seconds
        for at, (source, (anchors, positives)) in enumerate(sides.items()):
            made_of = vectors[2 * at], vectors[2 * at + 1]
            target, which = folders[source], name_of(*made_of)
            came = {"versions": encoder_versions(ranker.engine), "again": self.again, "made_of": which}
            if is_complete(target) and read_record(target).get("made_of") == which:
                complete(target, read_record(target) | came)  # its vectors are the same, and have their certificate
                continue
            size = sum(bytes_of(folder) for folder in made_of)
            needs, loaded = Resources(threads, gpus, 3 * size + TASK_BYTES), shared((anchors, positives))
            starts = range(0, len(anchors.at), BLOCK)
            begun = [submit(_rank_block, needs, loaded, made_of, start, options) for start in starts]
            blocks = gather(begun, f"mine {source}", stall, "blocks")
            of: dict[str, Any] = {"identity": ranker.identity(pools[source], options)}
            save_ranks(target, np.concatenate(blocks), of | {"vectors": [str(one) for one in made_of]} | came)
            ranked += 1
        return [step for _, step in found], ranked


@dataclass(frozen=True)
class _Side:
    """The anchors or the positives of a pool. at (n,) int64: for each text the first document of the step's index that
    has it; the step encodes those documents alone."""

    step: EmbedStep
    at: np.ndarray

    def load(self, folder: Folder) -> np.ndarray:
        """(n, d) float32 vectors in the order of the pool, from what the step made."""
        names = [window.name for window in self.step.texts.windows()]
        _, vectors = load_vectors(folder, names)
        # No two of the documents have one text, so windows hold each by itself, in the order of the index.
        return np.asarray(vectors[np.searchsorted(np.flatnonzero(self.step.texts.chosen), self.at)])


def _rank_block(
    sides: tuple[_Side, _Side], folders: tuple[Folder, Folder], start: int, options: HardNegatives
) -> np.ndarray:
    """The ranking of anchors `start` to `start + BLOCK`."""
    anchors, positives = (side.load(folder) for side, folder in zip(sides, folders, strict=True))
    return rank_pool(anchors[start : start + BLOCK], positives, options)


def _first_with(index: ViewIndex, texts: Sequence[str]) -> np.ndarray:
    """(n,) int64: position in the index of the first document with each text."""
    first: dict[bytes, int] = {}
    for at, digest in enumerate(index.digest.tolist()):
        first.setdefault(digest, at)
    return np.array([first[digest] for digest in digests(list(texts)).tolist()], dtype=np.int64)
