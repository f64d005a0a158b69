"""From citations or qrels to queries, relevant pairs, their domain, and what is never ranked.

A patent cites its own family and is cited by it for legal, not technical reasons, and its family has nearly its own
text. Such pairs are removed from the truth and such patents from the rankings; what that costs is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.landscapes.cited_pairs import ALL, CitedBy, NotSaidError, check_said, cited_pairs, why_none
from patray.landscapes.codes import SCHEMES, code_bits, code_sets
from patray.landscapes.positions import positions
from patray.landscapes.records import IN, OUT, UNKNOWN, Metadata, Truth

DIRECTIONS = ("cited", "citing", "both")
UNKNOWN_DATE = -1
"""1969-12-31 would be this number of days too; that one date is moved to the day before."""


@dataclass(frozen=True)
class TruthCounts:
    """How the truth came about. Each pair read is counted once: kept, or under the first rule that removed it.

    source: 'qrels' or 'citations'. pairs_read: distinct pairs in the chosen direction. pairs_origin: cited by others
    than are asked for. pairs_unknown: without a letter, where that has grade 0; pairs_category: all its letters have.
    pairs_not_relevant: qrels of relevance 0 or less. pairs_too_low, queries_too_low: of queries without a patent of the
    grade `relevant_from`, after all other rules. pairs_outside: the patent is a query document outside the corpus.
    pairs_same_patent: the query itself. pairs_family, pairs_later: removed by exclude_family, earlier_only.
    queries_read: queries with a relevant patent before exclusions; queries_only_family, queries_only_later: those that
    lost all of them, to their own family alone, or to dates (or family and dates together).
    """

    source: str
    pairs_read: int
    pairs_not_relevant: int
    pairs_outside: int
    pairs_same_patent: int
    pairs_family: int
    pairs_later: int
    pairs_too_low: int
    pairs: int
    queries_read: int
    queries_only_family: int
    queries_only_later: int
    queries_too_low: int
    queries: int
    pairs_origin: int = 0
    pairs_unknown: int = 0
    pairs_category: int = 0


def build_truth(
    metadata: Metadata,
    direction: str = "cited",
    exclude_family: bool = True,
    earlier_only: bool = False,
    domain_from: str = "ipc",
    relevant_from: int = 1,
    cited_by: CitedBy = ALL,
) -> tuple[Truth, TruthCounts]:
    """The truth of a landscape, from qrels where there are any, else from citations.

    direction: which side of a citation is relevant to a query: what it cites, what cites it, or both. exclude_family:
    never rank, nor count as relevant, a patent of the query's own family. earlier_only: the same for patents that are
    not dated before the query (unknown dates never exclude). domain_from: 'ipc', 'cpc' or 'ipc,cpc'; a pair is IN when
    it shares a 3-character code; the qrels' own domain column wins. relevant_from: the grade of qrels from which a
    patent counts for measures without grades; a query without such a patent is left out. cited_by: which
    citations count, and the grades of their categories; without those each has grade 1, whatever relevant_from.

    Raises InputError when no query is left, with the reason; NotSaidError where the landscape cannot say what cited_by
    asks, or nothing of it is there.
    """
    if direction not in DIRECTIONS:
        raise InputError(f"unknown direction {direction!r}; allowed are {', '.join(DIRECTIONS)}")
    documents = _documents(metadata)
    patent_ids = metadata.patents["patent_id"].combine_chunks()
    check_said(metadata, cited_by)
    pairs, uncounted = _read_pairs(metadata, direction, cited_by)
    source = "citations" if metadata.qrels is None else "qrels"

    query = positions(pairs["query_id"], documents["patent_id"])
    patent = positions(pairs["patent_id"], patent_ids)
    alive = np.ones(len(query), dtype=bool)
    removed: dict[str, int] = {}

    def remove(name: str, broken: np.ndarray) -> None:
        removed[name] = int((alive & broken).sum())
        alive[broken] = False

    if (query < 0).any():
        raise InputError(f"{metadata.name}: {source} name queries that the landscape does not hold; prepare it again")
    for name, broken in uncounted.items():
        remove(name, broken)
    if cited_by.asks and not alive.any():
        raise NotSaidError(f"{metadata.name}: {why_none(metadata, cited_by)}")
    remove("pairs_not_relevant", pairs["relevance"].to_numpy() <= 0)
    remove("pairs_outside", patent < 0)
    same = pc.equal(pairs["query_id"], pairs["patent_id"]).to_numpy()
    remove("pairs_same_patent", same)
    before = np.unique(query[alive])

    families = _family_codes(documents["family_id"], metadata.patents["family_id"])
    dates = _days(documents["date"]), _days(metadata.patents["date"])
    own_family = (families[0][query] == families[1][patent]) if exclude_family else np.zeros_like(alive)
    remove("pairs_family", own_family)
    after_family = np.unique(query[alive])
    later = ~_is_earlier(dates[1][patent], dates[0][query]) if earlier_only else np.zeros_like(alive)
    remove("pairs_later", later)

    after_dates = np.unique(query[alive])
    least = relevant_from if source == "qrels" or cited_by.relevant is not None else 1
    high = np.unique(query[alive & (pairs["relevance"].to_numpy() >= least)])
    remove("pairs_too_low", ~np.isin(query, high))

    # A citation that does not count was never judged; only qrels say that a patent is not relevant.
    denied = (source == "qrels") & (pairs["relevance"].to_numpy() == 0) & (patent >= 0) & ~same & ~own_family & ~later
    denied_query, denied_patent = query[denied], patent[denied]
    query, patent = query[alive], patent[alive]
    chosen, query = np.unique(query, return_inverse=True)
    asked = np.isin(denied_query, chosen)
    denied_query, denied_patent = np.searchsorted(chosen, denied_query[asked]), denied_patent[asked]
    counts = TruthCounts(
        source=source,
        pairs_read=len(alive),
        pairs=len(query),
        queries_read=len(before),
        queries_only_family=len(before) - len(after_family),
        queries_only_later=len(after_family) - len(after_dates),
        queries_too_low=len(after_dates) - len(chosen),
        queries=len(chosen),
        **removed,
    )
    if len(chosen) == 0:
        raise InputError(f"{metadata.name}: retrieval is not possible: {_why_empty(counts, least)}")

    order, denied_order = np.lexsort((patent, query)), np.lexsort((denied_patent, denied_query))
    query, patent = query[order].astype(np.int32), patent[order].astype(np.int32)
    taken = documents.take(pa.array(chosen))
    query_ids = _texts(taken["patent_id"])
    start, excluded = _excluded(taken["patent_id"], patent_ids, families[0][chosen], families[1], exclude_family)
    truth = Truth(
        query_ids=query_ids,
        patent_ids=_texts(patent_ids),
        query=query,
        patent=patent,
        relevance=pairs["relevance"].to_numpy()[alive][order].astype(np.int32),
        domain=_domain(pairs, alive, order, taken, metadata.patents, query, patent, domain_from),
        excluded_start=start,
        excluded=excluded,
        earlier_only=earlier_only,
        query_date=dates[0][chosen],
        patent_date=dates[1],
        query_family=_texts(taken["family_id"]),
        query_jurisdiction=_texts(pc.fill_null(taken["jurisdiction"], "")),
        query_in_corpus=np.where(taken["outside"].to_numpy(), -1, positions(taken["patent_id"], patent_ids)).astype(
            np.int32
        ),
        relevant_from=least,
        denied_query=denied_query[denied_order].astype(np.int32),
        denied_patent=denied_patent[denied_order].astype(np.int32),
        category=_sets(pairs, "category", alive, order),
        origin=_sets(pairs, "origin", alive, order),
    )
    return truth, counts


def _documents(metadata: Metadata) -> pa.Table:
    """All that may be a query, sorted by id; a query document takes the place of a patent with the same id."""
    patents = metadata.patents
    corpus = patents.append_column("outside", pa.array(np.zeros(patents.num_rows, dtype=bool)))
    if metadata.queries is None:
        return corpus
    own = metadata.queries.append_column("outside", pa.array(np.ones(metadata.queries.num_rows, dtype=bool)))
    others = corpus.filter(pc.invert(pc.is_in(corpus["patent_id"], value_set=own["patent_id"].combine_chunks())))
    whole = pa.concat_tables([own, others])
    return whole.take(pc.sort_indices(whole["patent_id"])).combine_chunks()


def _read_pairs(metadata: Metadata, direction: str, cited_by: CitedBy) -> tuple[pa.Table, dict[str, np.ndarray]]:
    """(query_id, patent_id, relevance[, domain, category, origin], each pair once; why some do not count)."""
    if metadata.qrels is not None:
        return metadata.qrels, {}
    if metadata.citations is None:
        raise InputError(
            f"{metadata.name}: retrieval is not possible: the landscape has neither qrels.parquet nor citations.parquet"
        )
    return cited_pairs(metadata, direction, cited_by)


def _sets(pairs: pa.Table, name: str, alive: np.ndarray, order: np.ndarray) -> np.ndarray | None:
    if name not in pairs.column_names:
        return None
    return np.asarray(pairs[name].to_numpy()[alive][order].astype(np.uint32))


def _texts(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    out = np.empty(len(column), dtype=object)
    out[:] = column.to_pylist()
    return out


def _family_codes(*columns: pa.ChunkedArray) -> list[np.ndarray]:
    """Integer codes of family ids, comparable across the columns."""
    known = pa.concat_arrays([chunk for column in columns for chunk in column.chunks]).unique()
    return [positions(column, known) for column in columns]


def _days(column: pa.ChunkedArray) -> np.ndarray:
    days = column.cast(pa.int32())
    days = pc.if_else(pc.equal(days, UNKNOWN_DATE), pa.scalar(UNKNOWN_DATE - 1, pa.int32()), days)
    return pc.fill_null(days, UNKNOWN_DATE).to_numpy().astype(np.int32)


def _is_earlier(patent: np.ndarray, query: np.ndarray) -> np.ndarray:
    return (patent < query) | (patent == UNKNOWN_DATE) | (query == UNKNOWN_DATE)


def _excluded(
    query_ids: pa.ChunkedArray, patent_ids: pa.Array, query_family: np.ndarray, patent_family: np.ndarray, family: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(start (Q+1,) int64, patents (E,) int32): the query itself and, when asked, its family, ascending per query."""
    n = len(patent_ids)
    itself = positions(query_ids, patent_ids)
    inside = np.flatnonzero(itself >= 0)
    keys = [inside * n + itself[inside]]
    if family:
        by_family = np.argsort(patent_family, kind="stable")
        ordered = patent_family[by_family]
        low, high = np.searchsorted(ordered, query_family, "left"), np.searchsorted(ordered, query_family, "right")
        sizes = high - low
        members = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(low, sizes)
        keys.append(np.repeat(np.arange(len(query_family)), sizes) * n + by_family[members])
    unique = np.unique(np.concatenate(keys))
    start = np.searchsorted(unique, np.arange(len(query_family) + 1, dtype=np.int64) * n)
    return start.astype(np.int64), (unique % n).astype(np.int32)


def _domain(
    pairs: pa.Table,
    alive: np.ndarray,
    order: np.ndarray,
    queries: pa.Table,
    patents: pa.Table,
    query: np.ndarray,
    patent: np.ndarray,
    domain_from: str,
) -> np.ndarray:
    """(P,) int8: IN, OUT or UNKNOWN of each kept pair."""
    if "domain" in pairs.column_names:
        said = pairs["domain"].combine_chunks().filter(pa.array(alive)).take(pa.array(order))
        is_in, is_out = (
            pc.fill_null(pc.equal(said, word), False).to_numpy(zero_copy_only=False) for word in ("IN", "OUT")
        )
        return np.where(is_in, IN, np.where(is_out, OUT, UNKNOWN)).astype(np.int8)
    schemes = [scheme.strip() for scheme in domain_from.split(",")]
    unknown = [scheme for scheme in schemes if scheme not in SCHEMES]
    if unknown:
        raise InputError(f"unknown domain_from {domain_from!r}; allowed are ipc, cpc and ipc,cpc")
    both = pa.concat_tables([queries.select(list(SCHEMES)), patents.select(list(SCHEMES))])
    bits = code_bits([code_sets(both[scheme], "class", scheme) for scheme in schemes], both.num_rows)
    of_query, of_patent = bits[: queries.num_rows][query], bits[queries.num_rows :][patent]
    known = of_query.any(axis=1) & of_patent.any(axis=1)
    shared = (of_query & of_patent).any(axis=1)
    return np.where(known, np.where(shared, IN, OUT), UNKNOWN).astype(np.int8)


def uncounted(counts: TruthCounts) -> Iterator[str]:
    """A sentence for each kind of citation that a suite's `origin` and `relevant` leave out."""
    for pairs, why in (
        (counts.pairs_origin, "cited by others than tasks.retrieval.origin names"),
        (counts.pairs_unknown, "without a category, which counts as grade 0 (`unknown` of tasks.retrieval.relevant)"),
        (counts.pairs_category, "of categories that have no grade in tasks.retrieval.relevant"),
    ):
        if pairs:
            yield f"{pairs:,} of {counts.pairs_read:,} pairs are not relevant: {why}"


def _why_empty(counts: TruthCounts, relevant_from: int) -> str:
    if counts.queries_read == 0:
        return (
            f"none of the {counts.pairs_read} pairs in {counts.source} makes a patent of the corpus relevant to a query"
        )
    low = f", and {counts.queries_too_low} none of grade {relevant_from} or more" if counts.queries_too_low else ""
    return (
        f"of {counts.queries_read} queries, {counts.queries_only_family} have relevant patents in their own family "
        f"only and {counts.queries_only_later} only such as are not earlier{low}"
    )
