"""The result of a training: a model folder with a record of its own, complete when `artifact.json` names its files.

config.json  model.safetensors  modules.json ...   what sentence-transformers and vLLM load
record.yaml      the model's record, complete; the base's facts hold on where training changed nothing of them
README.md        the model card
steps.parquet    the log, state.STEPS          counts.parquet    what became of every pair, pairs.COUNTS
artifact.json    what decided the weights, totals, the reload check, and the size of every file
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import yaml

from patray.artifacts import seals_of_record, wrong_files
from patray.errors import TrainingError
from patray.files import Folder
from patray.models.record import ModelRecord
from patray.models.registry import parse_record
from patray.recipes.card import model_card
from patray.recipes.model import TunedModel
from patray.recipes.pairs import PairSet
from patray.recipes.record import Recipe
from patray.recipes.reload import check_reload, take_sample
from patray.recipes.state import load_weights
from patray.recipes.train import Trained, Work
from patray.yaml_source import load_yaml

RECORD_FILE, CARD, LOG, COUNTS_FILE, ARTIFACT = (
    "record.yaml", "README.md", "steps.parquet", "counts.parquet", "artifact.json",
)  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where a checkpoint comes from. name: of the tuned model; home: the landscape of its pairs; key: of the artifact;
    identity: what decided its weights."""

    name: str
    home: str
    key: str
    identity: dict[str, Any]


def pairs_by_source(pairs: PairSet) -> dict[str, int]:
    """Pairs of each source that training may draw from."""
    counted = pc.value_counts(pairs.table["source"].combine_chunks()).to_pylist()
    return {row["values"]: row["counts"] for row in sorted(counted, key=lambda row: str(row["values"]))}


def tuned_record(base: ModelRecord, recipe: Recipe, pairs: dict[str, int], origin: Origin) -> ModelRecord:
    """The record of a tuned model. `repo` holds the artifact's key, so that no two checkpoints share vectors."""
    drawn = ", ".join(f"{count:,} {source}" for source, count in pairs.items())
    sham = " with shuffled positives" if recipe.shuffle_positives else ""
    widths = {*(base.trained_dimensions or ()), *recipe.matryoshka}
    own = f"tuned on pairs of training families of the landscape {origin.home}: judge it there on test families only"
    return base.model_copy(
        update={
            "name": origin.name,
            "repo": f"local/{origin.name}-{origin.key}",
            "revision": "local",
            "package": None,
            "limit_shipped": True,  # as `TunedModel.save` writes the folder, whatever the base's files state
            "prompts_shipped": True,
            "ships_modules": True,
            "trained_dimensions": tuple(sorted(widths)) if widths else base.trained_dimensions,
            "released": None,
            "training_data": f"{base.training_data}; then recipe {recipe.name}{sham} on {origin.home}: pairs {drawn}",
            "contamination": f"{base.contamination}; {own}" if base.contamination else own,
            "notes": f"{base.name} ({base.repo}@{base.revision}) tuned by patray; seed {recipe.seed}",
        }
    )


def export(
    trained: Trained, work: Work, origin: Origin, destination: Folder, device: str = "cpu", in_vllm: bool = True
) -> None:
    """Save the kept weights as a model folder into `destination`, `artifact.json` last.

    TrainingError, and nothing in `destination`, where the saved folder loaded again is not what was trained
    (`reload.py`). in_vllm: whether vLLM is asked too.
    """
    pairs = pairs_by_source(work.pairs)
    record = tuned_record(work.record, work.recipe, pairs, origin)
    model = TunedModel(work.record, work.snapshot, work.recipe.model_copy(update={"precision": "float32"}), device)
    model.load(load_weights(trained.weights))
    sample = take_sample(model, work.pairs)
    state = trained.state
    destination.delete(ARTIFACT)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        model.save(root)
        del model  # its memory is for the one that is loaded now
        check = check_reload(record, root, sample, device, in_vllm)
        (root / RECORD_FILE).write_text(
            yaml.safe_dump(record.model_dump(mode="json"), sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
        (root / CARD).write_text(
            model_card(record, work.record, work.recipe, pairs, state, origin.home, check), "utf-8"
        )
        names = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
        seals = {name: destination.upload(name, str(root / name)) for name in names}
    seals[LOG] = destination.write_table(LOG, state.table())
    seals[COUNTS_FILE] = destination.write_table(COUNTS_FILE, work.pairs.counts)
    steps = [row for row in state.log if row["step"] > 0]
    seconds = float(np.sum([row["seconds"] for row in steps]))
    drawn = work.recipe.batch * len(steps)
    destination.write_json(
        ARTIFACT,
        {
            "identity": origin.identity,
            "name": origin.name,
            "home": origin.home,
            "base": work.record.name,
            "recipe": work.recipe.model_dump(mode="json"),
            "pairs": pairs,
            "totals": {
                "steps": state.step,
                "best_step": state.best_step,
                "best_value": state.best_value,
                "validation_before": state.log[0].get("validation") if state.log else None,
                "starts": state.starts,
                "workers": state.workers,
                "seconds": seconds,
                "pairs": drawn,
                "pairs_per_s": drawn / max(seconds, 1e-9),
            },
            "reload": check.facts(),
            "files": {name: seal.bytes for name, seal in seals.items()},
            "seals": {name: seal.as_json() for name, seal in seals.items()},
        },
    )


def open_checkpoint(folder: Folder) -> ModelRecord:
    """The record of a complete checkpoint; TrainingError that says which file is missing, cut off or altered."""
    if not folder.exists(ARTIFACT):
        raise TrainingError(
            f"{folder}: this checkpoint has no {ARTIFACT}, so it was not finished or not copied whole; "
            "train it again, or copy the whole folder"
        )
    artifact = folder.read_json(ARTIFACT)
    for name, size in artifact["files"].items():
        if not folder.exists(name):
            raise TrainingError(f"{folder}: this checkpoint is cut off: {name} is missing; copy the whole folder again")
        if folder.size(name) != size:
            raise TrainingError(
                f"{folder}: this checkpoint is cut off: {name} has {folder.size(name):,} bytes of {size:,}; "
                "copy it again, or delete the folder and train again"
            )
    for name, what in wrong_files(folder, seals_of_record(artifact, "seals")).items():
        raise TrainingError(
            f"{folder}: this checkpoint is damaged: {name}: {what}; copy it again, or delete the folder and train again"
        )
    return parse_record(load_yaml(folder.read_text(RECORD_FILE)), f"{folder}/{RECORD_FILE}")
