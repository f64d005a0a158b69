"""What came of a judging: how much is graded and left, how far judges agree, and every system's scores with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from patray.judging.agreement import agreement
from patray.judging.pool import Pool
from patray.judging.scores import Pairs, corrected, in_order, judged_share, values, with_grades
from patray.judging.sheet import Judgements
from patray.landscapes.records import Truth
from patray.measures.definitions import Measure
from patray.report.words import interval, percent, plural, score


def told(pool: Pool, people: Judgements) -> list[str]:
    """What was graded, what is left, and how far the judges agree."""
    whole = complete_queries(pool, people)
    lines = [
        f"{people.graded:,} of {len(pool.pairs):,} pairs graded by {plural(len(people.judges), 'judge')}"
        f"{': ' + ', '.join(people.judges) if people.judges else ''}"
    ]
    left = len(pool.queries) - len(whole)
    if left:
        open_pairs = len(pool.pairs) - people.graded
        lines.append(
            f"{plural(open_pairs, 'pair')} of {plural(left, 'query', 'queries')} left; go on from the top of the sheet"
        )
    found = agreement(people.grades)
    if found.pairs:
        kappa = f", Cohen's kappa {score(found.kappa, 2)} (squared weights)" if not np.isnan(found.kappa) else ""
        lines.append(
            f"agreement on {plural(found.pairs, 'pair')} with several grades: the same {percent(found.same)}, "
            f"Krippendorff's alpha {score(found.alpha, 2)} (ordinal){kappa}"
        )
    return lines


def complete_queries(pool: Pool, people: Judgements) -> list[str]:
    """Queries all of whose pairs have a grade, in the sheet's order.

    A query without a pair to judge counts where one after it is complete, or all are: beyond the place where judges
    stopped it would be no part of a random sample, but one of those that are easy.
    """
    asked = {pair[0] for pair in pool.pairs}
    missing = {pair[0] for pair, grade in zip(pool.pairs, people.combined, strict=True) if np.isnan(grade)}
    done = [at for at, query in enumerate(pool.queries) if query in asked and query not in missing]
    last = max(done, default=-1) if missing else len(pool.queries)
    return [query for at, query in enumerate(pool.queries) if at <= last and query not in missing]


def judged_rows(
    pool: Pool,
    people: Judgements,
    machine: Judgements | None,
    truth: Truth,
    known: Pairs,
    reported: np.ndarray,
    rankings: Mapping[str, np.ndarray],
    measures: Sequence[Measure],
) -> list[dict[str, Any]]:
    """A row a system and measure: means without and with the grades, and the estimate for all reported queries.

    known: every pair that was judged before, those of grade 0 too. reported (Q,) bool. rankings: system to (Q, K).
    Measures that look deeper than the pool are left out, as nobody judged there; nDCG at the pool's depth where none is
    left. No rows where no query is judged whole.
    """
    whole = complete_queries(pool, people)
    if not whole:
        return []
    at = {name: row for row, name in enumerate(truth.query_ids.tolist())}
    place = {name: row for row, name in enumerate(truth.patent_ids.tolist())}
    query = np.array([at[pair[0]] for pair in pool.pairs], dtype=np.int64)
    patent = np.array([place[pair[1]] for pair in pool.pairs], dtype=np.int64)
    judged = np.zeros(len(truth.query_ids), dtype=bool)
    judged[[at[name] for name in whole]] = True
    inside = judged[query]
    fresh = query[inside], patent[inside], people.combined[inside].astype(np.int64)
    base = truth.query.astype(np.int64), truth.patent.astype(np.int64), truth.relevance.astype(np.int64)
    new = with_grades(base, *fresh)
    first = base if machine is None else with_grades(base, query, patent, machine.combined.astype(np.int64))
    every = in_order(*(np.concatenate([old, more]) for old, more in zip(known, fresh, strict=True)))
    measures = [measure for measure in measures if measure.cutoff <= pool.depth] or [Measure("nDCG", pool.depth)]
    rows = []
    for system in pool.systems:
        ranked = rankings[system]
        shares = [judged_share(ranked, pairs, pool.depth) for pairs in (known, every)]
        old, start, end = (values(ranked, pairs, measures, truth.relevant_from) for pairs in (base, first, new))
        for measure in measures:
            change = (end[measure] - start[measure])[reported]
            found = corrected(start[measure][reported], change, judged[reported], truth.query_family[reported])
            rows.append({
                "system": system, "metric": str(measure), "n": int(reported.sum()), "n_judged": int(judged.sum()),
                "before": float(old[measure][reported].mean()), "judged_before": float(old[measure][judged].mean()),
                "judged_after": float(end[measure][judged].mean()), "estimate": found.estimate,
                "ci_low": found.low, "ci_high": found.high,
                f"judged@{pool.depth}_before": float(shares[0][judged].mean()),
                f"judged@{pool.depth}_after": float(shares[1][judged].mean()),
            })  # fmt: skip
    return rows


def table_text(rows: list[dict[str, Any]]) -> str:
    width = max(len(row["system"]) for row in rows)
    first = rows[0]
    lines = [
        f"{'system':{width}}  {'metric':12} all {first['n']:,} before  |  {first['n_judged']:,} judged: before, after  "
        f"|  all {first['n']:,} after, estimated"
    ]
    for row in rows:
        span = interval(row["ci_low"], row["ci_high"])
        lines.append(
            f"{row['system']:{width}}  {row['metric']:12} {score(row['before'])}  |  {score(row['judged_before'])}, "
            f"{score(row['judged_after'])}  |  {score(row['estimate'])} {span}".rstrip()
        )
    return "\n".join(lines)
