"""Builds run folders for tests and for looking at the page: `python tests/report/make_run.py demo FOLDER`.

Three of them, from seeded random numbers and the schemas of patray.tables: `demo` (two landscapes, all features),
`hostile` (one system, no retrieval, empty tuning, names and titles that try to break out of the page) and `large` (22
models, fusions, six views, five landscapes).
"""

from __future__ import annotations

import itertools
import sys
import zlib
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from make_provenance import resolved_suite, run_provenance

from patray import tables
from patray.files import Folder

OFFICES = ["US", "EP", "JP", "CN", "DE", "KR", "WO"]
RETRIEVAL = {
    "nDCG@10": 1.0,
    "nDCG@100": 1.35,
    "Recall@10": 1.1,
    "Recall@100": 2.3,
    "AP@100": 0.7,
    "RR@10": 1.9,
    "P@10": 0.45,
}
QUALITY = {"bm25": 0.165, "minilm": 0.158, "patembed-base": 0.193, "qwen3-0.6b": 0.199}
VIEW_GAIN = {"abstract": -0.008, "ta": 0.0, "ta+claim1": 0.006, "tac": 0.013, "claim1": -0.02, "dwpi-ta": -0.004}
HOSTILE = '<script>alert("x")</script>'


class Builder:
    """Collects rows of every table of a run folder."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows: dict[str, list[tuple[Any, ...]]] = {
            name: [] for name in ("evidence", "summary", "comparisons", "quarantine", "items", "tuning", "map")
        }
        self.values: dict[tuple[str, ...], np.ndarray] = {}

    def measure(
        self, task: str, landscape: str, view: str, system: str, part: str, metric: str, values: np.ndarray
    ) -> None:
        """A metric whose items are known: its evidence, its mean and a normal interval."""
        where = (task, landscape, view, system, part, metric)
        self.values[where] = values
        mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
        self.rows["summary"].append((*where, mean, mean - 1.96 * error, mean + 1.96 * error, len(values), None))
        if metric == "nDCG@10":
            self.rows["evidence"] += [(*where, f"{landscape}-{i}", float(v)) for i, v in enumerate(values[:20])]

    def state(self, where: tuple[str, ...], mean: float, half: float | None, n: int) -> None:
        """A metric that is not a mean of items."""
        low, high = (None, None) if half is None else (mean - half, mean + half)
        self.rows["summary"].append((*where, mean, low, high, n, None))

    def compare(
        self, family: str, where: tuple[str, ...], pairs: list[tuple[str, str, float, float, float, int]]
    ) -> None:
        """Comparisons of one family from (a, b, mean a, mean b, standard error, n), Holm over these pairs."""
        task, landscape, view, part, metric = where
        from scipy.stats import norm

        raw = np.array([2 * norm.sf(abs(a - b) / se) for _, _, a, b, se, _ in pairs])
        order = np.argsort(raw)
        adjusted = np.empty(len(raw))
        adjusted[order] = np.minimum(1, np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)))
        for (a, b, mean_a, mean_b, se, n), p, q in zip(pairs, raw, adjusted, strict=True):
            diff = mean_a - mean_b
            wins = round(n * (0.36 + np.clip(diff * 4, -0.3, 0.3)))
            ties = round(n * 0.28)
            counted = (wins, ties, n - wins - ties) if task == "retrieval" else (None, None, None)
            row = (family, task, landscape, view, part, metric, a, b, mean_a, mean_b, diff)
            row += (
                diff - 1.96 * se,
                diff + 1.96 * se,
                diff - 3 * se,
                diff + 3 * se,
                p,
                p,
                p,
                float(q),
                "holm",
                None,
                diff / (se * np.sqrt(n)),
                *counted,
                n,
                4 * se,
            )
            self.rows["comparisons"].append(row)

    def write(self, folder: Folder, provenance: dict[str, Any], suite: dict[str, Any]) -> Folder:
        schemas = {
            "evidence": tables.EVIDENCE,
            "summary": tables.SUMMARY,
            "comparisons": tables.COMPARISONS,
            "quarantine": tables.QUARANTINE,
            "items": tables.ITEMS,
            "tuning": tables.TUNING,
            "map": tables.MAP,
        }
        for name, schema in schemas.items():
            columns = list(zip(*self.rows[name], strict=True)) or [()] * len(schema)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
            folder.write_table(f"{name}.parquet", pa.table(arrays, schema=schema))
        folder.write_json("provenance.json", provenance)
        folder.write_text("suite.yaml", yaml.safe_dump(suite, sort_keys=False, allow_unicode=True))
        return folder


def demo_run(uri: str, seed: int = 7) -> Folder:
    """Two landscapes, four views, eight systems, three tasks: everything a small run has."""
    build = Builder(seed)
    landscapes, views = {"mobility": 620, "vision": 240}, ["abstract", "ta", "ta+claim1", "tac"]
    systems = ["bm25", "minilm", "patembed-base", "qwen3-0.6b"]
    systems += [f"linear({name},bm25)" for name in systems[1:]] + ["rrf60(minilm,bm25)"]
    for landscape, n in landscapes.items():
        build.rows["items"] += [(landscape, f"{landscape}-{i}", f"F{i // 2}") for i in range(20)]
        _retrieval(build, landscape, n, views, systems)
        for kind in ("classification", "clustering"):
            _labelled(build, kind, landscape, 400, views, systems[1:4], ["area", "ipc-subclass"])
        _tune(build, landscape, n // 3, views, systems)
        _map(build, landscape, "tac", "patembed-base", 260, ["mobility", "cognition", "hearing", "vision", "self-care"])
    for index in range(14):
        reason = ["citation to an unknown id", "duplicate id", "no text in any section"][index % 3]
        action = "kept with empty section" if index % 7 == 3 else "dropped"
        build.rows["quarantine"].append(("mobility", "patents.parquet", index, f"P{index}", reason, action))
    return build.write(
        Folder.at(uri),
        run_provenance("demo", landscapes, systems[1:4], views),
        resolved_suite("demo", landscapes, views, systems),
    )


def large_run(uri: str, seed: int = 11, most: int = 5) -> Folder:
    """22 models and five fusions in six views on five landscapes; only the summary is made, item by item is too big."""
    build = Builder(seed)
    landscapes = {"ultrasound": 1204, "software": 5400, "hair-dryer": 610, "wipo-assistive": 46069, "dapfam": 1247}
    landscapes = dict(list(landscapes.items())[:most])
    models = [f"model-{chr(97 + i)}-{size}b" for i, size in enumerate([0.3, 0.6, 1, 4, 8, 12] * 4)][:21]
    systems = ["bm25", *models, *(f"linear({name},bm25)" for name in models[:4]), "rrf60(model-a-0.3b,bm25)"]
    views = list(VIEW_GAIN)
    for landscape, n in landscapes.items():
        _retrieval(build, landscape, n, views, systems, itemwise=False)
        for kind in ("classification", "clustering"):
            _labelled(build, kind, landscape, 4000, views, models, ["conv", "emerging", "env", "mob", "vis"])
        _tune(build, landscape, n // 3, views, systems)
        _map(build, landscape, "tac", models[0], 3000, [f"class {i}" for i in range(14)])
    return build.write(
        Folder.at(uri),
        run_provenance("large", landscapes, models, views),
        resolved_suite("large", landscapes, views, systems),
    )


def hostile_run(uri: str, seed: int = 3) -> Folder:
    """One system, no retrieval, nothing tuned, and text that tries to break out of wherever it is put."""
    build = Builder(seed)
    landscape, view, system = f"{HOSTILE} & 50%_$x^{{2}}", "ta`|'\"", "модель<b>\u202e\x07-日本"
    where = (f"clustering:{HOSTILE}", landscape, view, system, "all")
    build.state((*where, "V-measure"), 0.41, 0.02, 90)
    build.state((*where, "V-measure.seed_sd"), 0.013, None, 90)
    build.state((*where, "ARI"), float("nan"), None, 90)
    build.rows["map"] += [
        (
            landscape,
            view,
            system,
            f"P{i}",
            [HOSTILE, None, "a&b"][i % 3],
            f"</title></svg>{HOSTILE} {i} \u202e",
            float(i),
            float(i % 5),
        )
        for i in range(30)
    ]
    build.rows["quarantine"].append((landscape, HOSTILE, 3, HOSTILE, HOSTILE, "dropped"))
    return build.write(
        Folder.at(uri), {"run": HOSTILE, "notes": [f"retrieval not possible on {HOSTILE}"]}, {"name": HOSTILE}
    )


def _seed(*names: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32("\x1f".join(names).encode()))


def _quality(system: str, view: str, landscape: str) -> float:
    parts = system.partition("(")[2].rstrip(")").split(",") if "(" in system else [system]
    base = max(QUALITY.get(part, 0.12 + 0.08 * _seed("q", part).random()) for part in parts)
    gain = 0.009 if system.startswith("linear") else -0.002 if "(" in system else 0.0
    own = 0.003 * _seed(system, view, landscape).standard_normal()
    return base + gain + VIEW_GAIN[view] + own + (0.06 if landscape == "vision" else 0)


def _retrieval(
    build: Builder, landscape: str, n: int, views: list[str], systems: list[str], itemwise: bool = True
) -> None:
    difficulty = _seed(landscape).gamma(1.2, 1 / 1.2, n) if itemwise else np.ones(1)
    office = _seed("office", landscape).choice(len(OFFICES), n, p=[0.4, 0.2, 0.12, 0.1, 0.08, 0.06, 0.04])
    for view, system in itertools.product(views, systems):
        quality, rng = _quality(system, view, landscape), _seed("r", landscape, view, system)
        parts = {"all": (1.0, np.ones(n, bool)), "in": (1.06, rng.random(n) < 0.96), "out": (0.4, rng.random(n) < 0.7)}
        parts |= {f"jurisdiction={name}": (0.8 + 0.08 * i, office == i) for i, name in enumerate(OFFICES)}
        for part, (factor, chosen) in parts.items():
            for metric, scale in RETRIEVAL.items():
                if part.startswith("jurisdiction") and metric not in ("nDCG@10", "Recall@100"):
                    continue
                mean, count = quality * factor * scale, int(chosen.sum())
                if itemwise:
                    noise = 0.25 * rng.standard_normal(n)
                    build.measure(
                        "retrieval",
                        landscape,
                        view,
                        system,
                        part,
                        metric,
                        np.clip(mean * difficulty * (1 + noise), 0, 1)[chosen],
                    )
                else:
                    build.state(("retrieval", landscape, view, system, part, metric), mean, 0.5 / np.sqrt(count), count)
        drop = 1 - 0.4 / 1.06 + 0.02 * rng.standard_normal()
        build.state(("retrieval", landscape, view, system, "out", "nDCG@10.drop"), drop, 0.03, int(n * 0.7))
    _pairs(build, "retrieval", landscape, views, systems, n, "nDCG@10")


def _pairs(
    build: Builder, task: str, landscape: str, views: list[str], systems: list[str], n: int, metric: str
) -> None:
    means = {
        row[2:4]: row[6]
        for row in build.rows["summary"]
        if (row[0], row[1], row[4], row[5]) == (task, landscape, "all", metric)
    }
    error = 0.07 / np.sqrt(n)
    for view in views:
        pairs = [(a, b, means[view, a], means[view, b], error, n) for a, b in itertools.combinations(systems, 2)]
        build.compare(f"systems/{task}", (task, landscape, view, "all", metric), pairs)
    across = [
        (f"{system}@{a}", f"{system}@{b}", means[a, system], means[b, system], error, n)
        for system in systems
        for a, b in itertools.combinations(views, 2)
    ]
    build.compare(f"views/{task}", (task, landscape, "*", "all", metric), across)


def _labelled(
    build: Builder, kind: str, landscape: str, n: int, views: list[str], systems: list[str], sets: list[str]
) -> None:
    metrics = {
        "classification": {
            "knn-macro-F1": 0.0,
            "knn-micro-F1": 0.07,
            "logistic-macro-F1": 0.02,
            "logistic-micro-F1": 0.08,
        },
        "clustering": {"V-measure": 0.0, "ARI": -0.12, "NMI": 0.01},
    }[kind]
    for metric, shift in metrics.items():
        for view, system in itertools.product(views, systems):
            base = 2.6 * _quality(system, view, landscape)
            scores = {name: base + shift + 0.1 * _seed(name, landscape).random() for name in sets}
            for name, value in scores.items():
                build.state((f"{kind}:{name}", landscape, view, system, "all", metric), value, 0.03, n)
                if metric == "V-measure":
                    build.state((f"{kind}:{name}", landscape, view, system, "all", "V-measure.seed_sd"), 0.006, None, n)
            if kind == "classification":
                mean = float(np.mean(list(scores.values())))
                build.state((f"{kind}:*", landscape, view, system, "all", metric), mean, 0.02, n)
    main = next(iter(metrics))
    for name in ["*"] if kind == "classification" else sets:
        _pairs(build, f"{kind}:{name}", landscape, views, systems, n, main)


def _tune(build: Builder, landscape: str, n: int, views: list[str], systems: list[str]) -> None:
    for view, system in itertools.product(views, [name for name in systems if name.startswith("linear")]):
        best = 0.6 + 0.2 * _seed("w", system, view, landscape).random()
        weights = np.round(np.linspace(0, 1, 21), 2)
        means = _quality(system, view, landscape) - 0.05 * np.abs(weights - best) ** 1.5
        for index, (weight, mean) in enumerate(zip(weights, means, strict=True)):
            row = (
                "retrieval",
                landscape,
                view,
                system,
                "fusion.weight",
                weight,
                "nDCG@10",
                float(mean),
                n,
                index == int(means.argmax()),
            )
            build.rows["tuning"].append(row)
    for view, k in itertools.product(views, (1, 3, 5, 10, 20, 50)):
        row = (
            "classification:area",
            landscape,
            view,
            "minilm",
            "knn.k",
            float(k),
            "knn-macro-F1",
            0.5 - 0.002 * abs(k - 10),
            n,
            k == 10,
        )
        build.rows["tuning"].append(row)


def _map(build: Builder, landscape: str, view: str, system: str, n: int, labels: list[str]) -> None:
    rng = _seed("map", landscape)
    centres = rng.normal(0, 4, (len(labels), 2))
    label = rng.choice(len(labels), n, p=(share := rng.dirichlet(np.full(len(labels), 3.0))) / share.sum())
    points = centres[label] + rng.normal(0, 1, (n, 2))
    build.rows["map"] += [
        (
            landscape,
            view,
            system,
            f"{landscape}-{i}",
            labels[label[i]],
            f"Device of kind {i} with an adjustable support",
            *map(float, points[i]),
        )
        for i in range(n)
    ]


RUNS = {"demo": demo_run, "hostile": hostile_run, "large": large_run}

if __name__ == "__main__":
    RUNS[sys.argv[1]](sys.argv[2])
