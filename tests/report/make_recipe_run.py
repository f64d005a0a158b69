"""A run folder of fine-tuned models: `python tests/report/make_recipe_run.py FOLDER`.

Its verdicts are computed from its evidence by the judge itself and its suite is resolved by the project's own code, so
every number of the report can be checked. What tuning does is planted in `EFFECT`.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from make_provenance import run_provenance

from patray import tables
from patray.cluster.judge import Judge
from patray.files import Folder
from patray.runs.resolve import resolve
from patray.runs.suite import Suite
from patray.runs.tuned_systems import made_systems
from patray.tasks.evidence import to_evidence
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where

HOME, ABROAD = "mobility", ("vision", "hearing")
LANDSCAPES = {HOME: 160, "vision": 240, "hearing": 200}
"""Number of items; families hold two."""
BASES = {"minilm": 0.30, "bge-small": 0.33, "bge-base": 0.38}
EFFECT: dict[str, tuple[float, float, float]] = {
    "R1": (0.06, 0.00, -0.03), "R1-unmasked": (0.03, 0.00, -0.04), "R3": (0.02, 0.08, 0.00), "sham": (0.0, 0.0, 0.0),
}  # fmt: skip
"""What a recipe adds at home to retrieval and to the other tasks, and abroad to all."""
SEEDS = {"R3": 3}
STATISTICS = {"resamples": 400, "flips": 1000}


def suite(bases: int = 3) -> Suite:
    """The resolved suite: four recipes, two of which differ in their mask alone."""
    names = list(BASES)[:bases]
    return resolve(
        Suite.model_validate(
            {
                "name": "tuned",
                "title": "Which recipe for assistive-technology patents?",
                "landscapes": [{"name": name, "generate": {"patents": 600}} for name in LANDSCAPES],
                "models": [{"model": "minilm", "name": name} for name in names],
                "recipes": [
                    "R1",
                    {"recipe": "R1", "name": "R1-unmasked", "change": {"mask": []}},
                    {"recipe": "R3", "seeds": SEEDS["R3"]},
                    "sham",
                ],
                "bases": names,
                "homes": [HOME],
                "matched": True,
                "tasks": {
                    "retrieval": {"measures": ["nDCG@10"], "slices": ["all"]},
                    "classification": {"labels": ["area"], "probes": ["knn"]},
                    "clustering": {"labels": ["area"], "seeds": 2},
                },
                "statistics": STATISTICS,
            }
        )
    )


def recipe_run(uri: str, seed: int = 3, bases: int = 3) -> Folder:
    """Three tasks on a home and two foreign landscapes, one view; as the judge writes it."""
    run, declared, rng = Folder.at(uri).make(), suite(bases), np.random.default_rng(seed)
    scores = [score for name in LANDSCAPES for score in _scores(declared, name, rng)]
    items = pa.table(
        [
            [name for name, n in LANDSCAPES.items() for _ in range(n)],
            [f"{name}-{at:03}" for name, n in LANDSCAPES.items() for at in range(n)],
            [f"F{at // 2}" for n in LANDSCAPES.values() for at in range(n)],
        ],
        schema=tables.ITEMS,
    )
    run.write_table("evidence.parquet", to_evidence(scores))
    run.write_table("items.parquet", items)
    for name, schema in (("tuning", tables.TUNING), ("map", tables.MAP), ("quarantine", tables.QUARANTINE)):
        run.write_table(f"{name}.parquet", schema.empty_table())
    Judge(run, declared).write_statistics()
    run.write_table("training.parquet", pa.Table.from_pylist(_curves(declared, rng), schema=tables.TRAINING))
    provenance = run_provenance("tuned", dict(LANDSCAPES), list(BASES)[:bases], ["ta"])
    provenance["steps"] += _trainings(declared)
    run.write_json("provenance.json", provenance)
    run.write_text("suite.yaml", yaml.safe_dump(declared.model_dump(mode="json", by_alias=True), sort_keys=False))
    return run


def _gain(recipe: str, landscape: str, retrieval: bool) -> float:
    at_home, elsewhere, abroad = EFFECT[recipe]
    return abroad if landscape != HOME else at_home if retrieval else elsewhere


def _scores(declared: Suite, landscape: str, rng: np.random.Generator) -> list[Score]:
    n = LANDSCAPES[landscape]
    ids = np.array([f"{landscape}-{at:03}" for at in range(n)], object)
    hard, truth, classes = rng.beta(1.2, 1.2, n) - 0.5, rng.random((n, 4)) < 0.4, rng.integers(0, 4, n).astype(np.int32)
    labels = np.array(["a", "b", "c", "d"], object)
    luck = rng.random((n, 4)), rng.random(n)
    made = made_systems(declared)
    found: list[Score] = []
    for system in declared.systems or ():
        name = str(system.name)
        if system.vectors is None:
            continue
        of = made.get(name)
        gains = [0.0, 0.0] if of is None else [_gain(of.recipe, landscape, kind) for kind in (True, False)]
        base = BASES[of.base if of else name]
        values = np.clip(base + gains[0] + 0.5 * hard + 0.05 * rng.standard_normal(n), 0, 1)
        found.append(MeanScore(Where("retrieval", landscape, "ta", name, "all"), "nDCG@10", ids, values))
        wrong = luck[0] + 0.1 * rng.standard_normal((n, 4)) < 0.6 - base - gains[1]
        where = Where("classification:area", landscape, "ta", name, "all")
        found.append(LabelScore(where, "knn", ids, labels, truth, truth ^ wrong))
        clusters = []
        for _ in range(2):
            lost = luck[1] + 0.1 * rng.standard_normal(n) < 0.8 - base - gains[1]
            clusters.append(np.where(lost, rng.integers(0, 4, n), classes))
        where = Where("clustering:area", landscape, "ta", name, "all")
        found.append(ClusterScore(where, ids, labels, classes, np.array(clusters, np.int32)))
    return found


def _curves(declared: Suite, rng: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for entry in declared.models:
        if entry.tuned is None:
            continue
        reach = 0.05 + EFFECT[entry.tuned.recipe][0]
        for step in range(301):
            validation = BASES[entry.tuned.base] + reach * (1 - np.exp(-step / 90)) if step % 30 == 0 else None
            loss = 2 * np.exp(-step / 120) + 0.4 + 0.1 * rng.standard_normal() if step else None
            row: dict[str, Any] = {"model": entry.name, **entry.tuned.model_dump(), "step": step, "source": "citations"}
            rows.append(row | {"loss": loss, "learning_rate": 2e-5, "validation": validation, "seconds": 1.5})
    return rows


def _trainings(declared: Suite) -> list[dict[str, Any]]:
    steps = []
    for entry in declared.models:
        if entry.tuned is not None:
            counts = {"citations: found": 4000, "citations: cut to matched number": 900, "citations: kept": 3100}
            step: dict[str, Any] = {"step": "train", "model": entry.name, **entry.tuned.model_dump(exclude={"home"})}
            step |= {"landscape": HOME, "seed": entry.tuned.seed, "steps": 300, "best_step": 270, "best_value": 0.41}
            steps.append(step | {"pairs": 9600, "pairs_per_s": 41.5, "train_seconds": 231.0, "counts": counts})
    return steps


if __name__ == "__main__":
    recipe_run(sys.argv[1], bases=int(sys.argv[2]) if len(sys.argv) > 2 else 3)
