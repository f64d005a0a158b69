import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.errors import InputError
from patray.measures import ranking as module
from patray.measures.definitions import Measure
from patray.measures.ranking import evaluate, find_hits, measure_hits

CUTOFFS = (1, 2, 3, 5, 10)
MEASURES = [Measure(name, cutoff) for name in ("nDCG", "Recall", "AP", "RR", "P") for cutoff in CUTOFFS]
MEASURES += [Measure("Success", cutoff) for cutoff in CUTOFFS] + [Measure("Rprec", 25)]
FAMILIES = {"nDCG": "ndcg_cut", "Recall": "recall", "AP": "map_cut", "P": "P", "Success": "success"}


def doc(code: int) -> str:
    """Byte order of the names is the order of the codes, as in Truth."""
    return f"d{code:03d}"


def trec_eval(qrels: dict, run: dict, measure: Measure, level: int) -> dict[str, float]:
    if measure.name == "RR":  # trec_eval's has no cutoff: give it the first so many
        run = {
            q: dict(sorted(docs.items(), key=lambda item: (item[1], item[0]), reverse=True)[: measure.cutoff])
            for q, docs in run.items()
        }
        evaluator = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}, relevance_level=level)
        return {q: v["recip_rank"] for q, v in evaluator.evaluate(run).items()}
    if measure.name == "Rprec":
        evaluator = pytrec_eval.RelevanceEvaluator(qrels, {"Rprec"}, relevance_level=level)
        return {q: v["Rprec"] for q, v in evaluator.evaluate(run).items()}
    name = f"{FAMILIES[measure.name]}_{measure.cutoff}"
    names = {f"{FAMILIES[measure.name]}.{measure.cutoff}"}
    found = pytrec_eval.RelevanceEvaluator(qrels, names, relevance_level=level).evaluate(run)
    return {q: v[name] for q, v in found.items()}


@st.composite
def cases(draw):
    """Scores (with many ties), and graded judgements that may be negative, zero, or absent."""
    n_queries, n_patents = draw(st.integers(1, 6)), draw(st.integers(1, 25))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    levels = draw(st.sampled_from([1, 2, 5, 10_000]))
    scores = rng.integers(0, levels, (n_queries, n_patents)).astype(float)
    retrieved = rng.random((n_queries, n_patents)) < draw(st.sampled_from([0.0, 0.3, 0.8, 1.0]))
    judged = rng.random((n_queries, n_patents)) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    grades = rng.integers(draw(st.sampled_from([-2, 0, 1])), draw(st.sampled_from([1, 4])) + 1, (n_queries, n_patents))
    return scores, retrieved, judged, grades.astype(np.int32)


def arrays(scores, retrieved, judged, grades):
    """The case as patray takes it: rows by (score descending, patent descending), pairs by (query, patent)."""
    n_queries, n_patents = scores.shape
    ranked = np.full((n_queries, n_patents), -1, np.int32)
    for q in range(n_queries):
        order = sorted(np.flatnonzero(retrieved[q]), key=lambda p: (scores[q, p], p), reverse=True)
        ranked[q, : len(order)] = order
    query, patent = (side.astype(np.int32) for side in np.nonzero(judged))
    return ranked, query, patent, grades[query, patent]


@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(1, 5))
def test_every_measure_equals_trec_eval_with_ties_gaps_graded_judgements_and_any_level(case, level):
    scores, retrieved, judged, grades = case
    n_queries = len(scores)
    found = evaluate(*arrays(*case), measures=MEASURES, relevant_from=level)
    qrels = {f"q{q}": {doc(p): int(grades[q, p]) for p in np.flatnonzero(judged[q])} for q in range(n_queries)}
    run = {f"q{q}": {doc(p): scores[q, p] for p in np.flatnonzero(retrieved[q])} for q in range(n_queries)}
    # An unranked patent judged 0 changes no value; without it pytrec_eval corrupts its memory where a query's
    # judgements all lie below -1.
    qrels = {q: {**docs, "unranked": 0} for q, docs in qrels.items() if docs}
    run = {q: docs for q, docs in run.items() if docs}
    for measure in MEASURES:
        # A query that trec_eval skips (not judged, or nothing retrieved) has nothing to find: 0.
        expected = trec_eval(qrels, run, measure, level) if qrels and run else {}
        np.testing.assert_allclose(
            found[measure],
            [expected.get(f"q{q}", 0.0) for q in range(n_queries)],
            rtol=0,
            atol=1e-12,
            err_msg=str(measure),
        )


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(0, 2**32 - 1))
def test_a_slice_has_the_values_of_its_pairs_alone(case, seed):
    ranked, query, patent, relevance = arrays(*case)
    mask = np.random.default_rng(seed).random(len(query)) < 0.5
    hits = find_hits(ranked, query, patent, relevance)
    sliced = measure_hits(hits, MEASURES, mask)
    alone = evaluate(ranked, query[mask], patent[mask], relevance[mask], MEASURES)
    everything = measure_hits(hits, MEASURES, np.ones(len(query), bool))
    for measure in MEASURES:
        np.testing.assert_allclose(sliced[measure], alone[measure], rtol=0, atol=1e-15)
        np.testing.assert_array_equal(everything[measure], measure_hits(hits, MEASURES)[measure])


def test_the_means_equal_ir_measures_under_the_names_it_uses():
    rng = np.random.default_rng(7)
    n_queries, n_patents = 40, 300
    scores = rng.random((n_queries, n_patents))
    case = (scores, np.ones_like(scores, bool), rng.random(scores.shape) < 0.05, rng.integers(1, 4, scores.shape))
    ranked, query, patent, relevance = arrays(*case)
    ranked = ranked[:, :100]
    found = evaluate(ranked, query, patent, relevance, [Measure(n, 10) for n in ("nDCG", "Recall", "AP", "RR", "P")])
    qrels = [ir_measures.Qrel(f"q{q}", doc(p), int(r)) for q, p, r in zip(query, patent, relevance, strict=True)]
    run = [
        ir_measures.ScoredDoc(f"q{q}", doc(p), float(-rank))
        for q, row in enumerate(ranked)
        for rank, p in enumerate(row)
    ]
    names = {"Recall": "R"}
    for measure, values in found.items():
        theirs = ir_measures.parse_measure(f"{names.get(measure.name, measure.name)}@10")
        judged = np.unique(query)
        assert values[judged].mean() == pytest.approx(
            ir_measures.calc_aggregate([theirs], qrels, run)[theirs], abs=1e-12
        )


def test_values_do_not_depend_on_how_many_queries_are_looked_up_at_once(monkeypatch):
    rng = np.random.default_rng(3)
    scores = rng.random((31, 20))
    case = arrays(
        scores, rng.random(scores.shape) < 0.7, rng.random(scores.shape) < 0.2, rng.integers(0, 3, scores.shape)
    )
    whole = evaluate(*case, measures=MEASURES)
    for cells in (1, 20, 77):
        monkeypatch.setattr(module, "BLOCK_CELLS", cells)
        for measure, values in evaluate(*case, measures=MEASURES).items():
            np.testing.assert_array_equal(values, whole[measure])


def test_a_known_ranking_gives_the_values_one_works_out_by_hand():
    ranked = np.array([[5, 3, 9, 1, -1], [0, 1, 2, 3, 4]])
    query, patent, relevance = np.array([0, 0, 0]), np.array([1, 3, 7]), np.array([2, 1, 1])
    found = {str(m): v for m, v in evaluate(ranked, query, patent, relevance, MEASURES).items()}
    discount = 1 / np.log2(np.arange(2, 7))
    assert found["nDCG@5"][0] == pytest.approx(
        (1 * discount[1] + 2 * discount[3]) / (2 * discount[0] + discount[1] + discount[2])
    )
    assert found["AP@5"][0] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert (found["RR@1"][0], found["RR@2"][0]) == (0.0, 0.5)
    assert found["P@10"][0] == pytest.approx(0.2)
    assert found["Recall@3"][0] == pytest.approx(1 / 3)
    assert all(values[1] == 0.0 for values in found.values())


@pytest.mark.parametrize(
    ("query", "patent", "message"),
    [
        ([0, 0], [2, 1], "sorted by .query, patent. and unique, which ends at row 1"),
        ([0, 0], [1, 1], "unique"),
        ([1, 0], [1, 1], "sorted"),
        ([0, 2], [1, 1], "query codes must lie in 0..1"),
        ([0, 0], [-1, 1], "patent codes from 0"),
        ([0], [1, 2], "1 queries, 2 patents"),
    ],
)
def test_pairs_that_would_be_looked_up_wrongly_are_refused(query, patent, message):
    ranked = np.array([[0, 1], [1, 0]])
    with pytest.raises(InputError, match=message):
        find_hits(ranked, np.array(query), np.array(patent), np.ones(len(patent), np.int32))


def test_a_relevant_patent_ranked_twice_is_refused():
    with pytest.raises(InputError, match="query 1 ranks patent 4 more than once"):
        find_hits(np.array([[0, 1, 2], [4, 0, 4]]), np.array([1]), np.array([4]), np.array([1]))


def test_a_ranking_without_queries_is_refused():
    with pytest.raises(InputError, match="at least one"):
        find_hits(np.empty((0, 10), np.int32), np.array([], int), np.array([], int), np.array([], int))


def plain(measure, row, grades, level):
    """ERR, RBP and PRES of one query as their papers write them. row: patents in order; grades: patent to grade."""
    shown = [max(grades.get(p, 0), 0) for p in row[: measure.cutoff]]
    if measure.name == "ERR":
        goes_on, total = 1.0, 0.0
        for rank, grade in enumerate(shown, start=1):
            stops = (2**grade - 1) / 16
            total += goes_on * stops / rank
            goes_on *= 1 - stops
        return total
    relevant = {p for p, grade in grades.items() if grade >= max(level, 1)}
    if measure.name == "RBP":
        return sum(0.2 * 0.8**at for at, p in enumerate(row[: measure.cutoff]) if p in relevant)
    if not relevant:
        return 0.0
    ranks = [at + 1 for at, p in enumerate(row[: measure.cutoff]) if p in relevant]
    ranks += [measure.cutoff + at for at in range(len(ranks) + 1, len(relevant) + 1)]
    return 1 - (sum(ranks) / len(relevant) - (len(relevant) + 1) / 2) / measure.cutoff


@settings(max_examples=80, deadline=None)
@given(cases(), st.integers(1, 4))
def test_err_rbp_and_pres_are_what_their_papers_write(case, level):
    asked = [Measure(name, cutoff) for name in ("ERR", "RBP", "PRES") for cutoff in (3, 10, 25)]
    ranked, query, patent, relevance = arrays(*case)
    found = evaluate(ranked, query, patent, relevance, asked, relevant_from=level)
    for q, row in enumerate(ranked.tolist()):
        grades = {int(p): int(r) for p, r in zip(patent[query == q], relevance[query == q], strict=True)}
        for measure in asked:
            wanted = plain(measure, [p for p in row if p >= 0], grades, level)
            assert found[measure][q] == pytest.approx(wanted, abs=1e-12), str(measure)


@settings(max_examples=100, deadline=None)
@given(cases(), st.integers(1, 4))
def test_bpref_equals_trec_eval_and_judged_equals_ir_measures(case, level):
    """Without grades below 0, which trec_eval takes for unjudged. ir-measures breaks ties the other way round."""
    scores, retrieved, judged, grades = case
    scores = np.argsort(np.argsort(scores, axis=1, kind="stable"), axis=1).astype(float)
    ranked, query, patent, relevance = arrays(scores, retrieved, judged, np.maximum(grades, 0))
    asked = [Measure("bpref", 25), *(Measure("Judged", cutoff) for cutoff in (1, 3, 10))]
    found = evaluate(ranked, query, patent, relevance, asked, relevant_from=level)
    qrels: dict[str, dict[str, int]] = {}
    for q, p, r in zip(query.tolist(), patent.tolist(), relevance.tolist(), strict=True):
        qrels.setdefault(f"q{q}", {})[doc(p)] = r
    run = {f"q{q}": {doc(p): -float(at) for at, p in enumerate(row) if p >= 0} for q, row in enumerate(ranked.tolist())}
    run = {q: docs for q, docs in run.items() if docs and q in qrels}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, {"bpref"}, relevance_level=level).evaluate(run) if run else {}
    for q, values in theirs.items():
        assert found[asked[0]][int(q[1:])] == pytest.approx(values["bpref"], abs=1e-12)
    for measure in asked[1:] if run else ():
        for value in ir_measures.iter_calc([ir_measures.parse_measure(f"Judged@{measure.cutoff}")], qrels, run):
            assert found[measure][int(value.query_id[1:])] == pytest.approx(value.value, abs=1e-12)


@settings(max_examples=80, deadline=None)
@given(cases(), st.integers(1, 4))
def test_spared_is_what_need_not_be_read_for_four_fifths_of_the_relevant(case, level):
    ranked, query, patent, relevance = arrays(*case)
    asked = [Measure("Spared", cutoff) for cutoff in (1, 5, 25)]
    found = evaluate(ranked, query, patent, relevance, asked, relevant_from=level)
    for q, row in enumerate(ranked.tolist()):
        relevant = set(patent[(query == q) & (relevance >= max(level, 1))].tolist())
        for measure in asked:
            reads = next(
                (
                    n
                    for n in range(1, measure.cutoff + 1)
                    if relevant and 5 * len(relevant & set(row[:n])) >= 4 * len(relevant)
                ),
                measure.cutoff,
            )
            assert found[measure][q] == pytest.approx(1 - reads / measure.cutoff, abs=1e-12)


def test_err_equals_ir_measures_to_the_five_digits_it_prints_for_topics_that_are_numbers():
    rng = np.random.default_rng(2)
    scores = rng.random((20, 60))
    case = (scores, np.ones_like(scores, bool), rng.random(scores.shape) < 0.2, rng.integers(0, 5, scores.shape))
    ranked, query, patent, relevance = arrays(*case)
    found = evaluate(ranked, query, patent, relevance, [Measure("ERR", 10)])[Measure("ERR", 10)]
    qrels = [ir_measures.Qrel(str(q), doc(p), int(r)) for q, p, r in zip(query, patent, relevance, strict=True)]
    run = [
        ir_measures.ScoredDoc(str(q), doc(p), -r) for q, row in enumerate(ranked) for r, p in enumerate(row.tolist())
    ]
    theirs = {m.query_id: m.value for m in ir_measures.iter_calc([ir_measures.parse_measure("ERR@10")], qrels, run)}
    for q, value in theirs.items():
        assert found[int(q)] == pytest.approx(value, abs=1e-5)


def test_a_grade_beyond_what_err_is_defined_for_is_an_error():
    with pytest.raises(InputError, match="ERR: a grade of 5"):
        evaluate(np.array([[0]]), np.array([0]), np.array([0]), np.array([5]), [Measure("ERR", 1)])
