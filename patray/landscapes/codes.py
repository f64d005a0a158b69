"""IPC and CPC codes, in all the spellings that offices and exports use, cut to section, class and subclass.

Spellings read: `A61B5/0205`, `A61B 5/0205`, `A61B   5/0205 20060101AFI...`, `A61B   5/    02` (fixed width),
`A61B-005/02` (Orbit, Derwent), `A61B0005020500` (sortable), `A61M51723` (HUPD, whose main group cannot be told),
`A61B 5`, `A61B`, `A61`, `A`, in any case. Anything else is None and counted. Class is what the papers call IPC3,
subclass IPC4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from patray.errors import InputError

LEVELS: dict[str, int] = {"section": 1, "class": 3, "subclass": 4}
"""Level -> characters of the code."""
SCHEMES = ("ipc", "cpc")

INDEXING_GROUP = 2000
"""CPC main groups from here on are indexing codes: additional information, not what a patent is about."""

_SYMBOL = re.compile(
    r"""([A-HY])
    (?:\s?(\d\d)
      (?:\s?([A-Z])
        (?: \s*-?\s*(?P<slashed>\d{1,4})\s*/\s*\d{1,6}(?:[\s(,;].*)?  # A61B 5/0205, A61B-005/02, anything may follow
          | (?P<sortable>\d{4})\d{6}(?:[\s(,;].*)?               # A61B0005020500
          | \s+(?P<group>\d{1,4})                              # A61B 5
          | \d{1,10}                                           # A61M51723: no slash, no main group
        )?
      )?
    )?""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Code:
    """One classification code; main_group is -1 where the spelling does not tell it."""

    symbol: str
    main_group: int = -1

    def at(self, level: str) -> str | None:
        """The code cut to a level, None when it is not that deep."""
        size = LEVELS[level]
        return self.symbol[:size] if len(self.symbol) >= size else None


def parse_code(text: str) -> Code | None:
    """The code that a string spells, None for an unknown spelling."""
    match = _SYMBOL.fullmatch(text.strip().upper())
    if match is None:
        return None
    group = match["slashed"] or match["sortable"] or match["group"]
    return Code("".join(part for part in match.group(1, 2, 3) if part), int(group) if group else -1)


def counts_as_subject(code: Code, scheme: str) -> bool:
    """False for CPC's section Y (tags) and 2000-series (indexing), which say nothing about the field of a patent."""
    return scheme != "cpc" or not (code.symbol.startswith("Y") or code.main_group >= INDEXING_GROUP)


@dataclass(frozen=True)
class CodeSets:
    """Which rows hold which codes: rows (M,) int64 and codes (M,) int32, positions in `names`, sorted, unique pairs.

    unknown: how many code strings had a spelling that could not be read; examples: the first few of them.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    codes: np.ndarray
    unknown: int
    examples: tuple[str, ...]


def code_sets(column: pa.Array | pa.ChunkedArray, level: str, scheme: str) -> CodeSets:
    """Codes of every row of a list<string> column at a level, subject codes only, each once per row."""
    check_level(level, scheme)
    lists = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) and column.num_chunks else column
    if isinstance(lists, pa.ChunkedArray):
        return CodeSets((), np.zeros(0, np.int64), np.zeros(0, np.int32), 0, ())
    sizes = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(lists), dtype=np.int64), sizes)
    encoded = lists.flatten().dictionary_encode()
    spelled = encoded.dictionary.to_pylist()
    places = encoded.indices.fill_null(len(spelled)).to_numpy(zero_copy_only=False)

    parsed = [parse_code(text) if text else None for text in spelled]
    cut = [code.at(level) if code and counts_as_subject(code, scheme) else None for code in parsed]
    names = tuple(sorted({name for name in cut if name}))
    position = {name: i for i, name in enumerate(names)}
    table = np.array([position[name] if name else -1 for name in cut] + [-1], dtype=np.int64)
    strange = np.array([code is None for code in parsed] + [False])

    codes = table[places]
    pairs = np.unique(rows[codes >= 0] * max(len(names), 1) + codes[codes >= 0])
    return CodeSets(
        names=names,
        rows=pairs // max(len(names), 1),
        codes=(pairs % max(len(names), 1)).astype(np.int32),
        unknown=int(strange[places].sum()),
        examples=tuple(text for text, code in zip(spelled, parsed, strict=True) if code is None)[:3],
    )


def check_level(level: str, scheme: str) -> None:
    """Raise InputError for a level or scheme that does not exist."""
    if level not in LEVELS or scheme not in SCHEMES:
        raise InputError(
            f"unknown classification {scheme}-{level}; allowed are {', '.join(SCHEMES)} at {', '.join(LEVELS)}"
        )


def code_bits(sets: Sequence[CodeSets], rows: int) -> np.ndarray:
    """(rows, words) uint64: the union of several code sets as bit masks; two rows share a code if any `&` is not 0."""
    names = sorted({name for one in sets for name in one.names})
    position = {name: i for i, name in enumerate(names)}
    bits = np.zeros((rows, max(1, -(-len(names) // 64))), dtype=np.uint64)
    for one in sets:
        if not one.names:
            continue
        codes = np.array([position[name] for name in one.names])[one.codes]
        np.bitwise_or.at(bits, (one.rows, codes // 64), np.uint64(1) << (codes % 64).astype(np.uint64))
    return bits
