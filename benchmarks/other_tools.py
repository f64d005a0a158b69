"""How does each tool see the same ranking? Small rankings through every tool that is installed; prints docs' table.

    python benchmarks/other_tools.py

Tools: patray, pytrec_eval-terrier (trec_eval 9), ir-measures, ranx, mteb, sentence-transformers (its evaluator for
retrieval, and its reranking evaluator for cross encoders). docs/other-tools.md holds what it printed;
tests/measures/test_other_tools.py runs it again for what is installed.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Judged = Mapping[str, Mapping[str, int]]
Scored = Mapping[str, Mapping[str, float]]
Tool = Callable[[Judged, Scored, str], float]
"""(qrels, run, one of `MEASURES`) -> the mean. Raises KeyError where the tool has no such measure."""
MEASURES = ("nDCG@10", "AP@10", "RR", "RR@10", "P@1", "P@10", "Recall@1", "Recall@10", "AP@1")
PACKAGES = {
    "patray": "patray", "trec_eval": "pytrec_eval-terrier", "ir-measures": "ir-measures", "ranx": "ranx",
    "mteb": "mteb", "s-t retrieval": "sentence-transformers", "s-t reranking": "sentence-transformers",
}  # fmt: skip


def by_patray(qrels: Judged, run: Scored, name: str) -> float:
    import numpy as np

    from patray.measures.definitions import parse_measure
    from patray.measures.ranking import evaluate
    from patray.search.order import order_rows

    if name == "RR":
        raise KeyError(name)
    # A query without a relevant patent is none; one without results has an empty list.
    queries = [query for query, judged in qrels.items() if max(judged.values()) > 0]
    patents = sorted({patent for found in (*run.values(), *qrels.values()) for patent in found})
    scores = np.array([[run.get(query, {}).get(patent, -np.inf) for patent in patents] for query in queries])
    codes = np.where(np.isinf(scores), -1, np.arange(len(patents), dtype=np.int32))
    ranking = order_rows(codes, scores, len(patents))
    pairs = sorted((queries.index(q), patents.index(p), grade) for q in queries for p, grade in qrels[q].items())
    columns = [np.array(column, np.int32) for column in zip(*pairs, strict=True)]
    measure = parse_measure(name)
    return float(evaluate(ranking.patents, columns[0], columns[1], columns[2], [measure])[measure].mean())


def by_trec_eval(qrels: Judged, run: Scored, name: str) -> float:
    import pytrec_eval

    key = {
        "nDCG@10": "ndcg_cut_10", "AP@10": "map_cut_10", "AP@1": "map_cut_1", "RR": "recip_rank", "P@1": "P_1",
        "P@10": "P_10", "Recall@1": "recall_1", "Recall@10": "recall_10",
    }[name]  # fmt: skip
    family, _, cutoff = key.rpartition("_") if key != "recip_rank" else (key, "", "")
    values = pytrec_eval.RelevanceEvaluator(qrels, {f"{family}.{cutoff}" if cutoff else family}).evaluate(run)
    return sum(one[key] for one in values.values()) / len(values)


def by_ir_measures(qrels: Judged, run: Scored, name: str) -> float:
    import ir_measures

    measure = ir_measures.parse_measure(name.replace("Recall", "R"))
    return float(ir_measures.calc_aggregate([measure], qrels, run)[measure])


def by_ranx(qrels: Judged, run: Scored, name: str) -> float:
    import ranx

    key = {
        "nDCG@10": "ndcg@10", "AP@10": "map@10", "AP@1": "map@1", "RR": "mrr", "RR@10": "mrr@10", "P@1": "precision@1",
        "P@10": "precision@10", "Recall@1": "recall@1", "Recall@10": "recall@10",
    }[name]  # fmt: skip
    judged = ranx.Qrels({query: dict(found) for query, found in qrels.items()})
    return float(ranx.evaluate(judged, ranx.Run({query: dict(found) for query, found in run.items()}), key))


def by_mteb(qrels: Judged, run: Scored, name: str) -> float:
    from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores

    found = calculate_retrieval_scores(run, qrels, [1, 10])
    family, key = {
        "nDCG@10": ("ndcg", "NDCG@10"), "AP@10": ("map", "MAP@10"), "AP@1": ("map", "MAP@1"),
        "RR@10": ("mrr", "MRR@10"), "P@1": ("precision", "P@1"), "P@10": ("precision", "P@10"),
        "Recall@1": ("recall", "Recall@1"), "Recall@10": ("recall", "Recall@10"),
    }[name]  # fmt: skip
    return float(getattr(found, family)[key])


def by_st_retrieval(qrels: Judged, run: Scored, name: str) -> float:
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    family, cutoff = {
        "nDCG@10": ("ndcg@k", 10), "AP@10": ("map@k", 10), "AP@1": ("map@k", 1), "RR@10": ("mrr@k", 10),
        "P@1": ("precision@k", 1), "P@10": ("precision@k", 10), "Recall@1": ("recall@k", 1),
        "Recall@10": ("recall@k", 10),
    }[name]  # fmt: skip
    relevant = {query: {patent for patent, grade in found.items() if grade > 0} for query, found in qrels.items()}
    patents = {patent: patent for found in (*run.values(), *qrels.values()) for patent in found}
    evaluator = InformationRetrievalEvaluator(
        {query: query for query in qrels}, patents, relevant, mrr_at_k=[1, 10], ndcg_at_k=[1, 10], map_at_k=[1, 10],
        accuracy_at_k=[1], precision_recall_at_k=[1, 10], show_progress_bar=False,
    )  # fmt: skip
    results = [
        [{"corpus_id": patent, "score": score} for patent, score in run.get(query, {}).items()]
        for query in evaluator.queries_ids
    ]
    return float(evaluator.compute_metrics(results)[family][cutoff])


def by_st_reranking(qrels: Judged, run: Scored, name: str) -> float:
    """Its samples list the positives first; every document of a sample has a score."""
    import numpy as np
    from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator

    place = {"RR@10": 0, "nDCG@10": 1}[name]
    values = []
    for query, found in run.items():
        order = sorted(found, key=lambda patent: qrels[query].get(patent, 0) <= 0)
        relevant = [int(qrels[query].get(patent, 0) > 0) for patent in order]
        evaluator = object.__new__(CrossEncoderRerankingEvaluator)
        evaluator.at_k = 10
        values.append(evaluator.compute_metrics(relevant, np.array([found[patent] for patent in order]))[place])
    return float(np.mean(values))


TOOLS: dict[str, Tool] = {
    "patray": by_patray, "trec_eval": by_trec_eval, "ir-measures": by_ir_measures, "ranx": by_ranx, "mteb": by_mteb,
    "s-t retrieval": by_st_retrieval, "s-t reranking": by_st_reranking,
}  # fmt: skip


def tie(measure: str) -> Callable[[Tool], str]:
    """Which of two documents with equal scores stands first, in both orders of handing them over."""

    def ask(tool: Tool) -> str:
        first = {
            (relevant, handed): tool({"q": {"a": 0, "b": 0, relevant: 1}}, {"q": dict.fromkeys(handed, 1.0)}, measure)
            for relevant in "ab"
            for handed in ("ab", "ba")
        }
        higher = {first["b", handed] > first["a", handed] for handed in ("ab", "ba")}
        if len({first[key] for key in first}) == 1:
            return f"shared: {first['a', 'ab']:.3f}" if first["a", "ab"] != 0.5 else "positives last"
        if len(higher) == 1:
            return "higher id" if higher.pop() else "lower id"
        return "as handed over" if first["a", "ab"] > first["a", "ba"] else "reversed"

    return ask


def rounded(tool: Tool) -> str:
    """Whether 16.0000004 and 16.0000001 are equal: then the lower id, which has more, does not stand first."""
    qrels = {"q": {"a": 1, "b": 0}}
    near, far = {"q": {"a": 16.0000004, "b": 16.0000001}}, {"q": {"a": 2.0, "b": 1.0}}
    apart = tool(qrels, near, "nDCG@10") == tool(qrels, far, "nDCG@10")
    return "differ" if apart else "equal (float32)"


def deep(tool: Tool) -> str:
    value = tool({"q": {"d10": 1}}, {"q": {f"d{at:02d}": 20.0 - at for at in range(11)}}, "RR@10")
    return "0" if value == 0 else f"{value:.3f}"


def short(measure: str) -> Callable[[Tool], str]:
    """One result, relevant, of two relevant ones."""
    return lambda tool: f"{tool({'q': {'a': 1, 'b': 1}}, {'q': {'a': 1.0}}, measure):.3g}"


def missing(tool: Tool) -> str:
    value = tool({"q1": {"a": 1}, "q2": {"a": 1}}, {"q1": {"a": 2.0, "b": 1.0}}, "nDCG@10")
    return "counts 0" if value == 0.5 else "left out" if value == 1 else f"{value:.3g}"


def unjudged(tool: Tool) -> str:
    found = {"a": 2.0, "b": 1.0}
    value = tool({"q1": {"a": 1}, "q2": {"a": 0}}, {"q1": found, "q2": found}, "nDCG@10")
    return "counts 0" if value == 0.5 else "left out" if value == 1 else f"{value:.3g}"


def extra(tool: Tool) -> str:
    found = {"a": 2.0, "b": 1.0}
    value = tool({"q1": {"a": 1}}, {"q1": found, "q2": found}, "nDCG@10")
    return "ignored" if value == 1 else "counts 0" if value == 0.5 else f"{value:.3g}"


def gains(tool: Tool) -> str:
    value = tool({"q": {"a": 1, "b": 3}}, {"q": {"a": 2.0, "b": 1.0}}, "nDCG@10")
    for name, one, three in (("grade", 1, 3), ("2^grade - 1", 1, 7), ("1", 1, 1)):
        if math.isclose(value, (one + three / math.log2(3)) / (three + one / math.log2(3)), abs_tol=1e-4):
            return name
    return f"{value:.3g}"


def negative(tool: Tool) -> str:
    value = tool({"q": {"a": -1, "b": 1}}, {"q": {"a": 2.0, "b": 1.0}}, "nDCG@10")
    return "no gain" if math.isclose(value, 1 / math.log2(3), abs_tol=1e-4) else f"{value:.3g}"


QUESTIONS: dict[str, Callable[[Tool], str]] = {
    "ties in nDCG@10: first is": tie("nDCG@10"),
    "ties in P@1": tie("P@1"),
    "ties in AP@10": tie("AP@10"),
    "ties in RR": tie("RR"),
    "ties in RR@10": tie("RR@10"),
    "ties in Recall@1": tie("Recall@1"),
    "scores 16.0000004 and 16.0000001": rounded,
    "RR@10, first relevant at rank 11": deep,
    "P@10 of one result, relevant": short("P@10"),
    "Recall@1 of two relevant": short("Recall@1"),
    "AP@1 of two relevant": short("AP@1"),
    "a judged query without results": missing,
    "a query with nothing relevant": unjudged,
    "a query without judgements": extra,
    "gain of a grade in nDCG": gains,
    "a negative grade in nDCG": negative,
}


SAMPLES = ("a judged query without results", "a query with nothing relevant", "a query without judgements")
"""Questions of queries, which do not apply to an evaluator that is handed samples of positives and negatives."""


def answers(name: str) -> dict[str, str] | None:
    """What the tool gives to each question; None where it is not installed."""
    try:
        version(PACKAGES[name])
    except PackageNotFoundError:
        return None
    found = {}
    for question, ask in QUESTIONS.items():
        if name == "s-t reranking" and question in SAMPLES:
            found[question] = "none"
            continue
        try:
            found[question] = ask(TOOLS[name])
        except KeyError as error:
            found[question] = "none" if str(error).strip("'") in MEASURES else "error (KeyError)"
        except Exception as error:  # what a tool raises is its answer
            found[question] = f"error ({type(error).__name__})"
    return found


def table(found: Mapping[str, Mapping[str, str]]) -> str:
    """Markdown: a row a question, a column a tool."""
    lines = [["", *found], ["---"] * (len(found) + 1)]
    lines += [[question, *(cells[question] for cells in found.values())] for question in QUESTIONS]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if str(Path(entry or ".").resolve()) != here]
    logging.disable()
    found: dict[str, Any] = {name: answers(name) for name in TOOLS}
    for name, cells in found.items():
        print(f"{name}: {PACKAGES[name]} {version(PACKAGES[name]) if cells else 'is not installed'}")
    print(table({name: cells for name, cells in found.items() if cells}))


if __name__ == "__main__":
    main()
