"""A level from which a judged patent counts: pytrec_eval's and ir-measures' numbers, slices, tuning, what drops out."""

from pathlib import Path

import ir_measures
import numpy as np
import pyarrow as pa
import pytest
import pytrec_eval

from patray.errors import InputError
from patray.landscapes.records import Metadata, Truth
from patray.landscapes.slices import make_slices
from patray.landscapes.truth import TruthCounts, build_truth
from patray.measures.definitions import parse_measure
from patray.search.fusion import tune_weight
from patray.search.order import order_rows
from patray.search.ranking import Ranking
from patray.search.trec import qrels_text, run_lines
from patray.tasks.retrieval import evaluate

QUERIES, PATENTS, LEVEL = 40, 80, 2
NAMES = {
    "nDCG@10": ("ndcg_cut_10", "nDCG@10"),
    "Recall@20": ("recall_20", "R(rel=2)@20"),
    "AP@80": ("map_cut_80", "AP(rel=2)@80"),
    "RR@80": ("recip_rank", "RR(rel=2)"),
    "P@5": ("P_5", "P(rel=2)@5"),
}


def metadata(citations: bool = False) -> Metadata:
    """Graded qrels 0..3; the first four queries have no patent above grade 1. Patents of two classes."""
    rng = np.random.default_rng(7)

    def documents(letter: str, count: int) -> pa.Table:
        ids = [f"{letter}{number:03d}" for number in range(count)]
        classes = [[("A61B5/00", "G06F3/00")[int(at)]] for at in rng.integers(0, 2, count)]
        none = pa.array([[]] * count, pa.list_(pa.string()))
        dates = pa.array(np.zeros(count), pa.int32()).cast(pa.date32())
        columns = [ids, ids, ["EP"] * count, dates, pa.array(classes, pa.list_(pa.string())), none]
        return pa.table(columns, names=["patent_id", "family_id", "jurisdiction", "date", "ipc", "cpc"])

    pairs = [
        (f"q{q:03d}", f"d{p:03d}", int(rng.integers(0, 2 if q < 4 else 4)) if at else (1 if q < 4 else 3))
        for q in range(QUERIES)
        for at, p in enumerate(np.sort(rng.permutation(PATENTS)[:5]))
    ]
    query, patent, grade = zip(*pairs, strict=True)
    qrels = pa.table([query, patent, pa.array(grade, pa.int32())], names=["query_id", "patent_id", "relevance"])
    cited = pa.table([query, patent], names=["citing_id", "cited_id"])
    corpus, asked = documents("d", PATENTS), documents("q", QUERIES)
    if citations:
        return Metadata("graded", corpus, asked, cited, None, {}, {})
    return Metadata("graded", corpus, asked, None, qrels, {}, {})


def graded() -> tuple[Truth, TruthCounts]:
    return build_truth(metadata(), relevant_from=LEVEL)


def random_ranking(truth: Truth, seed: int) -> Ranking:
    scores = np.random.default_rng(seed).integers(0, 30, (len(truth.query_ids), PATENTS)).astype(np.float32)
    return order_rows(np.tile(np.arange(PATENTS, dtype=np.int32), (len(scores), 1)), scores, PATENTS)


@pytest.mark.parametrize("part", ["all", "in", "out"])
def test_every_slice_has_the_values_of_pytrec_eval_and_ir_measures_at_that_level(part: str, tmp_path: Path) -> None:
    truth, _ = graded()
    ranking = random_ranking(truth, 1)
    [chosen], _ = make_slices(truth, [part])
    measures = [parse_measure(name) for name in NAMES]
    scores = evaluate(truth, ranking, [chosen], measures, landscape="l", view="v", system="s")
    (tmp_path / "run").write_text("".join(run_lines(ranking, truth, chosen.queries, "s")))
    (tmp_path / "qrels").write_text(qrels_text(truth, chosen))
    qrels = pytrec_eval.parse_qrel((tmp_path / "qrels").read_text().splitlines())
    run = pytrec_eval.parse_run((tmp_path / "run").read_text().splitlines())
    wanted = {"ndcg_cut.10", "recall.20", "map_cut.80", "recip_rank", "P.5"}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, wanted, relevance_level=LEVEL)
    values = theirs.evaluate(run)
    assert set(values) == set(truth.query_ids[chosen.queries])
    for score, (trec, name) in zip(scores, NAMES.values(), strict=True):
        assert score.values.tolist() == pytest.approx([values[query][trec] for query in score.items], abs=1e-12)
        measure = ir_measures.parse_measure(name)
        found = ir_measures.calc_aggregate(
            [measure],
            ir_measures.read_trec_qrels(str(tmp_path / "qrels")),
            ir_measures.read_trec_run(str(tmp_path / "run")),
        )
        assert score.values.mean() == pytest.approx(found[measure], abs=1e-12), name


def test_pairs_judged_not_relevant_are_kept_for_bpref_and_judged() -> None:
    truth, counts = graded()
    table = metadata().qrels
    assert table is not None
    rows = [row for row in table.to_pylist() if row["query_id"] in set(truth.query_ids)]
    zeros = {(row["query_id"], row["patent_id"]) for row in rows if row["relevance"] == 0}
    kept = zip(truth.query_ids[truth.denied_query], truth.patent_ids[truth.denied_patent], strict=True)
    assert set(kept) == zeros
    assert counts.pairs_not_relevant >= len(zeros) > 10
    qrels: dict[str, dict[str, int]] = {}
    for row in rows:
        qrels.setdefault(row["query_id"], {})[row["patent_id"]] = row["relevance"]
    ranking = random_ranking(truth, 3)
    run = {
        query: {truth.patent_ids[patent]: -float(at) for at, patent in enumerate(row)}
        for query, row in zip(truth.query_ids, ranking.patents.tolist(), strict=True)
    }
    [everything], _ = make_slices(truth, ["all"])
    measures = [parse_measure(name) for name in ("bpref@80", "Judged@10", "Recall@20")]
    bpref, judged, recall = evaluate(truth, ranking, [everything], measures, landscape="l", view="v", system="s")
    theirs = pytrec_eval.RelevanceEvaluator(qrels, {"bpref", "recall.20"}, relevance_level=LEVEL).evaluate(run)
    assert bpref.values.tolist() == pytest.approx([theirs[query]["bpref"] for query in bpref.items], abs=1e-12)
    assert recall.values.tolist() == pytest.approx([theirs[query]["recall_20"] for query in bpref.items], abs=1e-12)
    share = ir_measures.iter_calc([ir_measures.parse_measure("Judged@10")], qrels, run)
    values = {one.query_id: one.value for one in share}
    assert judged.values.tolist() == pytest.approx([values[query] for query in judged.items], abs=1e-12)


def test_queries_without_a_patent_at_the_level_are_left_out_and_counted() -> None:
    truth, counts = graded()
    everything, before = build_truth(metadata())
    assert truth.query_ids.tolist() == everything.query_ids[4:].tolist()
    assert (counts.queries_too_low, counts.queries, before.queries_too_low) == (4, QUERIES - 4, 0)
    assert counts.pairs + counts.pairs_too_low == before.pairs
    assert counts.pairs_read == counts.pairs + counts.pairs_too_low + counts.pairs_not_relevant
    with pytest.raises(InputError, match="40 none of grade 4 or more"):
        build_truth(metadata(), relevant_from=4)


def test_a_slice_leaves_out_queries_whose_pairs_in_it_are_all_below_the_level() -> None:
    truth, _ = graded()
    for part in make_slices(truth, ["in", "out"])[0]:
        counted = {int(query) for query in truth.query[part.pairs & (truth.relevance >= LEVEL)]}
        any_grade = {int(query) for query in truth.query[part.pairs]}
        assert set(np.flatnonzero(part.queries).tolist()) == counted
        assert counted < any_grade


def test_the_fusion_weight_is_tuned_at_the_level() -> None:
    truth, _ = graded()
    first, second = random_ranking(truth, 1), random_ranking(truth, 2)
    everyone = np.ones(len(truth.query_ids), bool)
    measure = parse_measure("Recall@20")
    tuned = tune_weight(first, second, truth, everyone, measure, grid=(0.0, 1.0))
    [part], _ = make_slices(truth, ["all"])
    means = [
        evaluate(truth, one, [part], [measure], landscape="l", view="v", system="s")[0].values.mean()
        for one in (second, first)
    ]
    assert dict(tuned.curve) == pytest.approx(dict(zip((0.0, 1.0), means, strict=True)), abs=1e-12)


def test_citations_have_no_grades_so_each_counts_whatever_the_level() -> None:
    cited, counts = build_truth(metadata(citations=True), relevant_from=3)
    assert cited.relevant_from == 1
    assert (counts.queries_too_low, len(cited.query_ids)) == (0, QUERIES)
