"""A sweep of a tiny base on a generated landscape: for tests, in this process or in one that can be killed.

`python -m tests.chaos.tiny_sweep SNAPSHOT WORKDIR SEARCHER TRIALS [CHANGES]`, CHANGES as JSON.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from patray.runs.sweep import Sweep, parse_sweep
from tests.recipes.tiny_bases import save_bert, tiny_record

STEPS = 32
"""Of a trial that is not stopped: four validations."""


def make_snapshot(folder: Path) -> Path:
    """A tiny BERT that knows words of the landscape: trials would all have one score if every word were unknown."""
    snapshot = save_bert(folder)
    words = (
        "a the and with for sensor user device wheel hearing arm screen motor signal frame speech voice camera image"
    )
    words += " housing control unit method comprising wherein said first second pressure drive joint cushion seat tube"
    (path,) = [one for one in snapshot.rglob("tokenizer.json") if "WordLevel" in one.read_text()]
    tokenizer = json.loads(path.read_text())
    for at, word in enumerate(words.split()):
        tokenizer["model"]["vocab"][word] = tokenizer["model"]["vocab"].pop(f"w{at}")
    path.write_text(json.dumps(tokenizer))
    return snapshot


def tiny_sweep(snapshot: Path, searcher: str, trials: int, **changes: Any) -> Sweep:
    fields: dict[str, Any] = {
        "name": "tiny-sweep",
        "home": {"name": "home", "generate": {"seed": 4, "patents": 150}},
        "base": {"record": tiny_record().model_dump(mode="json"), "path": str(snapshot)},
        "recipe": {
            "recipe": "R3",
            "change": {
                "steps": STEPS, "batch": 8, "mini_batch": 8, "max_tokens": 24, "validate_every": 8, "warmup_share": 0,
                "max_grad_norm": 1e30, "validation_corpus": 60,
            },
        },
        "space": {
            "learning_rate": {"values": [0.001, 0.003, 0.01, 1e37]},
            "temperature": {"low": 0.02, "high": 0.2, "log": True},
        },
        "trials": trials,
        "scheduler": {"grace_steps": 8, "reduction": 2},
        "searcher": searcher,
        "training": {"stall_seconds": 240},
    }  # fmt: skip
    return parse_sweep(yaml.safe_dump({**fields, **changes}, sort_keys=False), "tiny.yaml", [])


if __name__ == "__main__":
    from patray.cluster.sweep import sweep

    changes = json.loads(sys.argv[5]) if len(sys.argv) > 5 else {}
    sweep(tiny_sweep(Path(sys.argv[1]), sys.argv[3], int(sys.argv[4]), **changes), sys.argv[2])
