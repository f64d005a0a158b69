"""What counts as a relevant citation: whose, and which letters of the search report with which grade.

A pair may be cited several times, by several people, with several letters: `XD`, or Y from one office and A from
another. Its grade is that of its best letter; D, P, T and the like stand beside a letter and change nothing unless they
have a grade of their own. A pair without any letter is unknown, and counts as `unknown` says (0 by default): most
offices never give letters, so it is no background document either. US rejections have no letters but the section that
they rely on, 102 or 103, which grades a pair as a letter does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.landscapes.cited_how import ORIGINS, RELIANCE, STRENGTH, UNKNOWN, category_bits, origin_bits, reliance_bits
from patray.landscapes.records import Metadata

Category = Literal["X", "N", "I", "Y", "E", "P", "A", "D", "T", "O", "L", "&", "102", "103", "unknown"]
Who = Literal["examiner", "applicant", "opposition", "third party", "other", "unknown"]
CATEGORIES: tuple[str, ...] = get_args(Category)
"""As the bits of a pair's set of categories, `unknown` last: no bit."""
_LETTERS = np.uint32((1 << len(STRENGTH)) - 1)
WHO: tuple[str, ...] = get_args(Who)


class NotSaidError(InputError):
    """A suite asks who cited, or how, of a landscape whose truth does not say."""


@dataclass(frozen=True)
class CitedBy:
    """Which citations count. relevant: letter (or `unknown`) -> grade, None for grade 1 each; origin: whose, all if
    empty."""

    relevant: Mapping[str, int] | None = None
    origin: Sequence[str] = ()

    @property
    def asks(self) -> tuple[str, ...]:
        """The keys of a suite that ask for it; empty where all citations count alike."""
        asked = ("relevant", self.relevant is not None), ("origin", bool(self.origin))
        return tuple(key for key, is_set in asked if is_set)


ALL = CitedBy()


def as_words(value: Any) -> Any:
    """Keys or elements that YAML read as numbers, as words: {102: 3} -> {"102": 3}, [102] -> ["102"]."""
    if isinstance(value, dict):
        return {_word(key): one for key, one in value.items()}
    return [_word(one) for one in value] if isinstance(value, list | tuple) else value


def _word(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def check_relevant(grades: Mapping[str, int]) -> dict[str, int]:
    """The grades with their letters in upper case. Raises ValueError, for a suite, with what is allowed."""
    found: dict[str, int] = {}
    for said, grade in grades.items():
        letter = said.strip() if said.strip() == UNKNOWN else said.strip().upper()
        if letter not in CATEGORIES:
            raise ValueError(f"{said!r} is no category of a citation; allowed are {', '.join(CATEGORIES)}, one each")
        if letter in found:
            raise ValueError(f"{letter!r} is there twice")
        if grade < 0:
            raise ValueError(f"{said}: {grade} is no grade; allowed are 0 (not relevant) and above")
        found[letter] = grade
    if not any(found.values()):
        raise ValueError("no category has a grade above 0, so nothing would be relevant")
    return found


def check_said(metadata: Metadata, asked: CitedBy) -> None:
    """Raise NotSaidError where the landscape does not hold what `asked` needs."""
    if not asked.asks:
        return
    which = _keys(asked)
    if metadata.qrels is not None:
        raise NotSaidError(
            f"{metadata.name}: {which} asks for certain citations, but the truth of this landscape is qrels.parquet"
        )
    columns = () if metadata.citations is None else metadata.citations.column_names
    needs = {"relevant": _columns_of(asked.relevant or ()), "origin": ("origin",) if asked.origin else ()}
    for key, wanted in needs.items():
        if not wanted or metadata.citations is None:
            continue
        rows = len(metadata.citations)
        if not any(name in columns and metadata.citations[name].null_count < rows for name in wanted):
            named = " or ".join(wanted)
            raise NotSaidError(
                f"{metadata.name}: {key} is asked for (tasks.retrieval, or a recipe's source), but no citation of this "
                f"landscape says its {named} (column {named} of citations.parquet); leave {key} out, or import a "
                "source that says it"
            )


def _columns_of(grades: Iterable[str]) -> tuple[str, ...]:
    """The columns of citations.parquet that say whether a citation is of these categories."""
    sections = [one for one in grades if one in RELIANCE]
    letters = [one for one in grades if one not in RELIANCE]
    return (*(("category",) if letters else ()), *(("reliance",) if sections else ()))


def count_words(metadata: Metadata) -> dict[str, dict[str, int]]:
    """Citations by origin, category and reliance, most first, `unknown` where it is not said; no silent columns."""
    table, found = metadata.citations, {}
    for name in ("origin", "category", "reliance"):
        if table is None or name not in table.column_names or table[name].null_count == len(table):
            continue
        words = pc.fill_null(table[name], UNKNOWN).value_counts().to_pylist()
        counted = {str(row["values"]): int(row["counts"]) for row in words}
        found[name] = dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
    return found


def why_none(metadata: Metadata, asked: CitedBy) -> str:
    """Why no citation is left, with what there is."""
    words = {} if metadata.citations is None else count_words(metadata)
    there = "; ".join(
        f"{name}: " + ", ".join(f"{word} {n:,}" for word, n in list(counted.items())[:8])
        for name, counted in words.items()
    )
    return f"no citation is what {_keys(asked)} asks for; there are {there}"


def cited_pairs(metadata: Metadata, direction: str, asked: CitedBy) -> tuple[pa.Table, dict[str, np.ndarray]]:
    """(query_id, patent_id, relevance, category, origin of each pair once; why a pair does not count -> (P,) bool).

    category (with reliance), origin: uint32 sets, of those citations of the pair whose origin is asked for. A pair that
    does not count has relevance 0; at most one reason holds: pairs_origin, pairs_unknown (no letter), pairs_category
    (other letters).
    """
    assert metadata.citations is not None
    citing, cited = metadata.citations["citing_id"], metadata.citations["cited_id"]
    ways = {"cited": [(citing, cited)], "citing": [(cited, citing)], "both": [(citing, cited), (cited, citing)]}
    category, origin, reliance = (
        bits(metadata.citations[name]) if name in metadata.citations.column_names else np.zeros(len(citing), np.uint32)
        for name, bits in (("category", category_bits), ("origin", origin_bits), ("reliance", reliance_bits))
    )
    category = category | reliance
    counts = _of_origin(origin, asked.origin)
    if not (category.any() or origin.any()):
        bare = pa.concat_tables([pa.table({"query_id": q, "patent_id": p}) for q, p in ways[direction]])
        bare = bare.group_by(["query_id", "patent_id"]).aggregate([])
        ones, none = np.ones(bare.num_rows, np.int32), np.zeros(bare.num_rows, np.uint32)
        return pa.table({**dict(zip(bare.column_names, bare.columns, strict=True)), "relevance": ones,
                         "category": none, "origin": none}), {}  # fmt: skip
    said = {"category": np.where(counts, category, 0), "origin": np.where(counts, origin, 0), "counts": counts}
    rows = pa.concat_tables([pa.table({"query_id": q, "patent_id": p, **said}) for q, p in ways[direction]])
    pairs = rows.group_by(["query_id", "patent_id"], use_threads=False).aggregate(
        [("category", "list"), ("origin", "list"), ("counts", "any")]
    )
    merged = {name: _union(pairs[f"{name}_list"]) for name in ("category", "origin")}
    counted = pairs["counts_any"].to_numpy()
    sections = {*RELIANCE} & {*(asked.relevant or ())}
    looked_at = merged["category"] if sections else merged["category"] & _LETTERS
    unknown = counted & (looked_at == 0)
    grades = np.where(counted, _grades(looked_at, asked.relevant), 0).astype(np.int32)
    reasons = {
        "pairs_origin": ~counted,
        "pairs_unknown": unknown & (grades == 0),
        "pairs_category": counted & ~unknown & (grades == 0),
    }
    table = pa.table(
        {"query_id": pairs["query_id"], "patent_id": pairs["patent_id"], "relevance": pa.array(grades), **merged}
    )
    return table, reasons


def _of_origin(origin: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(n,) bool: rows of one of the origins; of all where none is named."""
    if not names:
        return np.ones(len(origin), dtype=bool)
    bits = sum(1 << ORIGINS.index(name) for name in names if name != UNKNOWN)
    return ((origin & np.uint32(bits)) > 0) | ((origin == 0) & (UNKNOWN in names))


def _union(lists: pa.ChunkedArray) -> np.ndarray:
    """(P,) uint32: the union of each list of sets; no list is empty."""
    array = lists.combine_chunks()
    if not len(array):
        return np.zeros(0, np.uint32)
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    starts = array.offsets.to_numpy()[:-1]
    return np.bitwise_or.reduceat(array.values.to_numpy(zero_copy_only=False).astype(np.uint32), starts)


def _grades(category: np.ndarray, relevant: Mapping[str, int] | None) -> np.ndarray:
    """(P,) int32: the grade of the best letter, that of `unknown` where there is none; 1 without `relevant`."""
    if relevant is None:
        return np.ones(len(category), np.int32)
    best = np.where(category == 0, relevant.get(UNKNOWN, 0), 0).astype(np.int32)
    for letter, grade in relevant.items():
        if letter != UNKNOWN:
            has = (category & np.uint32(1 << CATEGORIES.index(letter))) > 0
            best = np.where(has, np.maximum(best, grade), best)
    return best.astype(np.int32)


def _keys(asked: CitedBy) -> str:
    return " and ".join(f"{key} ({_said(getattr(asked, key))})" for key in asked.asks)


def _said(value: Mapping[str, int] | Sequence[str]) -> str:
    return (
        ", ".join(f"{key}: {grade}" for key, grade in value.items()) if isinstance(value, Mapping) else ", ".join(value)
    )
