"""A run folder of a study of systems: `python tests/report/make_study_run.py FOLDER`.

Models in several sizes, prompts, widths and precisions, fusions with several k, in two tasks. Unlike the runs of
`make_run`, its summary and comparisons are computed from its evidence, so every number of the report can be checked.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from make_provenance import run_provenance

from patray import tables
from patray.files import Folder
from patray.models.registry import find_record
from patray.statistics.draws import Draws
from patray.tasks.evidence import to_evidence
from patray.tasks.inference import ComparisonFamily, compare, summarise
from patray.tasks.scores import LabelScore, MeanScore, Score, Where

QUERIES = 260
STATISTICS: dict[str, Any] = {"resamples": 1000, "flips": 10000, "level": 0.95, "correction": "holm", "seed": 0}
MODELS = {
    "minilm": ("minilm", 22_713_216, 384, 0.150),
    "bge-small": ("bge", 33_360_000, 384, 0.152),
    "bge-base": ("bge", 109_482_240, 768, 0.171),
    "qwen3-0.6b": ("qwen3", 595_776_512, 1024, 0.185),
    "qwen3-4b": ("qwen3", 4_021_774_336, 2560, 0.204),
    "qwen3-8b": ("qwen3", 7_567_295_488, 4096, 0.211),
}
"""Family, parameters, dimension and quality."""
TRAINED = {"qwen3": (32, 4096), "bge": None, "minilm": None}
KEPT = {512: 0.985, 256: 0.955, 128: 0.885, 64: 0.75}
CUT = {"minilm": (256, 128, 64), "qwen3-0.6b": (512, 256, 128, 64)}
PROMPTS: dict[str, Any] = {"document": "", "query": "Instruct: Retrieve prior art for the patent\nQuery: "}


def records() -> dict[str, dict[str, Any]]:
    """Resolved entries of `models`; qwen3-0.6b stands there twice, with and without its prompt."""
    base = find_record("minilm").model_dump(mode="json")
    entries: dict[str, dict[str, Any]] = {}
    for name, (family, size, dimension, _) in MODELS.items():
        record = base | {"name": name, "repo": f"org/{name}", "family": family, "parameters": size}
        reach = TRAINED[family]
        record |= {"dimension": dimension, "dense_heads": [], "trained_dimensions": [] if reach is None else None}
        record |= {"trained_dimension_range": reach and [reach[0], dimension]}
        if family == "qwen3":
            record["prompts"] = PROMPTS | {"origin": "card"}
        entries[name] = {"name": name, "engine": "sentence-transformers", "record": record}
    plain = dict(entries["qwen3-0.6b"]["record"], prompts={"document": "", "query": "", "origin": "suite"})
    entries["qwen3-0.6b-none"] = {**entries["qwen3-0.6b"], "name": "qwen3-0.6b-none", "record": plain}
    return entries


def systems() -> list[dict[str, Any]]:
    """Resolved entries of `systems`."""
    plain = {"precision": "float32"}
    found: list[dict[str, Any]] = [{"name": name, "dense": name, **plain} for name in records()]
    for model, widths in CUT.items():
        found += [{"name": f"{model}@{d}", "dense": model, "dimensions": d, **plain} for d in widths]
    found += [
        {"name": "minilm@int8", "dense": "minilm", "precision": "int8"},
        {"name": "minilm@binary", "dense": "minilm", "precision": "binary"},
        {"name": "minilm@binary+r10", "dense": "minilm", "precision": "binary", "rescore": 10},
        {"name": "bm25", "lexical": "bm25", "k1": 1.2, "b": 0.75},
        {"name": "linear(minilm,bm25)", "linear": ["minilm", "bm25"]},
        {"name": "linear(qwen3-8b,bm25)", "linear": ["qwen3-8b", "bm25"]},
    ]
    return found + [{"name": f"rrf{k}(minilm,bm25)", "rrf": ["minilm", "bm25"], "k": k} for k in (10, 60, 100)]


def quality(system: dict[str, Any]) -> tuple[float, float]:
    """Means in and out of the query's field, of all queries."""
    name = str(system["name"])
    if name == "bm25":
        return 0.155, 0.052
    if "linear" in system or "rrf" in system:
        part = (system.get("linear") or system["rrf"])[0]
        inside, outside = quality({"name": part, "dense": part})
        gain = 0.02 if "linear" in system else 0.001 * system["k"] ** 0.3
        return inside + gain, outside + 0.3 * gain
    base = MODELS[str(system["dense"]).removesuffix("-none")][3] - (0.02 if "-none" in name else 0)
    share = KEPT.get(int(system.get("dimensions", 0)), 1.0)
    share *= {"int8": 0.997, "binary": 0.9}.get(str(system.get("precision")), 1.0)
    share *= 1.075 if system.get("rescore") else 1.0
    return base * share, 0.4 * base * share


def study_run(uri: str, seed: int = 5) -> Folder:
    """Retrieval on one landscape and view with all systems, classification with the dense ones."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"EP{at:04}" for at in range(QUERIES)], object)
    hard = {part: rng.gamma(1.2, 1 / 1.2, QUERIES) for part in ("in", "out")}
    reach = rng.random(QUERIES) < 0.7
    truth = rng.random((QUERIES, 5)) < 0.3
    scores: list[Score] = []
    for system in systems():
        inside, outside = quality(system)
        values = {
            part: np.clip(mean * hard[part] * (1 + 0.15 * rng.standard_normal(QUERIES)), 0, 1)
            for part, mean in (("in", inside), ("out", outside))
        }
        for part, rows in (("all", slice(None)), ("in", slice(None)), ("out", reach)):
            where = Where("retrieval", "mobility", "ta", str(system["name"]), part)
            column = values["out" if part == "out" else "in"]
            scores.append(MeanScore(where, "nDCG@10", ids[rows], column[rows]))
        if "dense" in system:
            wrong = rng.random(truth.shape) < 0.35 - inside
            where = Where("classification:area", "mobility", "ta", str(system["name"]), "all")
            names = np.array([f"L{at}" for at in range(5)], object)
            scores.append(LabelScore(where, "knn", ids, names, truth, truth ^ wrong))
    items = pa.table(
        {"landscape": ["mobility"] * QUERIES, "item_id": ids, "family_id": [f"F{at // 2}" for at in range(QUERIES)]},
        schema=tables.ITEMS,
    )
    return _write(Folder.at(uri), scores, items)


def _write(run: Folder, scores: list[Score], items: pa.Table) -> Folder:
    families = [
        ComparisonFamily("systems/retrieval", "retrieval", "nDCG@10"),
        ComparisonFamily("systems/classification-knn", "classification:*", "knn-macro-F1"),
    ]
    draws = Draws(resamples=STATISTICS["resamples"])
    run.write_table("evidence.parquet", to_evidence(scores))
    run.write_table("items.parquet", items)
    run.write_table("summary.parquet", summarise(scores, items, draws))
    run.write_table("comparisons.parquet", compare(scores, items, families, draws))
    run.write_table("tuning.parquet", pa.Table.from_pylist(_tuning(), schema=tables.TUNING))
    for name, schema in (("map", tables.MAP), ("quarantine", tables.QUARANTINE)):
        run.write_table(f"{name}.parquet", schema.empty_table())
    run.write_json("provenance.json", run_provenance("study", {"mobility": QUERIES}, list(MODELS), ["ta"]))
    suite: dict[str, Any] = {
        "name": "study",
        "title": "A study of systems",
        "landscapes": [{"name": "mobility"}],
        "views": ["ta"],
    }
    suite |= {"models": list(records().values()), "systems": systems(), "statistics": STATISTICS}
    run.write_text("suite.yaml", yaml.safe_dump(suite, sort_keys=False))
    return run


def _tuning() -> list[dict[str, Any]]:
    rows = []
    for system in ("linear(minilm,bm25)", "linear(qwen3-8b,bm25)"):
        where = {"task": "retrieval", "landscape": "mobility", "view": "ta", "system": system, "metric": "nDCG@10"}
        curve = {round(0.05 * step, 2): 0.2 - 0.05 * abs(0.05 * step - 0.7) for step in range(21)}
        listed = [("fusion.weight", weight, weight == 0.7) for weight in curve]
        listed += [("fusion.weight.ci_low", 0.55, False), ("fusion.weight.ci_high", 0.8, False)]
        rows += [
            {**where, "parameter": parameter, "value": weight, "mean": curve[weight], "n": 80, "chosen": chosen}
            for parameter, weight, chosen in listed
        ]
    return rows


if __name__ == "__main__":
    study_run(sys.argv[1])
