"""How long does one retrieval task take, whole process, against mteb with the same texts, model and machine?

    python benchmarks/end_to_end.py LANDSCAPE [--view tac] [--runs 1]

patray's time counts everything: Python, Ray's start, validation, embedding, search, 10,000 resamples, the report.
mteb's counts Python, loading the model, embedding corpus and queries, search and scores. Nothing is excluded but the
query itself (mteb does not know families). Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

PEER_NAMES = {"nDCG@10": "ndcg_cut_10", "nDCG@100": "ndcg_cut_100", "Recall@100": "recall_100"}
SUITE = """\
name: bench
landscapes: [{{path: {landscape}}}]
views: [{view}]
models: [minilm]
systems: [{{dense: minilm}}]
tasks:
  retrieval: {{exclude_family: false, slices: [all]}}
  classification: null
  clustering: null
"""


def mteb_side(landscape: str, view: str, result: str) -> None:
    """What the peer process does."""
    import mteb
    import pytrec_eval
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata
    from sentence_transformers import SentenceTransformer

    from patray.files import Folder
    from patray.landscapes.load import iter_sections, load_metadata
    from patray.landscapes.truth import build_truth
    from patray.landscapes.validate import prepare
    from patray.landscapes.views import get_view, render
    from patray.models.registry import find_record
    from patray.models.resolve import find_snapshot

    with tempfile.TemporaryDirectory() as scratch:
        prepared = Folder.at(scratch)
        prepare(Folder.at(landscape), prepared)
        wanted = get_view(view)
        texts = {
            name: text
            for batch in iter_sections(prepared, wanted.sections)
            for name, text in zip(batch.column("patent_id").to_pylist(), render(batch, wanted), strict=True)
        }
        truth, _ = build_truth(load_metadata(prepared), exclude_family=False)
    relevant: dict[str, dict[str, int]] = {}
    for query, patent, relevance in zip(truth.query, truth.patent, truth.relevance, strict=True):
        relevant.setdefault(truth.query_ids[query], {})[truth.patent_ids[patent]] = int(relevance)

    class Landscape(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name="LandscapeRetrieval",
            description="A local landscape",
            reference=None,
            dataset={"path": "local", "revision": "1"},
            type="Retrieval",
            category="t2t",
            modalities=["text"],
            eval_splits=["test"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
            date=None,
            domains=None,
            task_subtypes=None,
            license=None,
            annotations_creators=None,
            dialect=None,
            sample_creation=None,
            bibtex_citation=None,
        )
        ignore_identical_ids = True

        def load_data(self, *args: object, **kwargs: object) -> None:
            corpus = Dataset.from_dict({"id": list(texts), "text": list(texts.values()), "title": [""] * len(texts)})
            queries = Dataset.from_dict({"id": list(relevant), "text": [texts[name] for name in relevant]})
            self.dataset = {
                "default": {
                    "test": {"corpus": corpus, "queries": queries, "relevant_docs": relevant, "top_ranked": None}
                }
            }
            self.data_loaded = True

    model = SentenceTransformer(find_snapshot(find_record("minilm"), None, None, False).location, device="cpu")
    mteb.evaluate(
        model, Landscape(), cache=None, co2_tracker=False, show_progress_bar=False, prediction_folder=f"{result}.d"
    )
    # mteb rounds its scores to 5 digits, so its rankings are measured again with the library that it measures with.
    [file] = Path(f"{result}.d").rglob("*.json")
    rankings = json.loads(file.read_text())["default"]["test"]
    for query, ranking in rankings.items():
        ranking.pop(query, None)
    measured = pytrec_eval.RelevanceEvaluator(relevant, {"ndcg_cut.10,100", "recall.100"}).evaluate(rankings)
    means = {name: sum(row[name] for row in measured.values()) / len(relevant) for name in PEER_NAMES.values()}
    Path(result).write_text(json.dumps(means))


def main() -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("landscape")
    parser.add_argument("--view", default="tac")
    parser.add_argument("--mteb-side", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    landscape = str(Path(options.landscape).resolve())
    if options.mteb_side:
        mteb_side(landscape, options.view, options.mteb_side)
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        suite = Path(scratch) / "suite.yaml"
        suite.write_text(SUITE.format(landscape=landscape, view=options.view))
        ours = timed([sys.executable, "-m", "patray.cli", "run", str(suite), "--workdir", f"{scratch}/work"])
        summary = pd.read_parquet(f"{scratch}/work/runs/bench/summary.parquet").set_index("metric")["mean"]
        peer = f"{scratch}/mteb.json"
        theirs = timed([sys.executable, __file__, landscape, "--view", options.view, "--mteb-side", peer])
        scores = json.loads(Path(peer).read_text())
    lines = [
        f"{Path(landscape).name}, view {options.view}, MiniLM, float32, whole processes",
        "",
        "| | patray | mteb | |",
        "|---|---|---|---|",
        f"| seconds | {ours:.1f} | {theirs:.1f} | {theirs / ours:.2f}x as fast |",
    ]
    for metric, name in PEER_NAMES.items():
        difference = abs(summary[metric] - scores[name])
        lines.append(f"| {metric} | {summary[metric]:.6f} | {scores[name]:.6f} | differ by {difference:.1e} |")
    result = "\n".join(lines)
    print(result)
    return result


def timed(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
