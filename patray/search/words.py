"""Texts into the terms that BM25 counts: stemmed words, or character n-grams where no blanks cut words.

A `language` says which. `english` is Snowball's English stemmer and 33 stop words; `german`, `french` and the others of
Snowball take their own stemmer, and the stop list where bm25s has one; `none` leaves words as they are. With `+ngrams`
(`english+ngrams`, of which `chinese`, `japanese`, `korean` and `thai` are other names) runs of Han, kana and Hangul
become overlapping bigrams and runs of Thai, Lao, Khmer and Burmese trigrams; words of other scripts among them stay
words.

Why n-grams: Chinese and Japanese are written without blanks, and overlapping bigrams find there what word segmentation
finds, without a dictionary (Lucene's CJKBigramFilter; Nie and Ren 1999). Korean has blanks, but particles grow onto
its words, and bigrams within them do better than the words (Lee and Ahn 1996), so Lucene takes bigrams there too. A
syllable of Thai takes about three characters, hence trigrams; Lucene asks a dictionary of ICU's, which is not here.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from patray.errors import InputError

SNOWBALL = (
    "arabic", "armenian", "basque", "catalan", "czech", "danish", "dutch", "english", "esperanto", "estonian",
    "finnish", "french", "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian",
    "nepali", "norwegian", "persian", "polish", "portuguese", "romanian", "russian", "serbian", "sesotho", "spanish",
    "swedish", "tamil", "turkish", "yiddish",
)  # fmt: skip
"""Languages with a stemmer in PyStemmer."""
UNCUT = ("chinese", "japanese", "korean", "thai")
"""Other names of `english+ngrams`: their texts are n-grams, and the Latin words in them mostly English."""
PAIRS = (
    r"\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u30ff\u3105-\u318e\u31a0-\u31bf"
    r"\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7fb\uf900-\ufaff\U0001b000-\U0001b16f"
    r"\U00020000-\U000323af"
)
"""Han, kana, bopomofo and Hangul, as ranges of a regular expression."""
TRIPLES = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Thai, Lao, Burmese and Khmer."""


@dataclass(frozen=True)
class Analysis:
    """How texts become terms. stemmer: one of SNOWBALL or None; ngrams: whether uncut scripts become n-grams."""

    stemmer: str | None
    ngrams: bool

    @property
    def plain(self) -> bool:
        """Whether this is English as it always was here: `\\w\\w+`, lower case, nothing normalised."""
        return self.stemmer == "english" and not self.ngrams


def parse_language(language: str) -> Analysis:
    """The analysis that `german`, `english+ngrams`, `chinese` or `none` stand for. Raises InputError for others."""
    if language in UNCUT:
        return Analysis("english", True)
    name, plus, ngrams = language.partition("+")
    if (name in SNOWBALL or name == "none") and (not plus or ngrams == "ngrams"):
        return Analysis(None if name == "none" else name, bool(plus))
    raise InputError(
        f"language {language!r}: allowed are {', '.join(UNCUT)}, none, and {', '.join(SNOWBALL)}; those after "
        "thai also with +ngrams"
    )


@dataclass(frozen=True)
class Encoded:
    """Texts as terms. ids (T,) int32 positions in vocabulary, text after text; lengths (n,) int64: terms of each."""

    ids: np.ndarray
    lengths: np.ndarray
    vocabulary: list[str]

    def lists(self) -> list[list[str]]:
        """The terms of each text."""
        ends = np.cumsum(self.lengths)
        return [[self.vocabulary[i] for i in part.tolist()] for part in np.split(self.ids, ends[:-1])]


def terms(texts: Sequence[str], language: str = "english") -> list[list[str]]:
    """The terms of each text: `terms(["The lifting of wheels"])` is `[["lift", "wheel"]]`."""
    return encode(texts, parse_language(language)).lists() if texts else []


def encode(texts: Sequence[str], analysis: Analysis) -> Encoded:
    """Cut, lower, drop stop words and stem; every different word is looked at once."""
    find = (_plain_words() if analysis.plain else _marked_words()).findall
    words: defaultdict[str, int] = defaultdict()
    words.default_factory = words.__len__
    sizes = np.empty(len(texts), np.int64)
    pieces = []
    for at, text in enumerate(texts):
        found = find(_folded(text, analysis))
        sizes[at] = len(found)
        pieces.append(np.fromiter(map(words.__getitem__, found), np.int32, len(found)))
    ids = np.concatenate(pieces) if pieces else np.zeros(0, np.int32)
    vocabulary, start, flat = _terms_of_words(list(words), analysis)
    counts = np.diff(start)[ids]
    row = np.repeat(np.arange(len(texts)), sizes)
    lengths = np.bincount(row, counts, minlength=len(texts)).astype(np.int64)
    first = np.repeat(start[ids] - (np.cumsum(counts) - counts), counts)
    return Encoded(flat[first + np.arange(counts.sum())], lengths, vocabulary)


def _terms_of_words(words: list[str], analysis: Analysis) -> tuple[list[str], np.ndarray, np.ndarray]:
    """(vocabulary, start (W+1,), flat): word w becomes the terms flat[start[w]:start[w + 1]]."""
    stop = _stop_words(analysis.stemmer)
    pieces = [_cut(word) for word in words] if analysis.ngrams else [[(word, False)] for word in words]
    kept = [
        [(piece, gram) for piece, gram in found if gram or (len(piece) > 1 and piece not in stop)] for found in pieces
    ]
    plain = list(dict.fromkeys(piece for found in kept for piece, gram in found if not gram))
    stems = dict(zip(plain, _stemmed(plain, analysis.stemmer), strict=True))
    places: defaultdict[str, int] = defaultdict()
    places.default_factory = places.__len__
    flat = [places[piece if gram else stems[piece]] for found in kept for piece, gram in found]
    start = np.concatenate([[0], np.cumsum([len(found) for found in kept])]).astype(np.int64)
    return list(places), start, np.array(flat, np.int32)


def _stemmed(words: list[str], stemmer: str | None) -> list[str]:
    import Stemmer

    return list(Stemmer.Stemmer(stemmer).stemWords(words)) if stemmer else words


@cache
def _stop_words(stemmer: str | None) -> frozenset[str]:
    """bm25s' list of the language; none where it has none."""
    from bm25s import stopwords

    name = {None: "", "english": "STOPWORDS_EN"}.get(stemmer, f"STOPWORDS_{str(stemmer).upper()}")
    return frozenset(getattr(stopwords, name, ()))


def _cut(word: str) -> list[tuple[str, bool]]:
    """Pieces of a run of letters: (text, whether it is an n-gram). `第12abc号` is 第, 12abc and 号."""
    found: list[tuple[str, bool]] = []
    for run in _runs().finditer(word):
        text, size = run[0], {"two": 2, "three": 3}.get(run.lastgroup or "", 0)
        if not size:
            found.append((text, False))
        else:
            found += [(text[at : at + size], True) for at in range(max(1, len(text) - size + 1))]
    return found


def _folded(text: str, analysis: Analysis) -> str:
    if analysis.plain:
        return text.lower()
    text = unicodedata.normalize("NFKC", text)
    if analysis.stemmer == "turkish":
        text = text.replace("İ", "i").replace("I", "ı")
    return text.lower()


@cache
def _plain_words() -> re.Pattern[str]:
    """bm25s' pattern of words."""
    return re.compile(r"(?u)\b\w\w+\b")


@cache
def _marked_words() -> re.Pattern[str]:
    """Runs of letters, digits and the marks on them, which `\\w` lacks: without marks Hindi and Thai fall apart."""
    return re.compile(rf"[\w{_marks()}]+")


@cache
def _runs() -> re.Pattern[str]:
    return re.compile(rf"(?P<two>[{PAIRS}]+)|(?P<three>[{TRIPLES}]+)|(?P<other>[^{PAIRS}{TRIPLES}]+)")


@cache
def _marks() -> str:
    """All combining marks, as ranges of a regular expression."""
    ranges: list[tuple[int, int]] = []
    for code in range(0x300, 0x20000):
        if unicodedata.category(chr(code)).startswith("M"):
            first = ranges.pop()[0] if ranges and ranges[-1][1] == code - 1 else code
            ranges.append((first, code))
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
