"""Query and document as one input of a reranker: the same token ids for every worker.

Two forms, by the record. A cross-encoder takes the pair as its tokenizer joins it ([CLS] query [SEP] document [SEP]),
both texts cut by the tokenizer's own rule, the longer one first. A generative reranker takes the record's template:
prefix and suffix are always whole, since the answer is read behind the suffix; the document is cut inside the body. A
query longer than half of the room that both share is cut to that half where the document needs its own; so a document
is never squeezed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.tokens import fast_tokenizer
from patray.errors import ModelError
from patray.models.record import ModelRecord, RerankTemplate


@dataclass(frozen=True)
class Pairs:
    """ids: one int32 array a pair, special tokens included. first (n,) int32: leading tokens of type 0, the rest are of
    type 1. truncated (n,) bool: whether a text was cut."""

    ids: list[np.ndarray]
    first: np.ndarray
    truncated: np.ndarray


class PairTokenizer:
    """Turns pairs of texts into the token ids that a reranker of this record takes."""

    def __init__(self, record: ModelRecord, snapshot: Path) -> None:
        self._record = record
        self._tokenizer = fast_tokenizer(record, snapshot)
        self._tokenizer.no_truncation()
        self._form: _Joined | _Templated
        if record.template is None:
            self._form = _Joined(record, self._tokenizer)
        else:
            self._form = _Templated(record, record.template, self._tokenizer)

    def __call__(self, queries: Sequence[str], documents: Sequence[str], pairs: np.ndarray) -> Pairs:
        """Pairs (n, 2) integer: positions in `queries` and in `documents`."""
        prompts = self._record.prompts
        return self._form.pairs(
            [prompts.query + text for text in queries], [prompts.document + text for text in documents], pairs
        )


class _Joined:
    """prefix + query + middle + document + suffix, found from how the tokenizer joins two words."""

    def __init__(self, record: ModelRecord, tokenizer: Any) -> None:
        self._tokenizer, self._limit = tokenizer, record.max_tokens
        probe = tokenizer.encode("a", "b")
        places = [
            [at for at, own in enumerate(probe.sequence_ids) if own == side] for side in (0, 1)
        ]  # fmt: skip
        if not places[0] or not places[1] or places[0][-1] > places[1][0]:
            raise ModelError(f"model {record.name}: its tokenizer does not join a query and a document in this order")
        ids, types = np.array(probe.ids, np.int32), np.array(probe.type_ids, np.int32)
        self._prefix, self._suffix = ids[: places[0][0]], ids[places[1][-1] + 1 :]
        self._middle = ids[places[0][-1] + 1 : places[1][0]]
        # Tokens of type 0 behind the query: all, some of the middle, or none where types are not used.
        self._typed = bool(types.any())
        self._first_middle = int((types[places[0][-1] + 1 : places[1][0]] == 0).sum())
        room = self._limit - len(self._prefix) - len(self._middle) - len(self._suffix)
        if room < 2:
            raise ModelError(f"model {record.name}: max_tokens {self._limit} leaves no room for a pair of texts")
        self._room = room

    def pairs(self, queries: Sequence[str], documents: Sequence[str], pairs: np.ndarray) -> Pairs:
        left, right = self._ids(queries), self._ids(documents)
        found: list[np.ndarray] = []
        first = np.empty(len(pairs), np.int32)
        truncated = np.empty(len(pairs), bool)
        for at, (query, document) in enumerate(pairs.tolist()):
            one, two = left[query], right[document]
            keep_one, keep_two = longest_first(len(one), len(two), self._room)
            found.append(np.concatenate([self._prefix, one[:keep_one], self._middle, two[:keep_two], self._suffix]))
            first[at] = len(self._prefix) + keep_one + self._first_middle if self._typed else len(found[-1])
            truncated[at] = keep_one < len(one) or keep_two < len(two)
        return Pairs(found, first, truncated)

    def _ids(self, texts: Sequence[str]) -> list[np.ndarray]:
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [np.asarray(encoding.ids, dtype=np.int32) for encoding in encodings]


class _Templated:
    """prefix + body + suffix, the body with the pair in its slots."""

    def __init__(self, record: ModelRecord, template: RerankTemplate, tokenizer: Any) -> None:
        self._name, self._template, self._tokenizer = record.name, template, tokenizer
        self._prefix, self._suffix = (self._encode(text).ids for text in (template.prefix, template.suffix))
        self._room = record.max_tokens - len(self._prefix) - len(self._suffix)
        # What the pair shares: the body's own words are counted with one token to spare on each side of a slot.
        self._shared = self._room - len(self._encode(template.body_of("", "")).ids) - 4
        if self._shared < 2:
            raise ModelError(f"model {record.name}: max_tokens {record.max_tokens} leaves no room inside its template")

    def pairs(self, queries: Sequence[str], documents: Sequence[str], pairs: np.ndarray) -> Pairs:
        lengths = [len(self._encode(text).ids) for text in documents]
        asked = [self._encode(text) for text in queries]
        found: list[np.ndarray] = []
        truncated = np.empty(len(pairs), bool)
        for at, (query, document) in enumerate(pairs.tolist()):
            text, cut = queries[query], False
            keep, _ = longest_first(len(asked[query].ids), lengths[document], self._shared)
            if keep < len(asked[query].ids):
                text, cut = text[: asked[query].offsets[keep - 1][1]], True
            body, shortened = self._body(text, documents[document])
            found.append(np.array([*self._prefix, *body, *self._suffix], dtype=np.int32))
            truncated[at] = cut or shortened
        return Pairs(found, np.array([len(ids) for ids in found], np.int32), truncated)

    def _body(self, query: str, document: str) -> tuple[list[int], bool]:
        """Token ids of the body, its document cut at the end where it is too long; and whether it was."""
        encoding = self._encode(self._template.body_of(query, document))
        excess = len(encoding.ids) - self._room
        if excess <= 0:
            return encoding.ids, False
        # Where the document stands: behind all that the body says before its slot.
        before = self._template.body.partition("{document}")[0]
        begin = len(self._template.model_copy(update={"body": before}).body_of(query, ""))
        inside = [
            at for at, (start, stop) in enumerate(encoding.offsets)
            if start >= begin and stop <= begin + len(document)
        ]  # fmt: skip
        if len(inside) <= excess:
            raise ModelError(
                f"model {self._name}: a query leaves no room for any document within its template; raise max_tokens"
            )
        dropped = set(inside[-excess:])
        return [token for at, token in enumerate(encoding.ids) if at not in dropped], True

    def _encode(self, text: str) -> Any:
        return self._tokenizer.encode(text, add_special_tokens=False)


def longest_first(one: int, two: int, room: int) -> tuple[int, int]:
    """How many tokens two texts of `one` and `two` tokens keep within `room`: the longer gives way first, and where
    both are long each gets half. The rule `longest_first` of the tokenizers library."""
    if one + two <= room:
        return one, two
    short, long = min(one, two), max(one, two)
    long = short if short > room else max(short, room - short)
    if short + long > room:
        short = room // 2
        long = short + room % 2
    return (short, long) if one <= two else (long, short)
