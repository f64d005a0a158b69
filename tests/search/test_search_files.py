import faiss
import ir_measures
import numpy as np
import pytest
import pytrec_eval
from ir_measures import AP, RR, P, R, nDCG
from search_oracle import best, make_truth, same

from patray.errors import EmbeddingError, InputError, UnplacedError
from patray.files import Folder
from patray.landscapes.records import Slice, Truth
from patray.measures.definitions import Measure
from patray.measures.ranking import evaluate
from patray.search.dense import search_shard
from patray.search.exclusion import Exclusions
from patray.search.faiss_file import read_index, write_index
from patray.search.fusion import linear, rrf
from patray.search.lexical import Bm25
from patray.search.order import order_rows
from patray.search.quantise import value_ranges
from patray.search.quantised import finish, search_codes
from patray.search.ranking import Ranking
from patray.search.reranked import rerank_top
from patray.search.table import from_table, to_table
from patray.search.trec import qrels_text, run_lines
from patray.search.truncate import truncate

MEASURES = {
    Measure("nDCG", 10): nDCG @ 10,
    Measure("nDCG", 100): nDCG @ 100,
    Measure("Recall", 10): R @ 10,
    Measure("AP", 100): AP @ 100,
    # RR @ 10 would be measured by another of its providers, which breaks ties differently from trec_eval.
    Measure("RR", 100): RR,
    Measure("P", 10): P @ 10,
}


def random_case(seed: int, scores: str) -> tuple[Ranking, Truth]:
    random = np.random.default_rng(seed)
    n_queries, n = 30, 200
    pairs = {(q, int(p), int(random.integers(1, 4))) for q in range(n_queries) for p in random.permutation(n)[:12]}
    truth = make_truth(n_queries, n, pairs=list(pairs))
    if scores == "tied":
        values = random.integers(0, 12, (n_queries, n)).astype(np.float32) / 3
    elif scores == "float32":
        values = (0.7 + 1e-6 * random.random((n_queries, n))).astype(np.float32)
    else:  # float64 scores that float32 cannot tell apart
        values = 0.7 + 1e-10 * random.random((n_queries, n))
    return best(values, np.arange(n), 100, random.random((n_queries, n)) < 0.8), truth


@pytest.mark.parametrize("scores", ["tied", "float32", "float64"])
def test_other_tools_measure_the_exported_run_as_we_measure_the_ranking(scores: str, tmp_path) -> None:
    ranking, truth = random_case(1, scores)
    part = Slice("in", truth.patent % 3 > 0, np.arange(30) % 5 > 0)
    (tmp_path / "run").write_text("".join(run_lines(ranking, truth, part.queries, "my model")))
    (tmp_path / "qrels").write_text(qrels_text(truth, part))
    run = list(ir_measures.read_trec_run(str(tmp_path / "run")))
    qrels = list(ir_measures.read_trec_qrels(str(tmp_path / "qrels")))
    judged = (truth.query, truth.patent, truth.relevance)
    ours = evaluate(ranking.patents, *judged, list(MEASURES), part.pairs)
    theirs = {(str(found.measure), found.query_id): found.value for found in ir_measures.iter_calc(
        list(MEASURES.values()), qrels, run)}  # fmt: skip
    for measure, name in MEASURES.items():
        for query in np.flatnonzero(part.queries):
            key = (str(name), truth.query_ids[query])
            assert ours[measure][query] == pytest.approx(theirs[key], abs=1e-9), key
    assert {query for _, query in theirs} == set(truth.query_ids[part.queries])


@pytest.mark.parametrize("scores", ["tied", "float32", "float64"])
@pytest.mark.parametrize("reader", [float, np.float32])
def test_the_text_alone_gives_our_order_whether_read_as_float_or_double(scores: str, reader: type) -> None:
    ranking, truth = random_case(2, scores)
    lines = [line.split(" ") for line in "".join(run_lines(ranking, truth, np.full(30, True), "s")).splitlines()]
    assert len(lines) == (ranking.patents >= 0).sum()
    for query in range(30):
        mine = [line for line in lines if line[0] == truth.query_ids[query]]
        ordered = sorted(mine, key=lambda line: (reader(line[4]), line[2]), reverse=True)
        assert [line[2] for line in ordered] == truth.patent_ids[ranking.patents[query][: len(mine)]].tolist()
        assert [int(line[3]) for line in mine] == list(range(1, len(mine) + 1))
        if scores != "float64":
            assert [float(line[4]) for line in mine] == ranking.scores[query][: len(mine)].tolist()


def test_lines_of_a_run_are_as_trec_eval_expects() -> None:
    truth = make_truth(2, 3, pairs=[(0, 2, 3), (1, 0, 1)])
    ranking = Ranking(np.array([[2, 0], [1, -1]]), np.array([[0.5, np.float32(1e-7)], [-2.0, -np.inf]]))
    assert "".join(run_lines(ranking, truth, np.array([True, True]), "bge m3")) == (
        "q000 Q0 p002 1 0.5 bge_m3\nq000 Q0 p000 2 1.0000000116860974e-7 bge_m3\nq001 Q0 p001 1 -2 bge_m3\n"
    )
    everything = Slice("all", np.array([True, True]), np.array([True, True]))
    assert qrels_text(truth, everything) == "q000 0 p002 3\nq001 0 p000 1\n"
    nothing = Slice("none", np.array([False, False]), np.array([False, False]))
    assert qrels_text(truth, nothing) == ""
    assert "".join(run_lines(ranking, truth, nothing.queries, "s")) == ""


@pytest.mark.parametrize("bad", ["EP 1", "", "EP\t1", "EP\u00a01"])
def test_ids_that_trec_files_cannot_hold_are_refused(bad: str) -> None:
    truth = make_truth(1, 2, pairs=[(0, 1, 1)])
    truth.patent_ids[1] = bad
    ranking = Ranking(np.array([[1]]), np.array([[1.0]]))
    with pytest.raises(InputError, match="empty or has white space"):
        "".join(run_lines(ranking, truth, np.array([True]), "s"))
    with pytest.raises(InputError, match="empty or has white space"):
        qrels_text(truth, Slice("all", np.array([True]), np.array([True])))


def test_a_ranking_survives_its_table() -> None:
    ranking, truth = random_case(3, "float32")
    table = to_table(ranking, truth.query_ids, truth.patent_ids)
    same(from_table(table, truth.query_ids, truth.patent_ids, 100), ranking)
    with pytest.raises(InputError, match="ranks 1 to 100; expected 1 to 99"):
        from_table(table, truth.query_ids, truth.patent_ids, 99)
    with pytest.raises(InputError, match="patent_id 'p199' in row"):
        from_table(table, truth.query_ids, truth.patent_ids[:199], 100)


def test_the_index_file_serves_others_and_gives_our_ranking(tmp_path) -> None:
    vectors = np.random.default_rng(0).standard_normal((300, 16)).astype(np.float32)
    ids = np.array([f"EP{at}" for at in range(300)], object)
    write_index(Folder.at(tmp_path / "deep" / "index"), vectors, ids)
    index = faiss.read_index(str(tmp_path / "deep" / "index" / "index.faiss"))
    assert isinstance(index, faiss.IndexFlatIP)
    read, names = read_index(Folder.at(tmp_path / "deep" / "index"))
    assert names.tolist() == ids.tolist()
    scores, rows = read.search(vectors[:20], 10)
    ours = search_shard(vectors[:20], vectors, np.arange(300), 10)
    assert (names[rows] == ids[ours.patents]).all()
    np.testing.assert_allclose(scores, ours.scores, rtol=1e-5)
    with pytest.raises(InputError, match="300 vectors and 299 ids"):
        write_index(Folder.at(tmp_path / "other"), vectors, ids[:299])


def test_truncated_vectors_have_length_one_and_their_old_direction() -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 32)).astype(np.float32) * 7
    cut = truncate(vectors, 8)
    assert cut.dtype == np.float32
    expected = vectors[:, :8] / np.linalg.norm(vectors[:, :8].astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(cut, expected, rtol=1e-6)
    with pytest.raises(InputError, match="32 dimensions to 33"):
        truncate(vectors, 33)
    with pytest.raises(InputError, match="to 0"):
        truncate(vectors, 0)
    vectors[4, :8] = 0
    with pytest.raises(UnplacedError, match=r"1 vectors are zero in their first 8 dimensions, .* row 4") as told:
        truncate(vectors, 8)
    assert told.value.row == 4
    vectors[4, 0] = np.nan
    with pytest.raises(EmbeddingError, match="truncated vectors: 1 of 50"):
        truncate(vectors, 8)


SEARCHES = {
    "bm25": lambda random: Bm25.build(_texts(random, 60)).search(_texts(random, 30), 40),
    "linear": lambda random: linear(random_ranking(random), random_ranking(random), 0.35, 40),
    "rrf": lambda random: rrf([random_ranking(random), random_ranking(random)], 60, 40),
    "reranked": lambda random: rerank_top(random_ranking(random), random.normal(0, 9, (30, 10)).astype(np.float32)),
    "reranked, large": lambda random: rerank_top(random_ranking(random), np.full((30, 10), 3e9, np.float32)),
    "dense": lambda random: search_shard(_unit(random, 30), _unit(random, 60), np.arange(60, dtype=np.int32), 40),
    "int8": lambda random: _coded(random, "int8", None),
    "binary": lambda random: _coded(random, "binary", None),
    "binary, rescored": lambda random: _coded(random, "binary", 2),
}


def _texts(random: np.random.Generator, n: int) -> list[str]:
    words = ["wheel", "chair", "brake", "motor", "sensor", "frame"]
    return [" ".join(random.choice(words, random.integers(1, 9))) for _ in range(n)]


def _unit(random: np.random.Generator, n: int) -> np.ndarray:
    vectors = random.normal(size=(n, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def random_ranking(random: np.random.Generator) -> Ranking:
    codes = np.argsort(random.random((30, 60)), axis=1).astype(np.int32)[:, :40]
    return order_rows(codes, random.integers(0, 9, (30, 40)).astype(np.float32) / 7, 40)


def _coded(random: np.random.Generator, precision: str, rescore: int | None) -> Ranking:
    vectors = _unit(random, 60)
    ranges = value_ranges(vectors) if precision == "int8" else None
    codes = np.arange(60, dtype=np.int32)
    found = search_codes(_unit(random, 30), vectors, codes, 40, Exclusions.none(), precision, rescore, ranges)
    return finish([found], 40)


@pytest.mark.parametrize("system", SEARCHES)
def test_every_kind_of_system_is_exported_with_the_order_that_trec_eval_reads(system: str) -> None:
    """Scores are float32 values in trec_eval's order, and pytrec_eval on the text gives what we measure."""
    random = np.random.default_rng(4)
    ranking = SEARCHES[system](random)
    filled = ranking.patents >= 0
    assert np.array_equal(ranking.scores[filled], ranking.scores[filled].astype(np.float32).astype(np.float64))
    ordered = order_rows(ranking.patents, ranking.scores, ranking.patents.shape[1])
    assert np.array_equal(ordered.patents, ranking.patents)
    pairs = {(q, int(p), int(random.integers(1, 4))) for q in range(30) for p in random.permutation(60)[:7]}
    truth = make_truth(30, 60, pairs=list(pairs))
    text = "".join(run_lines(ranking, truth, np.full(30, True), system))
    qrels = qrels_text(truth, Slice("all", np.full(len(truth.query), True), np.full(30, True)))
    evaluator = pytrec_eval.RelevanceEvaluator(
        pytrec_eval.parse_qrel(qrels.splitlines()), {"ndcg_cut.10", "map_cut.40"}
    )
    theirs = evaluator.evaluate(pytrec_eval.parse_run(text.splitlines()))
    measures = {Measure("nDCG", 10): "ndcg_cut_10", Measure("AP", 40): "map_cut_40"}
    ours = evaluate(ranking.patents, truth.query, truth.patent, truth.relevance, list(measures))
    for measure, name in measures.items():
        values = [theirs.get(query, {name: 0.0})[name] for query in truth.query_ids]
        assert ours[measure].tolist() == pytest.approx(values, abs=1e-12)
