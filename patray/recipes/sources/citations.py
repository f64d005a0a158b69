"""A patent and what it cites (or what cites it)."""

from __future__ import annotations

import numpy as np

from patray.errors import InputError
from patray.landscapes.cited_pairs import CitedBy
from patray.recipes.documents import counted_links
from patray.recipes.record import Source
from patray.recipes.sources.material import Candidates, Material, NothingThereError


def citation_pairs(material: Material, source: Source, rng: np.random.Generator) -> Candidates:
    """One pair a citation (without citations: a relevant qrel), turned as `direction` says.

    NothingThereError where the landscape has neither.
    """
    links = _links(material, source).astype(np.int64)
    if not len(links):
        raise NothingThereError(
            f"{material.name}: source {source.key}: the landscape has neither citations nor relevant qrels"
        )
    turned = {
        "cited": np.zeros(len(links), bool),
        "citing": np.ones(len(links), bool),
        "both": rng.random(len(links)) < 0.5,
    }[source.direction or "cited"]
    anchor, positive = np.where(turned, links[:, 1], links[:, 0]), np.where(turned, links[:, 0], links[:, 1])
    return Candidates(anchor, positive)


def _links(material: Material, source: Source) -> np.ndarray:
    """(E, 2) int32: the citations that the source asks for; all, or qrels, where it asks for none in particular."""
    if source.origin is None and source.category is None:
        return material.documents.links
    grades: dict[str, int] | None = None if source.category is None else {str(one): 1 for one in source.category}
    try:
        return counted_links(material.documents, CitedBy(grades, source.origin or ()))
    except InputError as error:
        raise NothingThereError(f"source {source.key}: {error}") from error
