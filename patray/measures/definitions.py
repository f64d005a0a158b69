"""Every measure that patray knows, one record each: what it is called, what it can be, how it is counted.

This is the one list. A suite chooses from it and orders it (`tasks.retrieval.measures`); reports, tables, exports and
comparisons follow the suite's choice. A new retrieval measure is one more `Definition` here, and a line in the docs.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FunctionType

import numpy as np

from patray.errors import InputError, UnplacedError
from patray.kinds import Registry
from patray.measures.functions import OfQuery, of_all, per_query
from patray.measures.ranking import Counted, ordinals, ratio, sums

KINDS = ("retrieval", "classification", "clustering")
"""Kinds of task, in the order in which they are shown."""


@dataclass(frozen=True)
class Definition:
    """A measure: `nDCG` of retrieval, written `nDCG@10` with its cutoff.

    task: one of KINDS. low, high: the ends of its range. says: what it measures, in a few words. mteb, trec_eval,
    ir_measures: what these call it, `{k}` for the cutoff; empty where they do not have it. value: of a retrieval
    measure, what was counted and the cutoff to (Q,) float64. same_as: a measure that it equals by another name.
    judged: it counts pairs that were judged and found not relevant. made_of: the function of one query behind it.
    """

    name: str
    task: str
    low: float
    high: float
    says: str
    mteb: str
    trec_eval: str = ""
    ir_measures: str = ""
    value: Callable[[Counted, int], np.ndarray] | None = field(default=None, compare=False)
    same_as: str = ""
    judged: bool = False
    made_of: object = field(default=None, compare=False, repr=False)


def _ndcg(seen: Counted, cutoff: int) -> np.ndarray:
    near, best = seen.gain_rank <= cutoff, seen.ideal_rank <= cutoff
    found = sums(seen.gain_query[near], seen.gain[near], seen.n_queries)
    return ratio(found, sums(seen.ideal_query[best], seen.ideal_gain[best], seen.n_queries))


def _recall(seen: Counted, cutoff: int) -> np.ndarray:
    return ratio(sums(seen.query[seen.rank <= cutoff], None, seen.n_queries), seen.n_relevant)


def _ap(seen: Counted, cutoff: int) -> np.ndarray:
    near = seen.rank <= cutoff
    return ratio(sums(seen.query[near], (seen.ordinal / seen.rank)[near], seen.n_queries), seen.n_relevant)


def _rr(seen: Counted, cutoff: int) -> np.ndarray:
    near = seen.rank <= cutoff
    first = np.where(seen.ordinal == 1, 1.0 / seen.rank, 0.0)
    return sums(seen.query[near], first[near], seen.n_queries)


def _p(seen: Counted, cutoff: int) -> np.ndarray:
    return sums(seen.query[seen.rank <= cutoff], None, seen.n_queries) / cutoff


def _success(seen: Counted, cutoff: int) -> np.ndarray:
    near = (seen.rank <= cutoff) & (seen.ordinal == 1)
    return sums(seen.query[near], None, seen.n_queries)


def _rprec(seen: Counted, cutoff: int) -> np.ndarray:
    near = seen.rank <= np.minimum(seen.n_relevant, cutoff)[seen.query]
    return ratio(sums(seen.query[near], None, seen.n_queries), seen.n_relevant)


def _err(seen: Counted, cutoff: int) -> np.ndarray:
    """Chapelle and others 2009, doi:10.1145/1645953.1646033, with 4 the highest grade, as TREC's gdeval has it."""
    if seen.grade.max(initial=0) > ERR_GRADE:
        raise UnplacedError(f"ERR: a grade of {int(seen.grade.max())}; its highest is {ERR_GRADE}, as in TREC's gdeval")
    stops = (2.0**seen.grade - 1) / 2.0**ERR_GRADE
    position = ordinals(seen.gain_query, np.bincount(seen.gain_query, minlength=seen.n_queries))
    arrives = np.ones(len(stops))
    by_position = np.argsort(position, kind="stable")
    for hits in np.split(by_position, np.cumsum(np.bincount(position)[1:])[:-1])[1:]:
        arrives[hits] = arrives[hits - 1] * (1 - stops[hits - 1])
    near = seen.gain_rank <= cutoff
    return sums(seen.gain_query[near], (stops * arrives / seen.gain_rank)[near], seen.n_queries)


def _rbp(seen: Counted, cutoff: int) -> np.ndarray:
    """Moffat and Zobel 2008, doi:10.1145/1416950.1416952."""
    near = seen.rank <= cutoff
    weights = (1 - PERSISTENCE) * PERSISTENCE ** (seen.rank[near] - 1.0)
    return sums(seen.query[near], weights, seen.n_queries)


def _pres(seen: Counted, cutoff: int) -> np.ndarray:
    """Magdy and Jones 2010, doi:10.1145/1835449.1835551: relevant patents beyond K stand at the ranks after K."""
    near, n = seen.rank <= cutoff, seen.n_relevant.astype(np.float64)
    found = sums(seen.query[near], None, seen.n_queries)
    ranks = sums(seen.query[near], seen.rank[near].astype(np.float64), seen.n_queries)
    missing = n - found
    ranks += missing * (cutoff + n) - missing * (missing - 1) / 2
    return np.where(n > 0, 1 - (ratio(ranks, n) - (n + 1) / 2) / cutoff, 0.0)


def _bpref(seen: Counted, cutoff: int) -> np.ndarray:
    """Buckley and Voorhees 2004, doi:10.1145/1008992.1009000, as trec_eval 9 computes it."""
    relevant, denied = seen.rank <= cutoff, seen.denied_rank <= cutoff
    query, rank = seen.query[relevant], seen.rank[relevant]
    stride = 1 + max(int(rank.max(initial=0)), int(seen.denied_rank.max(initial=0)))
    others = np.sort(seen.denied_query[denied] * stride + seen.denied_rank[denied])
    above = np.searchsorted(others, query * stride + rank) - np.searchsorted(others, query * stride)
    most = seen.n_relevant[query]
    fewest = np.minimum(most, seen.n_denied[query])
    value = 1.0 - ratio(np.minimum(above, most).astype(np.float64), fewest)
    return ratio(sums(query, value, seen.n_queries), seen.n_relevant)


def _judged(seen: Counted, cutoff: int) -> np.ndarray:
    near = seen.judged_rank <= cutoff
    return ratio(sums(seen.judged_query[near], None, seen.n_queries), np.minimum(seen.hits.length, cutoff))


def _spared(seen: Counted, cutoff: int) -> np.ndarray:
    target = np.ceil(ENOUGH * seen.n_relevant - 1e-9)
    last = (seen.rank <= cutoff) & (seen.ordinal == target[seen.query])
    return sums(seen.query[last], 1.0 - seen.rank[last] / cutoff, seen.n_queries)


ENOUGH = 0.8
ERR_GRADE = 4
PERSISTENCE = 0.8

DEFINITIONS = (
    Definition(
        "nDCG", "retrieval", 0, 1, "gain of the first K, discounted by rank, over the best possible",
        "ndcg_at_{k}", "ndcg_cut_{k}", "nDCG@{k}", _ndcg,
    ),
    Definition(
        "Recall", "retrieval", 0, 1, "share of the relevant patents that are among the first K",
        "recall_at_{k}", "recall_{k}", "R@{k}", _recall,
    ),
    Definition(
        "AP", "retrieval", 0, 1, "mean over all relevant patents of the precision at their rank, 0 beyond K",
        "map_at_{k}", "map_cut_{k}", "AP@{k}", _ap,
    ),
    Definition(
        "RR", "retrieval", 0, 1, "1 / rank of the first relevant patent, 0 beyond K",
        "mrr_at_{k}", "recip_rank", "RR@{k}", _rr,
    ),
    Definition(
        "P", "retrieval", 0, 1, "share of the first K that is relevant",
        "precision_at_{k}", "P_{k}", "P@{k}", _p,
    ),
    Definition(
        "Success", "retrieval", 0, 1, "1 where a relevant patent is among the first K, else 0",
        "hit_rate_at_{k}", "success_{k}", "Success@{k}", _success,
    ),
    Definition(
        "Rprec", "retrieval", 0, 1, "share of the R relevant patents that is among the first R (at most K)",
        "", "Rprec", "Rprec", _rprec,
    ),
    Definition(
        "ERR", "retrieval", 0, 1, "1 / rank at which a reader who stops the sooner the higher a grade has enough",
        "", "", "ERR@{k}", _err,
    ),
    Definition(
        "RBP", "retrieval", 0, 1, "relevance met by a reader who goes on to the next patent with a chance of 0.8",
        "", "", "RBP(p=0.8,rel=1)@{k}", _rbp,
    ),
    Definition(
        "PRES", "retrieval", 0, 1, "how early all relevant patents come, when the first K are read",
        "", "", "", _pres,
    ),
    Definition(
        "bpref", "retrieval", 0, 1, "how seldom a patent judged irrelevant stands above a relevant one",
        "", "bpref", "Bpref", _bpref, judged=True,
    ),
    Definition(
        "Judged", "retrieval", 0, 1, "share of the first K, or of what was ranked if that is less, with a judgement",
        "", "", "Judged@{k}", _judged, judged=True,
    ),
    Definition(
        "Spared", "retrieval", 0, 1, "share of K results that need not be read to see 80% of the relevant patents",
        "", "", "", _spared,
    ),
    Definition("macro-F1", "classification", 0, 1, "F1 of each label, mean over labels", "f1"),
    Definition("micro-F1", "classification", 0, 1, "F1 of all decisions together", "f1_micro"),
    Definition("V-measure", "clustering", 0, 1, "mean of homogeneity and completeness, harmonic", "v_measure"),
    Definition("ARI", "clustering", -1, 1, "pairs that classes and clusters agree on, beyond chance", "ari"),
    Definition("NMI", "clustering", 0, 1, "mutual information over the mean entropy", "nmi", same_as="V-measure"),
)  # fmt: skip
"""In the order in which measures are shown where a suite names none."""
BY_NAME = {definition.name: definition for definition in DEFINITIONS}


SPELLINGS = {
    **dict.fromkeys(("MRR", "mrr"), "RR"),
    **dict.fromkeys(("MAP", "map"), "AP"),
    **dict.fromkeys(("R", "recall"), "Recall"),
    **dict.fromkeys(("Precision", "precision"), "P"),
    **dict.fromkeys(("HitRate", "Hit", "hit", "success"), "Success"),
    **dict.fromkeys(("NDCG", "ndcg"), "nDCG"),
    **dict.fromkeys(("R-precision", "R-Precision", "RPrec"), "Rprec"),
}
"""What people type, and the name that it is reported by. Means over queries are taken of every measure."""


def by_query(name: str, function: OfQuery) -> Definition:
    """A measure from a function of one query, as `functions.per_query` takes it: `by_query("Half", half)` makes
    `Half@10` a measure, whose docstring says what it is."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name):
        raise InputError(f"measure {name!r}: a name is letters and digits, and begins with a letter")
    if not callable(function):
        raise InputError(f"measure {name}: a {type(function).__name__} was given; wanted is a function of one query")
    says = function.__doc__ or "a function of Python"
    return Definition(name, "retrieval", 0, 1, says, "", value=per_query(name, function), made_of=function)


def _definition(name: str, thing: object) -> object:
    """What an entry point names, as a Definition. InputError where it is none of retrieval, or has another name."""
    if isinstance(thing, FunctionType):
        return by_query(name, thing)
    if isinstance(thing, Definition):
        if thing.name != name:
            raise InputError(f"its Definition is named {thing.name!r}; both names must be the same")
        if thing.task != "retrieval" or thing.value is None:
            raise InputError("a Definition must be of the task retrieval, with a value")
    return thing


def _taken(name: str) -> str:
    return f"patray calls {SPELLINGS[name]} so" if name in SPELLINGS else "it is one of patray's" * (name in BY_NAME)


OF_OTHERS: Registry[Definition] = Registry("measures", {}, Definition, _definition, _taken)
"""Retrieval measures of other packages (entry points `patray.measures`): a Definition of the same name, or a function
of one query as `by_query` takes it."""


def definitions() -> tuple[Definition, ...]:
    """All measures, those of other packages last."""
    return (*DEFINITIONS, *OF_OTHERS.values())


def _named(name: str) -> Definition | None:
    return BY_NAME.get(name) or OF_OTHERS.get(name)


def names_of(task: str) -> tuple[str, ...]:
    """Names of the measures of a kind of task: names_of("clustering") is ("V-measure", "ARI", "NMI")."""
    return tuple(definition.name for definition in DEFINITIONS if definition.task == task)


NAMES = names_of("retrieval")
F1 = names_of("classification")
AGREEMENT = names_of("clustering")


@dataclass(frozen=True)
class Measure:
    """A measure of a ranking's first `cutoff` results."""

    name: str
    cutoff: int

    def __post_init__(self) -> None:
        found = _named(self.name)
        if found is None or found.value is None:
            raise InputError(f"measure {self.name!r}: no such measure{_hint(self.name)}; allowed are {_allowed()}")
        if self.cutoff < 1:
            raise InputError(f"measure {self.name}@{self.cutoff}: the cutoff must be 1 or more")

    def __str__(self) -> str:
        return f"{self.name}@{self.cutoff}"

    def value(self, seen: Counted) -> np.ndarray:
        """Its value for each query: (Q,) float64."""
        found = _named(self.name)
        assert found is not None, self.name
        assert found.value is not None, self.name
        if self.name in BY_NAME:
            return np.asarray(found.value(seen, self.cutoff), np.float64)
        return of_all(f"measure {self}", found.low, found.high, found.value, seen, self.cutoff)

    @property
    def judged(self) -> bool:
        """Whether it needs the pairs that were judged irrelevant."""
        found = _named(self.name)
        return found is not None and found.judged

    def called(self, by: str) -> str:
        """What `mteb`, `trec_eval` or `ir_measures` calls it: `ndcg_cut_10`."""
        return str(getattr(_named(self.name), by)).format(k=self.cutoff)


def parse_measure(text: str) -> Measure:
    """The measure that `text` names, such as `nDCG@10`; `MRR@10` is `RR@10`, as SPELLINGS has it.

    Raises InputError, listing what is allowed, for any other.
    """
    match = re.fullmatch(r"([A-Za-z][A-Za-z0-9-]*)@([0-9]+)", text)
    if SPELLINGS.get(text, text) in NAMES:
        raise InputError(
            f"measure {text!r}: no cutoff; say how many results count, such as {text}@100; allowed are {_allowed()}"
        )
    if match is None:
        meant = _hint(re.split("[@ _]", text, maxsplit=1)[0])
        raise InputError(f"measure {text!r}: not of the form NAME@CUTOFF{meant}; allowed are {_allowed()}")
    return Measure(SPELLINGS.get(match[1], match[1]), int(match[2]))


def spelled(metric: str) -> str:
    """The name that a metric is reported by: spelled("MRR@10") is "RR@10"; any other name is as it was."""
    name, at, cutoff = metric.partition("@")
    return SPELLINGS.get(name, name) + at + cutoff if at else metric


def _hint(name: str) -> str:
    """`; did you mean nDCG?`, "" where nothing is near; a name of other capitals is."""
    folded = {one.lower(): one for one in (*SPELLINGS, *NAMES, *OF_OTHERS.names())}
    near = difflib.get_close_matches(name.lower(), folded, n=1)
    return f"; did you mean {folded[near[0]]}?" if near else ""


def _allowed() -> str:
    names = (*NAMES, *OF_OTHERS.names())
    return ", ".join(f"{name}@K" for name in names) + " with K a whole number from 1, such as nDCG@10"


RETRIEVAL = (
    Measure("nDCG", 10),
    Measure("nDCG", 100),
    Measure("Recall", 10),
    Measure("Recall", 100),
    Measure("AP", 100),
    Measure("RR", 10),
    Measure("P", 10),
)
"""What the retrieval task reports by default; the first one leads."""
LEADING = str(RETRIEVAL[0])
"""The measure of everything that ranks and was given no other."""


def definition_of(metric: str) -> Definition | None:
    """The definition of a metric as tables name it: `nDCG@10`, `knn-macro-F1`, `ARI`; None for what is no measure."""
    if metric in BY_NAME:
        return BY_NAME[metric]
    base, at, cutoff = metric.partition("@")
    found = _named(base)
    if at and cutoff.isdigit() and found is not None and found.task == "retrieval":
        return found
    probe, dash, name = metric.partition("-")
    return BY_NAME[name] if probe and dash and name in F1 else None


def in_order(metrics: Sequence[str], task: str) -> list[str]:
    """The metrics of a kind of task among some, as they are shown where nobody ordered them: by probe, name, cutoff."""

    def place(metric: str) -> tuple[str, int, int]:
        found = definition_of(metric)
        assert found is not None
        cutoff = metric.rpartition("@")[2]
        probe = metric.removesuffix(found.name) if found.task == "classification" else ""
        return probe, definitions().index(found), int(cutoff) if cutoff.isdigit() else 0

    known = [metric for metric in dict.fromkeys(metrics) if (found := definition_of(metric)) and found.task == task]
    return sorted(known, key=place)


def of_probes(probes: Sequence[str], measures: Sequence[str]) -> tuple[str, ...]:
    """Metrics of classification as tables name them: of_probes(["knn"], ["macro-F1"]) is ("knn-macro-F1",)."""
    return tuple(f"{probe}-{measure}" for probe in probes for measure in measures)
