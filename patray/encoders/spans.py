"""Read a long text in spans: pieces of so many tokens, one beginning every `stride` tokens, each read as a text.

    Spans(256, 128) of a text of 400 tokens, two of them special: tokens 0-254, 128-382, 256-400, each behind the prompt

A piece is cut out of the text where its first and last token stand and tokenised anew, so prompt, special tokens and
a last token are those of any text. A piece that begins inside a word can get a token more than it had; what is then
beyond `tokens` is cut, and stands in the next piece too where pieces overlap. The last piece ends with the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from patray.encoders.tokens import InputTokenizer, Tokenised, fast_tokenizer
from patray.errors import ModelError
from patray.models.record import ModelRecord


@dataclass(frozen=True, order=True)
class Spans:
    """tokens: of a piece, prompt and special tokens included; stride: tokens from the start of one to the next."""

    tokens: int
    stride: int

    def __str__(self) -> str:
        return f"{self.tokens}-{self.stride}"

    def starts(self, length: int, room: int) -> range:
        """Where the pieces of a text of `length` tokens begin, `room` tokens each: 0, stride, ... to its end."""
        more = max(0, -(-(length - room) // self.stride))
        return range(0, more * self.stride + 1, self.stride)


class SpanTokenizer:
    """Turns texts into the token ids of their pieces."""

    def __init__(self, record: ModelRecord, snapshot: Path, spans: Spans) -> None:
        self._record, self._spans = record, spans
        self._pieces = InputTokenizer(record.model_copy(update={"max_tokens": spans.tokens}), snapshot)
        self._whole = fast_tokenizer(record, snapshot)
        self._whole.no_truncation()

    def __call__(self, texts: list[str], prompt: str) -> tuple[Tokenised, np.ndarray]:
        """(ids of all pieces, one text's after another; (n,) int64: pieces of each text, at least 1)."""
        pieces: list[str] = []
        counts = np.zeros(len(texts), np.int64)
        for at, text in enumerate(texts):
            own = self.pieces(text, prompt)
            counts[at] = len(own)
            pieces += own
        return self._pieces(pieces, prompt), counts

    def pieces(self, text: str, prompt: str) -> list[str]:
        """The pieces of one text, in order."""
        room = self._spans.tokens - len(self._pieces([""], prompt).ids[0])
        if room < 1:
            raise ModelError(
                f"model {self._record.name}: spans of {self._spans.tokens} tokens hold no text beside the prompt and "
                f"special tokens ({self._spans.tokens - room} tokens)"
            )
        offsets = self._whole.encode(text, add_special_tokens=False).offsets
        if not offsets:
            return [text]
        last = len(offsets) - 1
        return [
            text[offsets[start][0] : offsets[min(start + room - 1, last)][1]]
            for start in self._spans.starts(len(offsets), room)
        ]


def span_counts(lengths: np.ndarray, spans: Spans, overhead: int) -> np.ndarray:
    """(n,) int64: pieces of texts of `lengths` (n,) tokens, `overhead` of them prompt and special tokens."""
    content, room = np.maximum(lengths - overhead, 0), max(1, spans.tokens - overhead)
    return 1 + np.maximum(0, np.ceil((content - room) / spans.stride)).astype(np.int64)


def span_tokens(lengths: np.ndarray, spans: Spans, overhead: int) -> np.ndarray:
    """(n,) float64: tokens that are read of each text, what pieces share and their prompts counted each time."""
    content, room = np.maximum(lengths - overhead, 0), max(1, spans.tokens - overhead)
    more = span_counts(lengths, spans, overhead) - 1
    return np.asarray(content + more * (room - spans.stride) + (more + 1) * overhead, np.float64)
