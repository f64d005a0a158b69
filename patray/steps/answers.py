"""Answers of a language model that are kept as they come, so that a run that was stopped asks for none of them again.

    lister = Remembered(load, folder, {"model": "...", "versions": {...}})
    lister.answer(prompts, 120)             # asks in groups; what `folder` holds of them is taken

A group is cut from the prompts alone and is asked whole or not at all: an engine's batches are those of a run that was
never stopped, and so are its answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from patray.artifacts import key_of
from patray.encoders.listwise import Lister
from patray.files import Folder

GROUP = 256
"""Prompts that are asked at once, and lost when the run is stopped."""


class Remembered:
    """A Lister over another one, which is loaded when something is left to ask.

    identity: all that decides an answer beside its prompt. kept: prompts whose answers were there already.
    """

    def __init__(
        self, load: Callable[[], Lister], folder: Folder, identity: Mapping[str, Any], group: int = GROUP
    ) -> None:
        self._load, self._folder, self._identity, self._group = load, folder, dict(identity), group
        self._lister: Lister | None = None
        self._there = set(folder.list()) if folder.exists() else set()
        self.kept = 0

    def answer(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[str]:
        found: list[str] = []
        for start in range(0, len(prompts), self._group):
            group = prompts[start : start + self._group]
            found += self._answer(group, tokens)
        return found

    def _answer(self, group: Sequence[Sequence[int]], tokens: int) -> list[str]:
        total = hashlib.blake2b(digest_size=16)
        for prompt in group:
            total.update(np.array([len(prompt), *prompt], dtype="<i8").tobytes())
        name = f"{key_of({**self._identity, 'tokens': tokens, 'prompts': total.hexdigest()})}.json"
        if name in self._there:
            self.kept += len(group)
            return [str(text) for text in self._folder.read_json(name)]
        if self._lister is None:
            self._lister = self._load()
        answers = self._lister.answer(group, tokens)
        self._folder.write_json(name, answers)
        return answers
