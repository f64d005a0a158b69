"""Prompt, tokenise, truncate: the same token ids for every engine.

Texts are tokenised by the snapshot's own fast tokenizer with its post-processor (so a model that needs a last token
gets it after truncation). A very long text is cut before tokenising, far beyond what the limit can use: tokens depend
on their neighbourhood alone, so the kept ones are the same, and a 70,000-character description does not cost its full
length.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from patray.errors import ModelError
from patray.models.record import ModelRecord

CHARACTERS_PER_TOKEN = 20
"""A cut at this many characters per allowed token keeps several times the tokens that a patent's words need."""
TOKENIZERS = Path.home() / ".cache" / "patray" / "tokenizers"
"""Tokenizers as transformers made them, each under a hash of its files and of the libraries."""


@dataclass(frozen=True)
class Tokenised:
    """ids: one int32 array an input, special tokens included. truncated (n,) bool."""

    ids: list[np.ndarray]
    truncated: np.ndarray


def fast_tokenizer(record: ModelRecord, snapshot: Path) -> Any:
    """The snapshot's own `tokenizers.Tokenizer`, without padding; ModelError when it has none.

    What transformers makes of the files is kept in TOKENIZERS: to import its tokenizers takes three CPU seconds and
    400 MB (torch, scikit-learn, accelerate), which each tokenising process of a node would spend again.
    """
    from tokenizers import Tokenizer

    kept = TOKENIZERS / f"{_files_key(snapshot)}.json"
    text = _read_kept(kept)
    if text is None:
        text = _load(record, snapshot).to_str()
        # A home that cannot be written costs every process its import, and nothing else.
        with contextlib.suppress(OSError):
            _keep(kept, text)
    return Tokenizer.from_str(text)


def _load(record: ModelRecord, snapshot: Path) -> Any:
    """The tokenizer that transformers makes of the files: its classes add to what tokenizer.json says."""
    from transformers import AutoTokenizer

    wrapped: Any = AutoTokenizer.from_pretrained(
        str(snapshot), local_files_only=True, trust_remote_code=False, use_fast=True
    )
    if not getattr(wrapped, "is_fast", False):
        raise ModelError(f"model {record.name}: {snapshot} has no fast tokenizer (tokenizer.json)")
    tokenizer = wrapped.backend_tokenizer
    tokenizer.no_padding()
    return tokenizer


def _files_key(snapshot: Path) -> str:
    """A hash of all that the tokenizer is made of: the versions of both libraries, and the files that may say it."""
    total = hashlib.blake2b(digest_size=16)
    for library in ("transformers", "tokenizers"):
        total.update(f"{library} {importlib.metadata.version(library)}\n".encode())
    for path in sorted(snapshot.iterdir()):
        if path.is_file() and path.suffix in (".json", ".jinja", ".model", ".txt"):
            content = path.read_bytes()
            total.update(f"{path.name} {len(content)}\n".encode())
            total.update(content)
    return total.hexdigest()


def _read_kept(path: Path) -> str | None:
    """The text behind its checksum in the first line; None where there is none, or a damaged one."""
    try:
        told, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return text if told == _checksum(text) else None


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(f"{_checksum(text)}\n{text}", encoding="utf-8")
    new.replace(path)


def _checksum(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class InputTokenizer:
    """Turns texts into the token ids that an encoder of this record takes."""

    def __init__(self, record: ModelRecord, snapshot: Path) -> None:
        self._record = record
        self._tokenizer = fast_tokenizer(record, snapshot)
        self._tokenizer.enable_truncation(record.max_tokens, direction="right")

    def __call__(self, texts: list[str], prompt: str) -> Tokenised:
        """Token ids of prompt + text. Truncation takes from the end of the text."""
        limit = CHARACTERS_PER_TOKEN * self._record.max_tokens
        whole = [prompt + text for text in texts]
        encodings = self._tokenizer.encode_batch([text[:limit] for text in whole])
        cut = np.array([len(text) > limit for text in whole], dtype=bool)
        short = [i for i in np.flatnonzero(cut) if not encodings[i].overflowing]
        for i, encoding in zip(short, self._tokenizer.encode_batch([whole[i] for i in short]), strict=True):
            encodings[i] = encoding
        ids = [np.asarray(encoding.ids, dtype=np.int32) for encoding in encodings]
        self._check_last_token(ids)
        return Tokenised(ids, np.array([bool(encoding.overflowing) for encoding in encodings], dtype=bool))

    def _check_last_token(self, ids: list[np.ndarray]) -> None:
        wanted = self._record.last_token
        if wanted is None:
            return
        wrong = next((tokens for tokens in ids if not len(tokens) or tokens[-1] != wanted), None)
        if wrong is not None:
            raise ModelError(
                f"model {self._record.name}: inputs must end with token {wanted} after truncation, but the snapshot's "
                f"tokenizer ends one with {wrong[-1] if len(wrong) else 'nothing'}; use the pinned revision "
                f"{self._record.revision}"
            )
