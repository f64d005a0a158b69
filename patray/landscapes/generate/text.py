"""Titles, abstracts, claims and descriptions of a block of documents, as arrow columns.

The order of work is the same for each section: draw a surface form for every concept (anew for each section of each
document), choose templates in the office's style, expand, join. `vocabulary_overlap` is the probability that a concept
appears under its plain name; otherwise any of its names is taken, so two sections that tell of the same invention may
share few words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.landscapes.generate.draws import below, chance
from patray.landscapes.generate.grammar import Grammar
from patray.landscapes.generate.invention import CONCEPT_SLOTS, OFFICES, SLOTS, Documents, concepts
from patray.landscapes.generate.taxonomy import tree
from patray.landscapes.generate.wording import closed_classes, grammar

_SLOT = {name: position for position, name in enumerate(SLOTS)}
_CAPITAL_TITLES = {"EP": 0.4, "WO": 0.9, "JP": 0.3, "KR": 0.2}
_NO_ABSTRACT = {"EP": 0.12, "JP": 0.05, "DE": 0.3}
_NO_CLAIMS = {"WO": 0.2, "JP": 0.5, "KR": 0.3, "DE": 0.1}
MIN_CLAIMS, MAX_CLAIMS = 5, 20
MIN_WORDS, MAX_WORDS = 60, 150
"""Of an abstract."""
LONGEST_SENTENCE = 40
"""Words; with it a whole number of sentences always ends within the limits of an abstract."""

_ABSTRACT = ("opener", "structure", "working", "technology", "combined", "purpose", *["filler"] * 6)
_INTRODUCED = ("P1", "P2", "T1")
_FURTHER = ("P3", "A1", "T2", "NOISE")


@dataclass(frozen=True)
class Block:
    """Documents with their concepts and styles; one part of the output."""

    documents: Documents
    concepts: np.ndarray
    overlap: float

    @staticmethod
    def of(documents: Documents, overlap: float) -> Block:
        return Block(documents, concepts(documents, tree()), overlap)

    def __len__(self) -> int:
        return len(self.documents)

    @property
    def key(self) -> np.ndarray:
        return self.documents.text_key

    @property
    def style(self) -> np.ndarray:
        return self.documents.office.astype(np.int64)

    def forms(self, section: str) -> np.ndarray:
        """(n, SLOTS) int64: the surface form of each slot in this section."""
        words, number = tree(), closed_classes()
        found = np.zeros((len(self), len(SLOTS)), dtype=np.int64)
        count = words.count[self.concepts]
        slots = np.arange(CONCEPT_SLOTS)[None, :]
        key = self.key[:, None]
        any_form = below(key, f"{section} form", count, slots)
        plain = chance(key, f"{section} plain", self.overlap, slots)
        found[:, :CONCEPT_SLOTS] = words.start[self.concepts] + np.where(plain, 0, any_form)
        product = chance(self.key, f"{section} head", 0.4)
        found[:, _SLOT["HEAD"]] = np.where(product, found[:, _SLOT["PRODUCT"]], found[:, _SLOT["GENERIC"]])
        found[:, [_SLOT["N"], _SLOT["M"]]] = number["number"].start
        return found

    def vary(self, forms: np.ndarray, rows: np.ndarray, index: np.ndarray, section: str) -> np.ndarray:
        """Forms per sentence instead of per document, with the slots that change from sentence to sentence drawn."""
        key, each = self.key[rows], forms[rows]
        for slot, name in (("MATERIAL", "material"), ("PLACE", "place"), ("QUANTITY", "quantity")):
            forms_of = closed_classes()[name]
            each[:, _SLOT[slot]] = forms_of.start + below(key, f"{section} {name}", len(forms_of), index)
        for slot, offered in (("X", _INTRODUCED), ("Y", _FURTHER)):
            columns = np.array([_SLOT[name] for name in offered])
            chosen = columns[below(key, f"{section} {slot}", len(columns), index)]
            each[:, _SLOT[slot]] = each[np.arange(len(rows)), chosen]
        return each

    def pick(self, role: str, rows: np.ndarray, index: np.ndarray | int, section: str) -> np.ndarray:
        """A template of the role in each document's style."""
        style = self.style[rows]
        offered = grammar().choices(role, style)
        return grammar().template(role, style, below(self.key[rows], f"{section} {role}", offered, index))

    def office_share(self, decision: str, shares: dict[str, float]) -> np.ndarray:
        """(n,) bool, True for the share that each document's office has in `shares`."""
        return chance(self.key, decision, np.array([shares.get(office, 0.0) for office in OFFICES])[self.style])


def titles(block: Block) -> pa.StringArray:
    """Short and often vague; in capitals for a share of some offices."""
    rows = np.arange(len(block))
    forms = block.vary(block.forms("title"), rows, np.zeros_like(rows), "title")
    pieces, lengths = grammar().expand(block.pick("title", rows, 0, "title"), rows, forms)
    plain = grammar().join(pieces, lengths)
    return pc.if_else(pa.array(block.office_share("capitals", _CAPITAL_TITLES)), pc.utf8_upper(plain), plain)


def abstracts(block: Block) -> pa.StringArray:
    """MIN_WORDS to MAX_WORDS words, null for a share of some offices."""
    book = grammar()
    forms = block.forms("abstract")
    combined = np.repeat(block.documents.second >= 0, len(_ABSTRACT)).reshape(len(block), len(_ABSTRACT))
    wanted = np.array([role != "combined" for role in _ABSTRACT])[None, :] | combined
    rows, places = np.nonzero(wanted)
    templates = np.zeros(len(rows), np.int64)
    fillers = below(block.key, "abstract first filler", 6)
    for place, role in enumerate(_ABSTRACT):
        at = places == place
        if role == "filler":
            # Every filler at most once, from a drawn one on.
            style = block.style[rows[at]]
            nth = (fillers[rows[at]] + place) % book.choices(role, style)
            templates[at] = book.template(role, style, nth)
        else:
            templates[at] = block.pick(role, rows[at], 0, "abstract")
    sentences = np.arange(len(rows))
    pieces, lengths = book.expand(templates, sentences, block.vary(forms, rows, places, "abstract"))
    words = book.sentence_words(pieces, lengths)
    least = MIN_WORDS + LONGEST_SENTENCE
    limit = least + below(block.key, "abstract words", MAX_WORDS - least + 1)
    keep = _running_total(words, rows) <= limit[rows]
    kept = np.repeat(keep, lengths)
    joined = book.join(pieces[kept], np.bincount(rows[keep], lengths[keep], len(block)).astype(np.int64))
    return _null_where(block.office_share("no abstract", _NO_ABSTRACT), joined)


def claims(block: Block) -> pa.ListArray:
    """MIN_CLAIMS to MAX_CLAIMS numbered claims, one to three of them independent; empty for a share of some offices.

    A dependent claim refers to a claim of its own group: the group's independent claim, or one that depends on it.
    """
    book = grammar()
    count = MIN_CLAIMS + below(block.key, "claims", MAX_CLAIMS - MIN_CLAIMS + 1)
    count[block.office_share("no claims", _NO_CLAIMS)] = 0
    rows = np.repeat(np.arange(len(block)), count)
    number = 1 + np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    second, third = _independent(block, count)
    group = (number >= second[rows]).astype(np.int64) + (number >= third[rows])
    first = np.stack([np.ones_like(second), second, third])[group, rows]
    parent = _parents(block, rows, number, first)
    each = block.vary(block.forms("claims"), rows, number, "claims")
    numbers = closed_classes()["number"]
    each[:, _SLOT["N"]] = numbers.start + number
    each[:, _SLOT["M"]] = numbers.start + parent

    independent = number == first
    head = np.zeros(len(rows), np.int64)
    body = np.zeros(len(rows), np.int64)
    for category, kind in enumerate(("apparatus", "method", "system")):
        at = independent & (group == category)
        head[at] = block.pick(kind, rows[at], 0, "claims")
        at = ~independent & (group == category)
        head[at] = block.pick(f"of {kind}", rows[at], category, "claims")
        offered = book.choices(f"dependent {kind}", block.style[rows[at]])
        # Steps of three: neighbours differ and a group goes through all bodies before one comes again.
        choice = (below(block.key[rows[at]], "claims first body", offered) + 3 * number[at]) % offered
        body[at] = book.template(f"dependent {kind}", block.style[rows[at]], choice)
    # "one of claims 1 to m" reaches into another group from the second group on, and is odd for m = 1.
    single = ~independent & ((group > 0) | (parent == 1))
    head[single] = _naming_one_claim(book, block, rows[single], group[single])
    at = ~independent & (block.documents.second[rows] >= 0) & chance(block.key[rows], "claims combined", 0.3, number)
    body[at] = block.pick("dependent combined", rows[at], number[at], "claims")

    sentence_of = np.repeat(np.arange(len(rows)), np.where(independent, 1, 2))
    is_body = np.concatenate([[False], sentence_of[1:] == sentence_of[:-1]])[: len(sentence_of)]
    templates = np.where(is_body, body[sentence_of], head[sentence_of])
    pieces, lengths = book.expand(templates, sentence_of, each)
    per_claim = np.bincount(sentence_of, lengths, len(rows)).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), book.join(pieces, per_claim))


def _independent(block: Block, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First claim of the second and of the third group; 99 where there is none. Each group has two claims or more."""
    drawn = below(block.key, "independent", 10)
    second = np.where(drawn >= 6, 3 + below(block.key, "second group", np.maximum(count - 4, 0)), 99)
    third = np.where((drawn == 9) & (count - second >= 3), second + 2, 99)
    room = np.maximum(count - 1 - third, 0)
    return second, np.where(third < 99, third + below(block.key, "third group", room + 1), 99)


def _parents(block: Block, rows: np.ndarray, number: np.ndarray, first: np.ndarray) -> np.ndarray:
    key = block.key[rows]
    any_earlier = first + below(key, "parent", number - first, number)
    return np.where(chance(key, "parent is first", 0.6, number), first, any_earlier)


def _naming_one_claim(book: Grammar, block: Block, rows: np.ndarray, group: np.ndarray) -> np.ndarray:
    """The first wording of a reference, which names one claim in every style."""
    style, choice = block.style[rows], np.zeros(len(rows), np.int64)
    found = [book.template(f"of {kind}", style, choice) for kind in ("apparatus", "method", "system")]
    return np.stack(found)[group, np.arange(len(rows))]


def descriptions(block: Block, paragraphs: int) -> pa.StringArray:
    """Field, background and summary, then embodiments: `paragraphs` of them, joined by newlines; null for none."""
    if paragraphs == 0:
        return pa.nulls(len(block), pa.string())
    book = grammar()
    plan: list[tuple[str, int]] = []
    for number in range(paragraphs):
        role = ("field", "background", "summary", "embodiment")[min(number, 3)]
        plan += [("break", 0)] if number else []
        plan += [(role, number * 4 + nth) for nth in range(1 if role == "field" else 3)]
    rows = np.repeat(np.arange(len(block)), len(plan))
    index = np.tile(np.array([index for _, index in plan]), len(block))
    templates = np.zeros((len(block), len(plan)), np.int64)
    every = np.arange(len(block))
    for place, (role, index_of) in enumerate(plan):
        style = block.style
        offered = book.choices(role, style)
        # Neighbouring sentences of a paragraph take neighbouring templates, so that none is repeated.
        choice = (below(block.key, f"description {role}", offered, index_of // 4) + index_of % 4) % offered
        templates[every, place] = book.template(role, style, choice)
    each = block.vary(block.forms("description"), rows, index, "description")
    pieces, lengths = book.expand(templates.ravel(), np.arange(len(rows)), each)
    joined = book.join(pieces, lengths.reshape(len(block), -1).sum(axis=1))
    return pc.replace_substring(joined, "\n ", "\n")


def _running_total(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Running sum within each group; groups ascend."""
    total = np.cumsum(values)
    first = np.searchsorted(groups, groups, side="left")
    return total - total[first] + values[first]


def _null_where(missing: np.ndarray, texts: pa.StringArray) -> pa.StringArray:
    return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), texts)
