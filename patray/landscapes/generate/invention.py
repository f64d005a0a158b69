"""Which inventions exist, who publishes them where and when: everything about a landscape except its words.

Inventions of one topic share a product, a technology and most concepts; those of a platform topic share the technology
and differ in product. An invention may be published by up to four
offices (a family: same concepts, new wording) and a publication may be repeated word by word under another id and
family (a planted duplicate). All of it is a few integers per document, so a million documents fit in memory.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from patray.errors import InputError
from patray.landscapes.generate.draws import below, chance, draw, keys, weighted
from patray.landscapes.generate.options import Options
from patray.landscapes.generate.taxonomy import Choices, Tree

OFFICES = ("US", "EP", "WO", "JP", "CN", "KR", "DE")
OFFICE_WEIGHTS = (32, 14, 11, 13, 18, 8, 4)

_EPOCH = datetime.date(1970, 1, 1)
FIRST_DAY = (datetime.date(1998, 1, 1) - _EPOCH).days
FIRST_EMERGING_DAY = (datetime.date(2007, 1, 1) - _EPOCH).days
LAST_DAY = (datetime.date(2023, 12, 31) - _EPOCH).days
FIRST_QUERY_DAY = (datetime.date(2023, 7, 1) - _EPOCH).days

INVENTIONS_PER_TOPIC = 6
MAX_REPEATS = 3
REPEAT_WITHIN_DAYS = 900
TOPIC_KEPT = 0.75
"""Share of an invention's concepts that are its topic's."""
PLATFORM = 0.35
"""Share of the topics that are about a technology, applied to many products and naming them in passing."""

SLOTS = (
    "PRODUCT", "USER", "GENERIC", "SECOND", "P1", "P2", "P3", "A1", "T1", "T2", "NOISE", "TECH", "F1", "F2", "G1", "G2",
    "PROB", "PROB2", "EFF1", "EFF2", "HEAD", "X", "Y", "MATERIAL", "PLACE", "QUANTITY", "N", "M",
)  # fmt: skip
"""What a sentence can name. The first ones are concepts of the invention, those from HEAD on are set per sentence."""
CONCEPT_SLOTS = SLOTS.index("HEAD")
VERB_SLOTS = frozenset(("F1", "F2", "G1", "G2", "EFF1", "EFF2"))


@dataclass(frozen=True)
class Documents:
    """One row a document: the corpus in file order, then the queries outside it.

    corpus: how many rows are in the corpus. invention, topic: int32. product, second (-1: none), technology: int16.
    office: int8. date: int32 days since 1970. family: int32, the lowest row of the family. duplicate_of: int32 row, -1
    for an original. invention_key, topic_key, text_key: uint64; documents of equal text_key have equal texts.
    """

    corpus: int
    invention: np.ndarray
    topic: np.ndarray
    product: np.ndarray
    second: np.ndarray
    technology: np.ndarray
    office: np.ndarray
    date: np.ndarray
    family: np.ndarray
    duplicate_of: np.ndarray
    invention_key: np.ndarray
    topic_key: np.ndarray
    text_key: np.ndarray

    def __len__(self) -> int:
        return len(self.invention)

    def rows(self, rows: np.ndarray | slice) -> Documents:
        """The documents of these rows; `family` and `duplicate_of` still name rows of the whole."""
        taken: dict[str, Any] = {name: value[rows] for name, value in vars(self).items() if name != "corpus"}
        return replace(self, **taken)


def invent(options: Options, tree: Tree) -> Documents:
    """All documents of a landscape."""
    repeats = round(options.family_share * options.patents)
    copies = round(options.duplicate_share * options.patents)
    base = options.patents - repeats - copies
    source = _repeated(options.seed, base, repeats)
    nth = _nth_of_its_kind(source)
    inventions = base + options.queries
    invention = np.concatenate([np.arange(base), source, np.arange(base, inventions)])
    key = keys(options.seed, "invention", inventions)
    topic, topic_key, product, technology = _topics(options.seed, tree, key, max(1, base // INVENTIONS_PER_TOPIC))
    second = _second_products(options, tree, key, product)
    first_office = weighted(key, "office", OFFICE_WEIGHTS)
    office = np.concatenate([first_office[:base], _repeat_office(key, first_office, source, nth), first_office[base:]])
    is_query = np.arange(inventions) >= base
    first_date = _dates(key, tree.product_emerging[product], is_query)
    lag = 1 + below(key[source], "lag", np.minimum(REPEAT_WITHIN_DAYS, LAST_DAY - 1 - first_date[source]), nth)
    date = np.concatenate([first_date[:base], first_date[source] + lag, first_date[base:]])
    text_key = keys(options.seed, "text", len(invention))
    family, duplicate_of = invention.copy(), np.full(len(invention), -1)

    # A copy repeats a publication of another family: it shares the text's key and all that decides the text.
    originals = base + repeats
    copied = np.argsort(draw(text_key[:originals], "copied"), kind="stable")[:copies]
    if len(copied) < copies:
        raise InputError(f"duplicate_share: {copies} duplicates of {originals} originals were asked for")
    copy_lag = 1 + below(text_key[copied], "copy lag", np.minimum(REPEAT_WITHIN_DAYS, LAST_DAY - date[copied]))
    place = originals
    invention = np.insert(invention, place, invention[copied])
    family = np.insert(family, place, inventions + np.arange(copies))
    duplicate_of = np.insert(duplicate_of, place, copied)
    office = np.insert(office, place, office[copied])
    date = np.insert(date, place, date[copied] + copy_lag)
    text_key = np.insert(text_key, place, text_key[copied])

    order = np.argsort(draw(keys(options.seed, "row", options.patents), "order"), kind="stable")
    order = np.concatenate([order, np.arange(options.patents, len(invention))])
    row_of = np.empty_like(order)
    row_of[order] = np.arange(len(order))
    return Documents(
        corpus=options.patents,
        invention=invention[order].astype(np.int32),
        topic=topic[invention][order].astype(np.int32),
        product=product[invention][order].astype(np.int16),
        second=second[invention][order].astype(np.int16),
        technology=technology[invention][order].astype(np.int16),
        office=office[order].astype(np.int8),
        date=date[order].astype(np.int32),
        family=_lowest_row(family[order]).astype(np.int32),
        duplicate_of=np.where(duplicate_of >= 0, row_of[duplicate_of], -1)[order].astype(np.int32),
        invention_key=key[invention][order],
        topic_key=topic_key[topic][invention][order],
        text_key=text_key[order],
    )


def _topics(
    seed: int, tree: Tree, invention_key: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """topic, (topics' keys), product and technology of every invention; low topics are the crowded ones."""
    key = keys(seed, "topic", count)
    product_of = below(key, "product", len(tree.products))
    emerging = tree.product_emerging[product_of].astype(np.int64)
    usual = tree.tech_pool.ids[emerging, below(key, "technology", tree.tech_pool.count[emerging])]
    technology_of = np.where(
        chance(key, "usual technology", 0.8), usual, below(key, "any technology", len(tree.technologies))
    )
    topic = np.minimum(below(invention_key, "topic", count), below(invention_key, "topic", count, 1))
    own_product = below(invention_key, "product", len(tree.products))
    product = np.where(on_platform(key)[topic], own_product, product_of[topic])
    return topic, key, product, technology_of[topic]


def _second_products(options: Options, tree: Tree, key: np.ndarray, product: np.ndarray) -> np.ndarray:
    other = (product + 1 + below(key, "second", len(tree.products) - 1)) % len(tree.products)
    return np.where(chance(key, "combined", options.combined_share), other, -1)


def _repeated(seed: int, base: int, repeats: int) -> np.ndarray:
    """(repeats,) the invention that each repeat publishes again; 1 to MAX_REPEATS per invention, ascending."""
    times = 1 + below(keys(seed, "repeats", base), "times", MAX_REPEATS)
    if times.sum() < repeats:
        times[:] = MAX_REPEATS
    if times.sum() < repeats:
        raise InputError(f"family_share: {base} inventions cannot be repeated {repeats} times; lower the shares")
    return np.repeat(np.arange(base), times)[:repeats]


def _nth_of_its_kind(ascending: np.ndarray) -> np.ndarray:
    """(n,) 0 for the first of equal neighbours, 1 for the second, ..."""
    return np.arange(len(ascending)) - np.searchsorted(ascending, ascending, side="left")


def _repeat_office(key: np.ndarray, first: np.ndarray, source: np.ndarray, nth: np.ndarray) -> np.ndarray:
    # Seven is prime, so any step from 1 to 6 visits another office each time.
    step = 1 + below(key[source], "office step", len(OFFICES) - 1)
    return (first[source] + step * (nth + 1)) % len(OFFICES)


def _dates(key: np.ndarray, emerging: np.ndarray, is_query: np.ndarray) -> np.ndarray:
    """Filings grow over the years: the later of two draws. A day is left for a repeat to be later."""
    first = np.where(is_query, FIRST_QUERY_DAY, np.where(emerging, FIRST_EMERGING_DAY, FIRST_DAY))
    span = LAST_DAY - 2 - first
    return first + np.maximum(below(key, "date", span), below(key, "date", span, 1))


def _lowest_row(family: np.ndarray) -> np.ndarray:
    _, first, inverse = np.unique(family, return_index=True, return_inverse=True)
    return first[inverse]


def on_platform(topic_key: np.ndarray) -> np.ndarray:
    """(n,) bool: the topic is about its technology, whatever the product: what crosses domains and yet is near."""
    return chance(topic_key, "platform", PLATFORM)


def concepts(documents: Documents, tree: Tree) -> np.ndarray:
    """(n, CONCEPT_SLOTS) int32: the concept that each slot of each document names, the same for a whole family."""
    product = documents.product.astype(np.int64)
    technology = documents.technology.astype(np.int64)
    area = tree.product_area[product].astype(np.int64)
    combined = documents.second >= 0
    helper = np.where(combined, documents.second, product).astype(np.int64)
    helper_area = tree.product_area[helper].astype(np.int64)

    def pick(choices: Choices, owner: np.ndarray, slot: str, index: int = 0, decision: str = "") -> np.ndarray:
        """The topic's choice or, for some inventions, their own; index tells apart choices that must differ."""
        decision = decision or slot
        limit = choices.count[owner]
        own = chance(documents.invention_key, f"own {slot}", 1 - TOPIC_KEPT)
        first = np.where(
            own, below(documents.invention_key, decision, limit), below(documents.topic_key, decision, limit)
        )
        return choices.ids[owner, (first + index) % limit]

    named = {
        "PRODUCT": tree.name[product],
        "USER": tree.area_users[area],
        "GENERIC": tree.area_generic[area],
        "SECOND": np.where(combined, tree.name[helper], tree.area_generic[area]),
        "P1": pick(tree.parts, product, "P1", 0, "parts"),
        "P2": pick(tree.parts, product, "P1", 1, "parts"),
        "P3": np.where(combined, pick(tree.parts, helper, "P3"), pick(tree.parts, product, "P1", 2, "parts")),
        "A1": pick(tree.area_parts, helper_area, "A1"),
        "T1": pick(tree.tech_parts, technology, "T1"),
        "T2": pick(tree.tech_parts, technology, "T1", 1),
        "TECH": tree.tech_name[technology],
        "F1": pick(tree.functions, product, "F1"),
        "F2": np.where(combined, pick(tree.functions, helper, "F2"), pick(tree.functions, product, "F1", 1)),
        "G1": pick(tree.tech_functions, technology, "G1"),
        "G2": pick(tree.tech_functions, technology, "G1", 1),
        "PROB": pick(tree.problems, product, "PROB"),
        "EFF1": pick(tree.area_effects, area, "EFF1"),
        "EFF2": pick(tree.tech_effects, technology, "EFF2"),
    }
    named["NOISE"] = _noise(documents, tree)
    area_problem = pick(tree.area_problems, area, "PROB2")
    tech_problem = pick(tree.tech_problems, technology, "PROB2")
    named["PROB2"] = np.where(chance(documents.topic_key, "problem of the area", 0.5), area_problem, tech_problem)
    instead = {
        "PRODUCT": named["GENERIC"],
        "P1": named["TECH"],
        "P2": pick(tree.tech_parts, technology, "T1", 2),
        "F2": named["EFF2"],
        "PROB": tech_problem,
        "PROB2": area_problem,
    }
    platform = on_platform(documents.topic_key)
    named |= {slot: np.where(platform, other, named[slot]) for slot, other in instead.items()}
    return np.stack([named[slot] for slot in SLOTS[:CONCEPT_SLOTS]], axis=1).astype(np.int32)


def _noise(documents: Documents, tree: Tree) -> np.ndarray:
    """A part of some other area, mentioned in passing."""
    area = below(documents.invention_key, "noise area", len(tree.area_users))
    return tree.area_parts.ids[area, below(documents.invention_key, "noise", tree.area_parts.count[area])]


def technology_groups(documents: Documents, tree: Tree) -> tuple[np.ndarray, np.ndarray]:
    """(n,) int64 twice: technology with the part and function that the topic uses of it, and technology alone.

    Patents of platform topics form groups of their own.
    """
    technology = documents.technology.astype(np.int64)
    part = below(documents.topic_key, "T1", tree.tech_parts.count[technology])
    function = below(documents.topic_key, "G1", tree.tech_functions.count[technology])
    wide = 2 * technology + on_platform(documents.topic_key)
    return (wide * 8 + part) * 8 + function, wide


def symbols(documents: Documents, tree: Tree) -> tuple[np.ndarray, np.ndarray]:
    """IPC symbols: (n, width) int64 numbers of `tree.symbols` and (n, width) bool which of them the document has."""
    product, technology = documents.product.astype(np.int64), documents.technology.astype(np.int64)
    second = np.maximum(documents.second, 0).astype(np.int64)
    key = documents.invention_key
    width = tree.product_ipc.ids.shape[1]
    position = np.arange(width)
    has = position[None, :] < tree.product_ipc.count[product][:, None]
    has &= (position[None, :] == 0) | chance(key[:, None], "further ipc", 0.35, position[None, :])
    ids = [tree.product_ipc.ids[product], tree.product_ipc.ids[second][:, :1], tree.tech_ipc[technology][:, None]]
    kept = [has, (documents.second >= 0)[:, None], chance(key, "technology ipc", 0.2)[:, None]]
    return np.concatenate(ids, axis=1).astype(np.int64), np.concatenate(kept, axis=1)


def ipc3_mask(documents: Documents, tree: Tree) -> np.ndarray:
    """(n,) uint64: bit b is set when the document has a symbol of the 3-character class number b."""
    ids, has = symbols(documents, tree)
    bits = np.where(has, np.uint64(1) << tree.ipc3[ids].astype(np.uint64), np.uint64(0))
    return np.bitwise_or.reduce(bits, axis=1)
