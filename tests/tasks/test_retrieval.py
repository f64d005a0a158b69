import numpy as np
import pytest
import pytrec_eval

from patray.errors import InputError
from patray.landscapes.records import IN, OUT, Slice, Truth
from patray.measures.definitions import parse_measure
from patray.search.ranking import Ranking
from patray.tasks.retrieval import evaluate

MEASURES = [parse_measure(text) for text in ("nDCG@10", "Recall@5")]
WHERE = {"landscape": "l", "view": "ta", "system": "s"}


def truth_of(n_queries=12, n_patents=40, seed=0):
    """Queries are outside the corpus; each has 1 to 6 relevant patents, some of them in its domain."""
    rng = np.random.default_rng(seed)
    pairs = sorted(
        (q, int(p)) for q in range(n_queries) for p in rng.choice(n_patents, rng.integers(1, 7), replace=False)
    )
    query, patent = (np.array(side, np.int32) for side in zip(*pairs, strict=True))
    unknown_date = {"query_date": np.full(n_queries, -1, np.int32), "patent_date": np.full(n_patents, -1, np.int32)}
    names = np.array([f"q{q:02d}" for q in range(n_queries)], object)
    return Truth(
        query_ids=names,
        patent_ids=np.array([f"p{p:02d}" for p in range(n_patents)], object),
        query=query,
        patent=patent,
        relevance=np.ones(len(query), np.int32),
        domain=rng.choice(np.array([IN, OUT], np.int8), len(query)),
        excluded_start=np.zeros(n_queries + 1, np.int64),
        excluded=np.empty(0, np.int32),
        earlier_only=False,
        query_family=names,
        query_jurisdiction=np.array(["US"] * n_queries, object),
        query_in_corpus=np.full(n_queries, -1, np.int32),
        **unknown_date,
    )


def slice_of(truth, name, pairs):
    queries = np.bincount(truth.query[pairs], minlength=len(truth.query_ids)) > 0
    return Slice(name, pairs, queries)


def ranking_of(truth, depth=20, seed=1):
    rng = np.random.default_rng(seed)
    scores = rng.random((len(truth.query_ids), len(truth.patent_ids)))
    order = np.argsort(-scores, axis=1)[:, :depth]
    return Ranking(order.astype(np.int32), np.take_along_axis(scores, order, 1))


def slices_of(truth):
    everything = np.ones(len(truth.query), bool)
    return [
        slice_of(truth, "all", everything),
        slice_of(truth, "in", truth.domain == IN),
        slice_of(truth, "out", truth.domain == OUT),
    ]


def test_each_slice_equals_trec_eval_with_only_its_pairs_judged():
    truth = truth_of()
    ranking, slices = ranking_of(truth), slices_of(truth)
    scores = evaluate(truth, ranking, slices, MEASURES, **WHERE)
    assert [(s.where.slice, s.metric) for s in scores] == [
        (part, metric) for part in ("all", "in", "out") for metric in ("nDCG@10", "Recall@5")
    ]
    run = {
        q: {truth.patent_ids[p]: float(-rank) for rank, p in enumerate(row)}
        for q, row in zip(truth.query_ids, ranking.patents, strict=True)
    }
    names = {"nDCG@10": "ndcg_cut_10", "Recall@5": "recall_5"}
    for score in scores:
        pairs = next(part.pairs for part in slices if part.name == score.where.slice)
        qrels: dict[str, dict[str, int]] = {}
        for q, p in zip(truth.query[pairs], truth.patent[pairs], strict=True):
            qrels.setdefault(truth.query_ids[q], {})[truth.patent_ids[p]] = 1
        expected = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.5"}).evaluate(run)
        assert list(score.items) == sorted(qrels)
        assert score.values == pytest.approx([expected[q][names[score.metric]] for q in score.items], abs=1e-12)


def test_a_slice_without_queries_gives_no_score():
    truth = truth_of()
    nothing = slice_of(truth, "JP", np.zeros(len(truth.query), bool))
    scores = evaluate(truth, ranking_of(truth), [*slices_of(truth), nothing], MEASURES, **WHERE)
    assert {score.where.slice for score in scores} == {"all", "in", "out"}


def test_a_ranking_that_was_cut_off_above_the_cutoff_is_refused():
    truth = truth_of()
    with pytest.raises(InputError, match="holds the first 9 patents; the measures need 10"):
        evaluate(truth, ranking_of(truth, depth=9), slices_of(truth), MEASURES, **WHERE)


def test_a_corpus_smaller_than_the_cutoff_is_measured_as_it_is():
    truth = truth_of(n_patents=8)
    scores = evaluate(truth, ranking_of(truth, depth=8), slices_of(truth)[:1], [parse_measure("Recall@100")], **WHERE)
    assert (scores[0].values == 1.0).all()


def test_a_ranking_of_other_queries_is_refused():
    truth = truth_of()
    with pytest.raises(InputError, match="11 rows for 12 queries"):
        evaluate(truth, ranking_of(truth_of(n_queries=11)), slices_of(truth), MEASURES, **WHERE)
