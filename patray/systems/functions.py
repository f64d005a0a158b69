"""Python functions as systems: a ranker, or an encoder whose vectors are compared as those of any model.

    @patray.ranker("newest")
    def newest(task):
        return np.tile(task.truth.patent_date, (len(task.truth.query_ids), 1))

    @patray.encoder("ours")
    def encode(texts, role):
        return model.encode(texts)

make `systems: [{ranker: newest}, {encoder: ours}]` run. They are called in the driver, once a
landscape and view.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from patray.errors import InputError, PatrayError, UnplacedError, raised
from patray.kinds import Registry, place_of
from patray.models.record import ModelRecord
from patray.systems.base import Ranked, RankTask, System
from patray.systems.dense import OneVector

Ranker = Callable[[RankTask], np.ndarray]
"""(Q, N) scores of every patent for every query, in the order of task.truth; higher is better, NaN ranks nothing."""
Encode = Callable[[list[str], Literal["document", "query"]], np.ndarray]
"""(n, d) numbers of n texts; rows of any length above 0, scaled to 1."""


def _function(name: str, thing: object) -> object:
    """What was given for a function; InputError for what cannot be called."""
    if not callable(thing):
        raise InputError(f"{name}: a {type(thing).__name__} was given; wanted is a function")
    return thing


RANKERS: Registry[Ranker] = Registry("rankers", {}, made=_function)
ENCODERS: Registry[Encode] = Registry("encoders", {}, made=_function)


class Ranks(System):
    """`ranker: newest` ranks by a Python function."""

    KIND: ClassVar[str] = "ranker"
    NOUN: ClassVar[str] = "Python function"
    KEPT: ClassVar[bool] = False  # nobody knows whether the function is still the same
    HERE: ClassVar[bool] = True

    ranker: str = Field(description="a function given to patray.ranker, or of an entry point patray.rankers")

    def default_name(self) -> str:
        return self.ranker

    def check(self, name: str, models: Mapping[str, ModelRecord], before: Mapping[str, System], depth: int) -> None:
        _require(name, self.KIND, RANKERS, self.ranker)

    def rank(self, task: RankTask) -> Ranked:
        function = RANKERS[self.ranker]
        try:
            scores = function(task)
            return Ranked(task.best(np.asarray(scores) if isinstance(scores, list | tuple) else scores))
        except UnplacedError as error:
            raise UnplacedError(f"ranker {self.ranker}{place_of(function)} gave {error}") from error
        except PatrayError:
            raise
        except Exception as error:
            place = f"{task.landscape}/{task.view}"
            raise InputError(f"ranker {self.ranker}, {place}: the function raised {raised(error)}") from error


class Encodes(OneVector):
    """`encoder: ours` ranks by the vectors that a Python function makes of texts."""

    KIND: ClassVar[str] = "encoder"
    NOUN: ClassVar[str] = "embedding by a Python function"

    encoder: str = Field(description="a function given to patray.encoder, or of an entry point patray.encoders")

    def check(self, name: str, models: Mapping[str, ModelRecord], before: Mapping[str, System], depth: int) -> None:
        _require(name, self.KIND, ENCODERS, self.encoder)

    @property
    def searches(self) -> str:
        return self.encoder

    @property
    def vectors(self) -> str:
        return self.encoder

    def default_name(self) -> str:
        return self.marked(self.encoder)


def _require(system: str, kind: str, functions: Registry[Any], name: str) -> None:
    """InputError where a system's function is not there, that says who gives it."""
    if name not in functions:
        raise InputError(
            f"systems: {system}: no function {name!r} was given to patray.{kind} in this process; the script that "
            "gives it calls patray.run or patray.plan (docs/extending.md)"
        )
