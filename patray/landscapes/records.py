"""The records that the rest of patray works with once a landscape was read.

Patents and queries are integers from here on: position in `patent_ids` or `query_ids`, both sorted by the bytes of the
id. So "patent_id descending", trec_eval's rule for ties, is "integer descending".
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

IN, OUT, UNKNOWN = 1, 0, -1
"""Domain of a pair: shares a 3-character IPC code, shares none, or one side has none."""


@dataclass(frozen=True)
class Metadata:
    """What a landscape holds except its texts; small enough for the driver.

    patents: patent_id, family_id, jurisdiction (string), date (date32), ipc, cpc (list<string>), sorted by the bytes
        of patent_id. queries: the same columns for query documents outside the corpus, or None.
    citations: citing_id, cited_id[, origin, category, phase], or None: a pair stands once for each origin
        and category. qrels: query_id, patent_id, relevance (int32)[, domain], or None. labels: name -> patent_id,
        labels (list<string>)[, split].
    """

    name: str
    patents: pa.Table
    queries: pa.Table | None
    citations: pa.Table | None
    qrels: pa.Table | None
    labels: dict[str, pa.Table]
    description: dict[str, object]


@dataclass(frozen=True)
class Truth:
    """Queries, corpus and which pairs are relevant.

    query_ids (Q,), patent_ids (N,): str objects in byte order. query, patent (P,): int32, the relevant pairs, sorted
    by (query, patent), unique. relevance (P,): int32, > 0. domain (P,): int8, IN, OUT or UNKNOWN.
    relevant_from: the grade from which a patent counts for the measures that know no grades (Recall, AP, RR, P); every
    query has one. nDCG takes all pairs.
    excluded_start (Q+1,) int64, excluded (E,) int32: for query q the patents never ranked are
    excluded[excluded_start[q]:excluded_start[q+1]] (itself, its family), ascending.
    earlier_only: when True a patent may be ranked only if its date is before the query's.
    query_date (Q,), patent_date (N,): int32 days since 1970, -1 unknown (an unknown date never excludes).
    query_family, query_jurisdiction (Q,): str. query_in_corpus (Q,): int32 position in patent_ids, -1 when outside.
    denied_query, denied_patent (D,): int32, pairs that were judged and found not relevant (grade 0), sorted likewise;
    bpref and Judged count them.
    category, origin (P,): uint32 sets of letters and of who cited, bits as in cited_how; 0 unknown. None from qrels.
    """

    query_ids: np.ndarray
    patent_ids: np.ndarray
    query: np.ndarray
    patent: np.ndarray
    relevance: np.ndarray
    domain: np.ndarray
    excluded_start: np.ndarray
    excluded: np.ndarray
    earlier_only: bool
    query_date: np.ndarray
    patent_date: np.ndarray
    query_family: np.ndarray
    query_jurisdiction: np.ndarray
    query_in_corpus: np.ndarray
    relevant_from: int = 1
    denied_query: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    denied_patent: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    category: np.ndarray | None = None
    origin: np.ndarray | None = None

    @property
    def relevant(self) -> np.ndarray:
        """(P,) bool: the pairs that count for measures without grades."""
        return np.asarray(self.relevance >= self.relevant_from)


@dataclass(frozen=True)
class Slice:
    """A part of the truth: only `pairs` (P,) bool count as relevant, only `queries` (Q,) bool are averaged."""

    name: str
    pairs: np.ndarray
    queries: np.ndarray
