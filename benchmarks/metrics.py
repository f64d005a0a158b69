"""How fast are patray's retrieval measures beside pytrec_eval, and are they equal?

Both start from the same arrays, which is where a ranking is when it leaves a search. pytrec_eval needs dictionaries of
ids, so its time is given with and without building them.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pytrec_eval

from patray.measures.definitions import RETRIEVAL
from patray.measures.ranking import evaluate

TREC = {
    "nDCG@10": "ndcg_cut_10",
    "nDCG@100": "ndcg_cut_100",
    "Recall@10": "recall_10",
    "Recall@100": "recall_100",
    "AP@100": "map_cut_100",
    "RR@10": "recip_rank",
    "P@10": "P_10",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=46_069)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--patents", type=int, default=46_946)
    parser.add_argument("--relevant", type=int, default=7, help="mean relevant patents per query")
    parser.add_argument("--repeats", type=int, default=3, help="the best time of so many is shown")
    options = parser.parse_args()

    ranked, query, patent, relevance = _make(options.queries, options.depth, options.patents, options.relevant)
    ours, values = _best(lambda: evaluate(ranked, query, patent, relevance, RETRIEVAL), options.repeats)
    build, (qrels, run) = _best(lambda: _dictionaries(ranked, query, patent, relevance), options.repeats)
    score, theirs = _best(
        lambda: pytrec_eval.RelevanceEvaluator(qrels, set(TREC.values())).evaluate(run), options.repeats
    )

    worst = 0.0
    for measure, found in values.items():
        expected = np.array([theirs[f"q{q}"][TREC[str(measure)]] for q in range(options.queries)])
        if measure.name == "RR":  # trec_eval has no cutoff for it
            expected = np.where(expected >= 1 / measure.cutoff, expected, 0.0)
        worst = max(worst, float(np.abs(found - expected).max()))

    print(f"{options.queries:,} queries x top {options.depth}, {len(query):,} relevant pairs, {len(TREC)} measures")
    print(f"{'':34}{'seconds':>9}{'patray takes':>14}")
    print(f"{'patray':34}{ours:9.3f}")
    print(f"{'pytrec_eval, dictionaries built':34}{score:9.3f}{ours / score:13.3f}x")
    print(f"{'pytrec_eval, building counted':34}{build + score:9.3f}{ours / (build + score):13.3f}x  (target 0.200x)")
    print(f"largest difference of a value: {worst:.1e} (target 1e-12)")
    if worst > 1e-12:
        raise SystemExit("the values differ")


def _make(n_queries: int, depth: int, n_patents: int, relevant: int) -> tuple[np.ndarray, ...]:
    """A ranking without repeats and graded pairs, a third of which the ranking shows."""
    rng = np.random.default_rng(0)
    # Steps of a stride coprime to the corpus never meet the same patent twice.
    stride = next(s for s in range(n_patents // 3, n_patents) if np.gcd(s, n_patents) == 1)
    first = rng.integers(0, n_patents, (n_queries, 1))
    ranked = ((first + stride * np.arange(depth)) % n_patents).astype(np.int32)
    query = np.repeat(np.arange(n_queries), rng.poisson(relevant - 1, n_queries) + 1)
    shown = ranked[query, rng.integers(0, depth, len(query))]
    patent = np.where(rng.random(len(query)) < 1 / 3, shown, rng.integers(0, n_patents, len(query)))
    pairs = np.unique(np.stack([query, patent], axis=1), axis=0).astype(np.int32)
    return ranked, pairs[:, 0], pairs[:, 1], rng.integers(1, 4, len(pairs)).astype(np.int32)


def _dictionaries(
    ranked: np.ndarray, query: np.ndarray, patent: np.ndarray, relevance: np.ndarray
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    """What pytrec_eval takes, built as plainly as one can."""
    ids = [f"p{code:08d}" for code in range(int(max(ranked.max(), patent.max())) + 1)]
    scores = [float(score) for score in range(ranked.shape[1], 0, -1)]
    run = {
        f"q{q}": dict(zip([ids[code] for code in row], scores, strict=True)) for q, row in enumerate(ranked.tolist())
    }
    qrels: dict[str, dict[str, int]] = {name: {} for name in run}
    for q, code, grade in zip(query.tolist(), patent.tolist(), relevance.tolist(), strict=True):
        qrels[f"q{q}"][ids[code]] = grade
    return qrels, run


def _best(work, repeats: int):  # type: ignore[no-untyped-def]
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


if __name__ == "__main__":
    main()
