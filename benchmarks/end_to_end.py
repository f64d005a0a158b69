"""How long does one retrieval task take, whole process, against mteb with the same texts, model and machine?

    python benchmarks/end_to_end.py LANDSCAPE [--view tac] [--first 3000] [--rounds 3]

In float32, and with the model in bfloat16 on both sides; medians of whole processes that take turns. patray's time
counts everything: Python, Ray's start, validation, embedding, search, 10,000 resamples, the report. mteb's counts
Python, loading the model, embedding corpus and queries, search and scores. Nothing is excluded but the query itself
(mteb does not know families). Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

DTYPES = ("float32", "bfloat16")
PEER_NAMES = {"nDCG@10": "ndcg_cut_10", "nDCG@100": "ndcg_cut_100", "Recall@100": "recall_100"}
SUITE = """\
name: bench
landscapes: [{{path: {landscape}}}]
views: [{view}]
models: [{{model: minilm, name: minilm, dtype: {dtype}}}]
systems: [{{dense: minilm}}]
tasks:
  retrieval: {{exclude_family: false, slices: [all]}}
  classification: null
  clustering: null
"""


def mteb_side(landscape: str, view: str, dtype: str, result: str) -> None:
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

    location = find_snapshot(find_record("minilm"), None, None, False).location
    model = SentenceTransformer(location, device="cpu", model_kwargs={"dtype": dtype})
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


def cut(landscape: Path, first: int, folder: Path) -> Path:
    """A copy of the landscape's first patents, and of the citations among them."""
    patents = pq.read_table(landscape / "patents.parquet").slice(0, first)
    folder.mkdir()
    pq.write_table(patents, folder / "patents.parquet")
    citations = pq.read_table(landscape / "citations.parquet")
    inside = [pc.is_in(citations[side], value_set=patents["patent_id"]) for side in ("citing_id", "cited_id")]
    pq.write_table(citations.filter(pc.and_(*inside)), folder / "citations.parquet")
    (folder / "landscape.yaml").write_text((landscape / "landscape.yaml").read_text())
    return folder


def main() -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("landscape", type=Path)
    parser.add_argument("--view", default="tac")
    parser.add_argument("--first", type=int, help="the first patents alone [all]")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--mteb-side", nargs=2, metavar=("DTYPE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    landscape = options.landscape.resolve()
    if options.mteb_side:
        mteb_side(str(landscape), options.view, *options.mteb_side)
        return ""
    with tempfile.TemporaryDirectory() as scratch:
        if options.first:
            landscape = cut(landscape, options.first, Path(scratch) / landscape.name)
        blocks = [compare(landscape, options.view, dtype, options.rounds, Path(scratch) / dtype) for dtype in DTYPES]
    patents = pq.read_metadata(options.landscape / "patents.parquet").num_rows
    shown = f"{min(patents, options.first or patents):,} patents of {options.landscape.resolve().name}"
    result = "\n\n".join(
        [f"{shown}, view {options.view}, MiniLM, whole processes, medians of {options.rounds}", *blocks]
    )
    print(result)
    return result


def compare(landscape: Path, view: str, dtype: str, rounds: int, scratch: Path) -> str:
    """Both sides in turn, each in a work directory of its own."""
    scratch.mkdir()
    (suite := scratch / "suite.yaml").write_text(SUITE.format(landscape=landscape, view=view, dtype=dtype))
    ours, theirs, peer = list[float](), list[float](), f"{scratch}/mteb.json"
    for at in range(rounds):
        work = f"{scratch}/work{at}"
        ours.append(timed([sys.executable, "-m", "patray.cli", "run", str(suite), "--workdir", work]))
        side = [sys.executable, __file__, str(landscape), "--view", view, "--mteb-side", dtype, peer]
        theirs.append(timed(side))
        shutil.rmtree(f"{peer}.d")
    summary = pd.read_parquet(f"{scratch}/work0/runs/bench/summary.parquet").set_index("metric")["mean"]
    scores = json.loads(Path(peer).read_text())
    mine, other = statistics.median(ours), statistics.median(theirs)
    lines = [
        f"| {dtype} | patray | mteb | |",
        "|---|---|---|---|",
        f"| seconds | {mine:.1f} | {other:.1f} | {other / mine:.2f}x as fast |",
    ]
    for metric, name in PEER_NAMES.items():
        difference = abs(summary[metric] - scores[name])
        lines.append(f"| {metric} | {summary[metric]:.6f} | {scores[name]:.6f} | differ by {difference:.1e} |")
    return "\n".join(lines)


def timed(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
