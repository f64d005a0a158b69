"""Which language BM25 takes texts to be in, told by their script and their stop words: the same texts, the same answer.

Every text votes. Scripts that blanks do not cut are counted in characters (two for a word, three where words are
n-grams of three), all others in words. Words vote for the language of whose stop words they hold most, a word that
stands in several lists for each of them by its share. Nothing is downloaded and nothing learnt.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from patray.search.words import PAIRS, TRIPLES

NGRAM_SHARE = 0.05
"""From this share of the texts on, n-grams are taken for what blanks do not cut."""
UNCUT_SHARE = 0.2
"""A text needs n-grams where this share of its words is written without blanks."""
_SCRIPTS = {
    "latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff", "cyrillic": "\u0400-\u052f", "greek": "\u0370-\u03ff\u1f00-\u1fff",
    "arabic": "\u0600-\u06ff\u0750-\u077f", "devanagari": "\u0900-\u097f", "tamil": "\u0b80-\u0bff",
    "armenian": "\u0530-\u058f",
}  # fmt: skip
_ONLY = {"greek": "greek", "tamil": "tamil", "armenian": "armenian", "devanagari": "hindi"}
"""Scripts that one stemmer alone is for (Nepali has a stemmer too, and must be asked for)."""
_MARKERS = {
    "finnish": "ja on että sekä joka jossa ovat tai jonka jotka mukaisesti siten",
    "hungarian": "és hogy amely egy vagy valamint az azzal ahol amelynek szerint van",
    "polish": "i oraz się jest że który która przez lub dla do jako",
    "czech": "a že je který která které nebo pro jako při podle jsou se",
    "romanian": "și în care este sau pentru din prin cu unei unui acesta",
    "estonian": "ja on mis ning kus või mille koos vastavalt millel see",
    "lithuanian": "ir yra kad kuris kuri arba su pagal bei iš kai",
    "catalan": "i amb que els les dels una per està aquest segons",
    "indonesian": "dan yang dengan untuk pada dari adalah tersebut oleh sebuah",
    "basque": "eta da dira edo duen bat honen baita dituen",
    "irish": "agus an na ar atá le nó go is sa",
    "esperanto": "kaj la estas en de kun aŭ por kiu per",
    "persian": "و در به از که این است با را برای",
    "arabic": "في من على إلى أن التي هذا أو عن مع",
}
"""A few words without which hardly a text is written, for the languages of which bm25s has no list."""


def choose_language(texts: Sequence[str]) -> str:
    """The `language` of BM25 for these texts: `german`, `chinese`, `english+ngrams`; `english` where nothing tells."""
    votes: Counter[str] = Counter()
    uncut: Counter[str] = Counter()
    read = 0
    for text in texts:
        name, characters = _uncut(text)
        words = [word.lower() for word in re.findall(r"[^\W\d_]+", _without(text))]
        units = characters + len(words)
        read += units > 0
        if characters >= UNCUT_SHARE * units > 0:
            uncut[name] += 1
        if len(words) >= UNCUT_SHARE * units > 0:
            votes[_language(words)] += 1
    known = Counter({name: count for name, count in votes.items() if name and count >= NGRAM_SHARE * read})
    language = known.most_common(1)[0][0] if known else "english"
    grams = sum(uncut.values())
    if grams < NGRAM_SHARE * max(read, 1) or not grams:
        return language
    name = uncut.most_common(1)[0][0]
    return name if language == "english" and 2 * grams > read else f"{language}+ngrams"


def _uncut(text: str) -> tuple[str, float]:
    """(chinese, japanese, korean or thai; how many words are written without blanks) of a text."""
    pairs = len(re.findall(f"[{PAIRS}]", text))
    kana, hangul = len(re.findall("[\u3040-\u30ff]", text)), len(re.findall("[\uac00-\ud7a3]", text))
    triples = len(re.findall(f"[{TRIPLES}]", text))
    name = "korean" if 2 * hangul > pairs else "japanese" if 10 * kana > pairs else "chinese"
    return ("thai" if triples > pairs else name), pairs / 2 + triples / 4


def _without(text: str) -> str:
    return re.sub(f"[{PAIRS}{TRIPLES}]+", " ", text)


def _language(words: Sequence[str]) -> str:
    """The language that most stop words among the words are of; none for a script without a stemmer, "" if unknown."""
    joined = "".join(words)
    letters = {name: len(re.findall(f"[{ranges}]", joined)) for name, ranges in _SCRIPTS.items()}
    script = max(letters, key=letters.__getitem__)
    if 2 * letters[script] < len(joined):
        return "none"
    if script in _ONLY:
        return _ONLY[script]
    votes: dict[str, float] = {}
    for word in words:
        for language, share in _shares().get(word, ()):
            votes[language] = votes.get(language, 0.0) + share
    return max(votes, key=lambda name: (votes[name], name)) if votes else ""


@cache
def _shares() -> dict[str, tuple[tuple[str, float], ...]]:
    """Stop word -> (language, 1 / number of languages that have it) of each."""
    from bm25s import stopwords

    lists = {name: frozenset(words.split()) for name, words in _MARKERS.items()}
    for name in dir(stopwords):
        language = name.removeprefix("STOPWORDS_").lower()
        if name.startswith("STOPWORDS_") and language not in ("chinese", "korean", "en", "en_plus"):
            lists[language] = frozenset(getattr(stopwords, name))
    lists["english"] = frozenset(stopwords.STOPWORDS_EN_PLUS)
    by_word: dict[str, list[str]] = {}
    for language, words in lists.items():
        for word in words:
            by_word.setdefault(word, []).append(language)
    return {word: tuple((name, 1 / len(names)) for name in names) for word, names in by_word.items()}
