"""What a training is watched by: retrieval by validation families, or the loss on their pairs.

Nothing of a test family is here, neither as a query nor as a document, so the checkpoint that is kept owes nothing to
what is reported in the end. Queries and documents are picked by a hash of their ids, so every recipe and seed with the
same numbers is watched by the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.cited_pairs import ALL, CitedBy
from patray.landscapes.splits import SALT, SHARES, TEST, VALIDATION
from patray.landscapes.truth import NotSaidError, build_truth
from patray.measures.definitions import parse_measure
from patray.measures.ranking import evaluate
from patray.recipes.documents import read_documents
from patray.recipes.false_negatives import mask
from patray.recipes.pairs import PairSet, make_pairs
from patray.recipes.record import Recipe
from patray.recipes.texts import read_texts, view_of
from patray.search.dense import search_shard
from patray.search.exclusion import Exclusions


@dataclass(frozen=True)
class Retrieval:
    """query, document (P,) int64: the relevant pairs, sorted, unique. excluded (E, 2) int32: (query, document) never
    ranked (the query itself, its family), sorted. measure: such as nDCG@10."""

    query: np.ndarray
    document: np.ndarray
    excluded: np.ndarray
    measure: str


@dataclass(frozen=True)
class Loss:
    """pairs: validation pairs, query and document i from pair i. batch, temperature, mask: as in the recipe."""

    pairs: PairSet
    batch: int
    temperature: float
    mask: tuple[str, ...]


@dataclass(frozen=True)
class Validation:
    """queries (Q,), documents (D,): texts, encoded by the roles `query` and `document`; their ids beside them.

    by: how vectors become one number.
    """

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    query_ids: tuple[str, ...]
    document_ids: tuple[str, ...]
    by: Retrieval | Loss

    def score(self, queries: np.ndarray, documents: np.ndarray) -> float:
        """The measure's mean over queries (higher is better), or the loss (lower is better).

        queries (Q, d), documents (D, d): float32 unit vectors.
        """
        if isinstance(self.by, Loss):
            return _loss(self.by, queries, documents)
        return _retrieval(self.by, queries, documents)


def make_validation(
    prepared: Folder,
    recipe: Recipe,
    shares: Sequence[float] = SHARES,
    salt: str = SALT,
    own_views: Mapping[str, Sequence[str]] | None = None,
    direction: str = "cited",
    cited_by: CitedBy = ALL,
) -> Validation:
    """What `recipe.select_by` asks for, on the validation families of a landscape.

    A measure: queries are at most `validation_queries` documents of validation families with a relevant patent in the
    corpus (`direction`, `cited_by` as in `build_truth`, own family excluded); documents are the patents of training and
    validation families, at most `validation_corpus`, but every relevant one is there. Both without those that have no
    text in `validation_view`. `loss`: the recipe's pairs from validation families.

    Raises InputError where the landscape has no such queries or pairs, saying what else to watch.
    """
    if recipe.select_by == "loss":
        pairs = make_pairs(prepared, recipe, shares, salt, own_views, split="validation")
        return Validation(
            queries=tuple(pairs.table["anchor"].to_pylist()),
            documents=tuple(pairs.table["positive"].to_pylist()),
            query_ids=tuple(pairs.table["anchor_id"].to_pylist()),
            document_ids=tuple(pairs.table["positive_id"].to_pylist()),
            by=Loss(pairs, recipe.batch, recipe.temperature, recipe.mask),
        )
    return _make_retrieval(prepared, recipe, shares, salt, own_views, direction, cited_by)


def _make_retrieval(
    prepared: Folder,
    recipe: Recipe,
    shares: Sequence[float],
    salt: str,
    own_views: Mapping[str, Sequence[str]] | None,
    direction: str,
    cited_by: CitedBy,
) -> Validation:
    documents = read_documents(prepared, shares, salt)
    view = view_of(recipe.validation_view, own_views)
    try:
        truth, _ = build_truth(documents.metadata, direction, cited_by=cited_by)
    except NotSaidError:
        raise
    except InputError as error:
        raise InputError(
            f"{error}; recipe {recipe.name}: set `select_by: loss` to validate without citations"
        ) from error
    (texts,) = read_texts(prepared, documents, [view], np.ones((len(documents.ids), 1), bool))
    usable = np.array([text is not None and bool(text.strip()) for text in texts]) & (documents.split != TEST)
    query_rows = documents.rows(truth.query_ids)
    n = len(truth.patent_ids)  # patents are the first rows of documents, in the same order

    asks = usable[query_rows] & (documents.split[query_rows] == VALIDATION)
    pairs = asks[truth.query] & usable[:n][truth.patent]
    chosen = _some(np.unique(truth.query[pairs]), truth.query_ids, recipe.validation_queries, salt)
    if not len(chosen):
        raise InputError(
            f"{documents.metadata.name}: recipe {recipe.name}: no patent of a validation family has a relevant patent "
            f"outside the test families, with texts in {view.name}; set `select_by: loss`, or use a larger landscape"
        )
    pairs &= np.isin(truth.query, chosen)
    relevant = np.unique(truth.patent[pairs])
    others = np.setdiff1d(np.flatnonzero(usable[:n]), relevant)
    room = None if recipe.validation_corpus is None else max(0, recipe.validation_corpus - len(relevant))
    corpus = np.sort(np.concatenate([relevant, _some(others, truth.patent_ids, room, salt)]))

    query, document = np.searchsorted(chosen, truth.query[pairs]), np.searchsorted(corpus, truth.patent[pairs])
    family = documents.family
    same = family[query_rows[chosen]][:, None] == family[corpus][None, :]
    same |= truth.query_ids[chosen].astype(str)[:, None] == truth.patent_ids[corpus].astype(str)[None, :]
    return Validation(
        queries=tuple(texts[query_rows[chosen]]),
        documents=tuple(texts[corpus]),
        query_ids=tuple(truth.query_ids[chosen]),
        document_ids=tuple(truth.patent_ids[corpus]),
        by=Retrieval(query, document, np.argwhere(same).astype(np.int32), recipe.select_by),
    )


def _some(positions: np.ndarray, ids: np.ndarray, most: int | None, salt: str) -> np.ndarray:
    """At most `most` of the positions, those whose ids hash lowest; ascending."""
    if most is None or len(positions) <= most:
        return positions
    keys = [hashlib.blake2b(f"{salt} {id}".encode(), digest_size=8).digest() for id in ids[positions]]
    order = sorted(range(len(keys)), key=keys.__getitem__)[:most]
    return np.sort(positions[order])


def _retrieval(by: Retrieval, queries: np.ndarray, documents: np.ndarray) -> float:
    measure = parse_measure(by.measure)
    excluded = Exclusions(by.excluded[:, 0], by.excluded[:, 1])
    codes = np.arange(len(documents))
    found = search_shard(queries, documents, codes, min(measure.cutoff, len(documents)), excluded)
    values = evaluate(found.patents, by.query, by.document, np.ones(len(by.query), np.int64), [measure])
    return float(values[measure].mean())


def _loss(by: Loss, anchors: np.ndarray, positives: np.ndarray) -> float:
    """Mean of -log softmax of each pair's own similarity over temperature, in batches of one source as in training."""
    table = by.pairs.table
    source = np.array(table["source"].to_pylist())
    total = 0.0
    for name in dict.fromkeys(source.tolist()):
        rows = np.flatnonzero(source == name)
        for start in range(0, len(rows), by.batch):
            batch = rows[start : start + by.batch]
            scores = anchors[batch].astype(np.float64) @ positives[batch].astype(np.float64).T / by.temperature
            scores[mask(table.take(batch), by.pairs.relations, by.mask)] = -np.inf
            highest = scores.max(axis=1)
            total += float((np.log(np.exp(scores - highest[:, None]).sum(axis=1)) + highest - np.diag(scores)).sum())
    return total / len(source)
