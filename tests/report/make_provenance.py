"""What provenance.json and suite.yaml hold in the run folders of `make_run`."""

from __future__ import annotations

import itertools
from typing import Any


def run_provenance(name: str, landscapes: dict[str, int], models: list[str], views: list[str]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [
        {"step": "prepare", "landscape": landscape, "seconds": 1.2} for landscape in landscapes
    ]
    for (landscape, n), view, (index, model) in itertools.product(landscapes.items(), views, enumerate(models)):
        speed, reused = 900.0 / (1 + 2 * index), view == views[0]
        steps.append(
            {
                "step": "embed",
                "landscape": landscape,
                "view": view,
                "model": model,
                "role": "document",
                "reused": reused,
                "seconds": 0.0 if reused else n * 3 / speed,
                "patents": n * 3,
                "inputs": n * 3,
                "tokens": n * 3 * 180,
                "tokens_per_s": 180 * speed,
                "patents_per_s": speed,
                "truncated": n // 9 if view == "tac" else 0,
                "empty": 2,
                "actors": 2,
                "cpu_hours": n * 6 / speed / 3600,
                "gpu_hours": 0.0,
                "cost_usd": None,
            }
        )
    steps.append({"step": "judge", "seconds": 14.2})
    described = {
        landscape: {
            "title": f"Generated {landscape} patents",
            "source": "patray's own generator, seed 0",
            "licence": "CC0-1.0",
            "patents": n * 3,
            "families": n * 2,
            "citations": n * 9,
            "queries": n + n // 3,
            "reported_queries": {"all": n},
            "pairs": n * 5,
            "pairs_in": n * 4,
            "pairs_out": n,
            "offices": {"US": n, "EP": n // 2, "JP": n // 3, "CN": n // 4},
            "fill": {"title": 1.0, "abstract": 0.993, "claims": 0.871, "description": 0.0},
            "quarantined": {"duplicate id": 5} if index == 0 else {},
            "splits": {"train": n * 2, "validation": n // 2, "test": n // 2},
            "label_sets": {"area": {"labels": 7, "patents": n * 3}, "ipc-subclass": {"labels": 41, "patents": n * 2}},
        }
        for index, (landscape, n) in enumerate(landscapes.items())
    }
    record = {
        "repo": "sentence-transformers/all-MiniLM-L6-v2",
        "revision": "local",
        "dimension": 384,
        "max_tokens": 256,
        "parameters": 22_713_216,
        "pooling": "mean",
        "dtype": "float32",
        "licence": "Apache-2.0",
        "prompts": {"document": "", "query": ""},
        "unknown": [],
    }
    return {
        "patray": "0.1.0",
        "run": name,
        "started": "2026-03-14T09:26:53+00:00",
        "seconds": 284.1,
        "argv": ["patray", "run", f"{name}.yaml"],
        "git": {"commit": "0402a6d8f3c1b2a49e7d6c5b4a39281706f5e4d3", "dirty": False},
        "python": "3.11.9",
        "platform": "Linux-6.1-x86_64",
        "versions": {"numpy": "2.3.5", "ray": "2.60.0", "torch": "2.13.0"},
        "cluster": {"nodes": 1, "cpus": 2.0, "gpus": 0.0, "memory_gb": 15.5, "accelerators": []},
        "landscapes": described,
        "models": {model: {"name": model, **record} for model in models},
        "steps": steps,
        "notes": ["retrieval not possible on a61: no citations"],
    }


def line_of(system: str) -> dict[str, Any]:
    """A system's line in a resolved suite, from the name that these runs give it."""
    if "(" in system:
        kind, parts = system.rstrip(")").split("(")
        rest = {"k": int(kind.removeprefix("rrf"))} if kind.startswith("rrf") else {}
        return {"name": system, kind.rstrip("0123456789"): parts.split(","), **rest}
    return {"name": system, "lexical": "bm25"} if system == "bm25" else {"name": system, "dense": system}


def resolved_suite(name: str, landscapes: dict[str, int], views: list[str], systems: list[str]) -> dict[str, Any]:
    statistics = {"resamples": 10000, "flips": 10000, "level": 0.95, "correction": "holm", "seed": 0}
    return {
        "name": name,
        "title": "Which model and which text for assistive-technology patents?",
        "landscapes": [{"name": key} for key in landscapes],
        "views": views,
        "systems": [line_of(system) for system in systems],
        "tasks": {"retrieval": {"direction": "cited", "exclude_family": True, "domain_from": "ipc,cpc"}},
        "statistics": statistics,
    }
