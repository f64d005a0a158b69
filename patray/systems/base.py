"""What a system is: the contract of every kind.

    class NewestFirst(System):
        KIND = "newest-first"
        newest_first: bool = Field(alias="newest-first")

        def rank(self, task: RankTask) -> Ranked:
            return Ranked(task.best(np.tile(task.truth.patent_date, (len(task.truth.query_ids), 1))))

is a whole kind of system; `systems: [{newest-first: true}]` then runs it. `docs/extending.md` shows it as a package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from patray.errors import InputError, PatrayError, UnplacedError, raised, raised_at
from patray.landscapes.records import Truth
from patray.models.record import ModelRecord
from patray.search.exclusion import exclusions
from patray.search.order import order_rows
from patray.search.ranking import Ranking

ModelKind = Literal["dense", "late-interaction", "sparse", "reranker", "listwise"]
Positive = Annotated[int, Field(gt=0)]
Range = tuple[float, float, float]
"""Lowest, expected, highest."""
BLOCK = 256
"""Queries whose scores are put in order at once."""


@dataclass(frozen=True)
class Work:
    """What a ranking costs, for `patray plan`. flops: multiplications and additions of an exact search; pairs, tokens:
    what a reranker reads; memory: bytes that a search holds, where that is not the vectors of the disk; given: bytes of
    vectors made elsewhere that the run takes into its store."""

    flops: float = 0.0
    pairs: int = 0
    tokens: Range = (0.0, 0.0, 0.0)
    memory: Range = (0.0, 0.0, 0.0)
    given: float = 0.0


class Sizes(Protocol):
    """What `patray plan` knows of a landscape and view. alone: whether the suite has no other."""

    @property
    def landscape(self) -> str: ...
    @property
    def view(self) -> str: ...
    @property
    def alone(self) -> bool: ...
    @property
    def queries(self) -> int: ...
    @property
    def patents(self) -> int: ...
    @property
    def depth(self) -> int: ...
    def record(self, model: str) -> ModelRecord: ...
    def document_tokens(self, model: str) -> np.ndarray:
        """(patents,): tokens of each patent's text, not cut."""

    def pair_tokens(self, model: str, depth: int) -> Range:
        """Tokens of every query with `depth` patents, for a reranker."""


@dataclass(frozen=True)
class Inputs:
    """What is known once the landscapes were read: the places in which systems rank. languages: finds the language of
    all texts, or one for each LANDSCAPE/VIEW."""

    landscapes: Sequence[str]
    views: Sequence[str]
    languages: Callable[[], str | dict[str, str]]


@dataclass(frozen=True)
class RankTask:
    """What one system ranks: every query of a landscape, in one view.

    query_split (Q,) int8: position in SPLITS of each query's family. measure: what tuning goes by. documents, queries:
    functions that read the texts of the view, in the order of truth.patent_ids and of truth.query_ids. parts: the
    rankings of the systems that it is made of, in their order.
    """

    landscape: str
    view: str
    system: str
    truth: Truth
    query_split: np.ndarray
    measure: str
    depth: int
    documents: Callable[[], list[str]]
    queries: Callable[[], list[str]]
    parts: Sequence[Ranking] = ()

    def best(self, scores: np.ndarray) -> Ranking:
        """The best `depth` patents of each query: (Q, N) scores to a Ranking, what the truth excludes left out.

        Scores are compared as float32, as trec_eval does; NaN: the patent is not ranked for the query. Equal scores
        stand by id, descending. UnplacedError for another shape, what is no number, and what is infinite as float32.
        """
        count, patents = len(self.truth.query_ids), len(self.truth.patent_ids)
        if not isinstance(scores, np.ndarray) or scores.dtype.kind not in "biuf":
            what = f"an array of {scores.dtype}" if isinstance(scores, np.ndarray) else f"a {type(scores).__name__}"
            raise UnplacedError(f"{what} of scores; wanted is an array of ({count}, {patents}) numbers")
        if scores.shape != (count, patents):
            wanted = f"({count}, {patents}), queries and patents"
            raise UnplacedError(f"scores of shape {scores.shape}, wanted {wanted}")
        codes = np.arange(patents, dtype=np.int32)
        skip = exclusions(self.truth, np.arange(count), codes)
        rows = []
        for start in range(0, count, BLOCK):
            with np.errstate(over="ignore"):
                kept = np.array(scores[start : start + BLOCK], np.float32)
            infinite = np.argwhere(np.isinf(kept))
            if len(infinite):
                query, patent = infinite[0]
                pair = f"query {self.truth.query_ids[start + query]}, patent {self.truth.patent_ids[patent]}"
                raise UnplacedError(
                    f"a score of {scores[start + query, patent]} for {pair}; allowed are numbers within float32, and "
                    "NaN for what is not ranked"
                )
            skip.block(start, start + BLOCK).blank(kept, np.nan)
            nothing = np.isnan(kept)
            rows.append(order_rows(np.where(nothing, -1, codes), np.where(nothing, 0, kept), self.depth))
        return Ranking(np.concatenate([row.patents for row in rows]), np.concatenate([row.scores for row in rows]))


@dataclass(frozen=True)
class Ranked:
    """A ranking, and what is to be told of it. tuning: rows of tables.TUNING; notes: lines for the report; facts: for
    the step's record."""

    ranking: Ranking
    notes: Sequence[str] = ()
    tuning: Sequence[dict[str, Any]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class System(BaseModel):
    """Anything that ranks: a line of a suite's `systems`. Subclass it for a new kind (see the module's example).

    KIND: the key that names the kind. STEP: what plan and provenance call its work. NOUN: what the report calls it
    before its name: the NOUN minilm. TUNED: whether validation queries decide something of it. ALONE: whether its
    work takes the whole cluster, so that nothing runs beside it. KEPT: whether a ranking that is there is taken as
    it is when a run goes on; else it is made again, to tell its notes again. HERE: whether it ranks in the driver,
    where local paths mean what their author meant.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    KIND: ClassVar[str]
    STEP: ClassVar[str] = "search"
    NOUN: ClassVar[str] = "system"
    TUNED: ClassVar[bool] = False
    ALONE: ClassVar[bool] = False
    KEPT: ClassVar[bool] = True
    HERE: ClassVar[bool] = False

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@(),-]*$")] | None = None

    @property
    def kind(self) -> str:
        return self.KIND

    @property
    def kept(self) -> bool:
        """Whether a ranking that is there is taken when a run goes on: not of a kind of another package, of which
        nobody knows whether its code is still the same."""
        return self.KEPT and type(self).__module__.partition(".")[0] == "patray"

    @property
    def uses(self) -> dict[str, ModelKind]:
        """Models of the suite that it needs, and of which kind each must be."""
        return {}

    @property
    def parts(self) -> tuple[str, ...]:
        """Systems whose rankings it is made from."""
        return ()

    @property
    def searches(self) -> str | None:
        """The model whose stored vectors it ranks from."""
        return None

    @property
    def vectors(self) -> str | None:
        """The model whose vectors of patents stand for it in classification, clustering and the map."""
        return None

    def default_name(self) -> str:
        """Its name where the suite gives it none."""
        return self.KIND

    def in_words(self) -> str:
        """What it is, to somebody who does not know it."""
        return self.NOUN

    def expanded(self) -> Iterator[System]:
        """One system for each value of a setting that is a list."""
        yield self

    def completed(self, ranking_depth: int) -> dict[str, object]:
        """Settings that were left out, with their defaults."""
        return {}

    def check(self, name: str, models: Mapping[str, ModelRecord], before: Mapping[str, System], depth: int) -> None:
        """Raise InputError for what cannot be. before: the systems that stand before it; depth: of all rankings."""

    def with_inputs(self, inputs: Inputs) -> System:
        """Itself with what its inputs decide written out, such as the hash of its files. InputError where they lack."""
        return self

    def work(self, at: Sizes) -> Work:
        """What its ranking costs."""
        return Work()

    def hint_of_nothing(self, landscape: str, view: str) -> str:
        """What to add to a note on queries that found nothing."""
        return ""

    def rank(self, task: RankTask) -> Ranked:
        """Rank every query of one landscape and view. Kinds that a cluster spreads over its nodes have none."""
        raise NotImplementedError(f"{self.KIND} systems do not rank in one task")


def rank_checked(system: System, task: RankTask) -> Ranked:
    """What a system ranks: `system.rank(task)`; InputError that names the system where somebody else's code fails.

    That is a kind of another package, or a function of Python: what it raises, and what it gives that is no `Ranked`.
    """
    own, place = type(system).__module__.startswith("patray."), f"{task.landscape}/{task.view}"
    kind = "" if own else f" ({type(system).__name__} of {type(system).__module__})"
    where = f"system {system.name}{kind}, {place}"
    try:
        ranked: Any = system.rank(task)
    except UnplacedError as error:
        raise InputError(f"{where}: {error}{'' if own else raised_at(error)}") from error
    except PatrayError:
        raise
    except Exception as error:
        if own:
            raise
        raise InputError(f"{where}: rank raised {raised(error)}") from error
    ranking = getattr(ranked, "ranking", None)
    if not isinstance(ranked, Ranked) or not isinstance(ranking, Ranking):
        given = type(ranked).__name__ if not isinstance(ranked, Ranked) else f"Ranked of a {type(ranking).__name__}"
        raise InputError(f"{where}: rank gave a {given}; wanted is Ranked(task.best(scores))")
    return ranked


def expand(system: System, key: str) -> Iterator[System]:
    """One system for each value of the setting `key`, where it is a list."""
    values = getattr(system, key)
    if not isinstance(values, tuple):
        yield system
        return
    if system.name is not None and len(values) > 1:
        raise InputError(f"systems: {system.name}: a list of {key} makes several systems; leave `name` out")
    yield from (system.model_copy(update={key: value}) for value in values)
