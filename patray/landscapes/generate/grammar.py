"""Sentences as arrays: templates with slots become ragged arrays of pieces, and pieces become text in one join.

A piece is a string with its leading space (" the hinge joint", " is connected to", ","). A noun form has pieces with
articles, a verb form has its inflections; a template is a row of pieces and slots. So a million sentences are
written by numpy and arrow, without a Python loop over texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

INFLECTIONS = 6
_NOUN = {"": 0, "a": 1, "the": 2, "A": 3, "The": 4, "Bare": 5}
_VERB = {"": 0, "s": 1, "ing": 2, "Ing": 3, "to": 4, "Base": 5}
_SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")
_DOUBLED = frozenset(
    ("cancel", "control", "fit", "flag", "let", "log", "map", "model", "offset", "permit", "propel", "retrofit", "run",
     "set", "shed", "signal", "step", "stop", "swap", "transfer", "travel")
)  # fmt: skip


_NO_ARTICLE = (
    "glasses", "spectacles", "eyewear", "pants", "underwear", "cutlery", "software", "learning", "sensing", "vision",
    "recognition", "evaluation", "control", "feedback", "signalling", "stimulation", "actuation", "compensation",
    "fitting", "manufacturing", "shaping", "measurement", "detection", "exchange",
)  # fmt: skip
"""Last words of plural and mass nouns."""


def _indefinite(noun: str) -> str:
    if noun.endswith(_NO_ARTICLE):
        return noun
    first = noun.split()[0].lower()
    as_consonant = first.startswith(("use", "one", "uni", "uti")) and not first.startswith("unin")
    return f"an {noun}" if first[0] in "aeiou" and not as_consonant else f"a {noun}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def noun_pieces(noun: str) -> list[str]:
    """Bare, indefinite, definite, both capitalised, capitalised bare."""
    phrases = [noun, _indefinite(noun), f"the {noun}"]
    return [" " + phrase for phrase in (*phrases, _capital(phrases[1]), _capital(phrases[2]), _capital(noun))]


def verb_pieces(phrase: str) -> list[str]:
    """Plain, third person, -ing, capitalised -ing, infinitive, capitalised plain form of a verb phrase."""
    verb, _, rest = phrase.partition(" ")
    rest = f" {rest}" if rest else ""
    if verb.endswith(("s", "sh", "ch", "x", "z")):
        third = verb + "es"
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        third = verb[:-1] + "ies"
    else:
        third = verb + "s"
    if verb in _DOUBLED:
        gerund = verb + verb[-1] + "ing"
    elif verb.endswith("e") and verb != "cue" and not verb.endswith("ee"):
        gerund = verb[:-1] + "ing"
    else:
        gerund = verb + "ing"
    phrases = (phrase, third + rest, gerund + rest, _capital(gerund) + rest, f"to {phrase}", _capital(phrase))
    return [" " + text for text in phrases]


@dataclass(frozen=True)
class Grammar:
    """Compiled templates over a table of pieces.

    pieces: all strings. words (pieces,): words of each. first_form: piece of form 0, inflection 0; form f in
    inflection i is piece first_form + INFLECTIONS * f + i. tokens: templates one after another; a token >= 0 is a
    piece, a token < 0 is slot and inflection. start, length (templates,). role_number: row of a role in role_ids
    (roles, styles, widest), the templates that each style offers, and in role_count (roles, styles).
    """

    pieces: pa.StringArray
    words: np.ndarray
    first_form: int
    tokens: np.ndarray
    start: np.ndarray
    length: np.ndarray
    role_number: Mapping[str, int]
    role_ids: np.ndarray
    role_count: np.ndarray

    def choices(self, role: str, style: np.ndarray) -> np.ndarray:
        """(n,) how many templates each style offers for a role."""
        return self.role_count[self.role_number[role], style]

    def template(self, role: str, style: np.ndarray, choice: np.ndarray) -> np.ndarray:
        """(n,) template numbers; choice in [0, choices)."""
        return self.role_ids[self.role_number[role], style, choice]

    def expand(self, templates: np.ndarray, rows: np.ndarray, forms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pieces of sentences, one after another, and how many each has.

        templates, rows (sentences,): which template, filled from which row of forms (rows, slots).
        """
        lengths = self.length[templates]
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        tokens = self.tokens[np.repeat(self.start[templates], lengths) + within]
        places = np.flatnonzero(tokens < 0)
        slots, inflections = np.divmod(-tokens[places] - 1, INFLECTIONS)
        filled = forms[np.repeat(rows, lengths)[places], slots]
        tokens[places] = self.first_form + INFLECTIONS * filled + inflections
        return tokens, lengths

    def sentence_words(self, pieces: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """(sentences,) words of each sentence."""
        ends = np.concatenate([[0], np.cumsum(self.words[pieces])])
        places = np.concatenate([[0], np.cumsum(lengths)])
        return ends[places[1:]] - ends[places[:-1]]

    def join(self, pieces: np.ndarray, per_text: np.ndarray) -> pa.StringArray:
        """Texts from pieces; per_text (texts,) says how many pieces each takes."""
        offsets = np.concatenate([[0], np.cumsum(per_text)]).astype(np.int32)
        lists = pa.ListArray.from_arrays(pa.array(offsets), self.pieces.take(pa.array(pieces)))
        return pc.utf8_ltrim(pc.binary_join(lists, ""), characters=" ")


def compile_grammar(
    nouns_and_verbs: Sequence[tuple[str, bool]],
    slots: Sequence[str],
    verb_slots: frozenset[str],
    roles: Mapping[str, Sequence[Sequence[str]]],
) -> Grammar:
    """A grammar from forms (text, is it a verb phrase), slot names and role -> templates per style."""
    strings: dict[str, int] = {}
    tokens: list[int] = []
    start: list[int] = []
    length: list[int] = []
    number_of: dict[str, int] = {}

    def add(template: str) -> int:
        if template in number_of:
            return number_of[template]
        row: list[int] = []
        end = 0
        for match in _SLOT.finditer(template):
            literal = template[end : match.start()].removesuffix(" ")
            if literal:
                row.append(strings.setdefault(_spaced(literal, end), len(strings)))
            name, inflection = match.group(1), match.group(2) or ""
            row.append(-1 - (slots.index(name) * INFLECTIONS + (_VERB if name in verb_slots else _NOUN)[inflection]))
            end = match.end()
        if template[end:]:
            row.append(strings.setdefault(_spaced(template[end:], end), len(strings)))
        start.append(len(tokens))
        length.append(len(row))
        tokens.extend(row)
        return number_of.setdefault(template, len(number_of))

    compiled = [[[add(template) for template in style] for style in styles] for styles in roles.values()]
    widest = max(len(style) for styles in compiled for style in styles)
    ids = np.zeros((len(compiled), len(compiled[0]), widest), dtype=np.int64)
    for role, styles in enumerate(compiled):
        for style, templates in enumerate(styles):
            ids[role, style, : len(templates)] = templates
    texts = list(strings)
    for form, is_verb in nouns_and_verbs:
        texts += verb_pieces(form) if is_verb else noun_pieces(form)
    return Grammar(
        pieces=pa.array(texts, pa.string()),
        words=np.array([text.count(" ") for text in texts], dtype=np.int64),
        first_form=len(strings),
        tokens=np.array(tokens, dtype=np.int64),
        start=np.array(start, dtype=np.int64),
        length=np.array(length, dtype=np.int64),
        role_number={role: number for number, role in enumerate(roles)},
        role_ids=ids,
        role_count=np.array([[len(style) for style in styles] for styles in compiled], dtype=np.int64),
    )


def _spaced(literal: str, end: int) -> str:
    """A literal begins a sentence with a space; after a slot it keeps what the template has (a space or a comma)."""
    return literal if end or literal[0] in ",.;:\n" else f" {literal}"
