"""The model card of a tuned model: markdown with the front matter that model hubs read."""

from __future__ import annotations

from typing import Any

import yaml

from patray.models.record import ModelRecord
from patray.recipes.record import Recipe
from patray.recipes.reload import ReloadCheck
from patray.recipes.state import State


def model_card(
    record: ModelRecord,
    base: ModelRecord,
    recipe: Recipe,
    pairs: dict[str, int],
    state: State,
    home: str,
    check: ReloadCheck,
) -> str:
    """README.md of a tuned model. pairs: how many of each source there were; home: the landscape they are from; check:
    the saved folder loaded again."""
    front: dict[str, Any] = {
        "license": base.licence.lower(),
        "base_model": base.repo,
        "library_name": "sentence-transformers",
        "pipeline_tag": "sentence-similarity",
        "tags": ["sentence-transformers", "patents", f"recipe:{recipe.name}"],
    }
    settings = recipe.model_dump(mode="json", exclude={"name", "title", "origin", "sources"})
    lines = [
        "---",
        yaml.safe_dump(front, sort_keys=False).strip(),
        "---",
        "",
        f"# {record.name}",
        "",
        f"{base.name} (`{base.repo}` at `{base.revision}`), tuned by patray with recipe {recipe.name} on pairs of the "
        f"training families of the landscape {home}.",
        "",
        f"- Licence: {base.licence}, inherited from the base",
        f"- Vectors: {record.dimension} numbers, {record.pooling} pooling, at most {record.max_tokens} tokens",
        f"- Prompts: {record.prompts.document!r} for documents, {record.prompts.query!r} for queries",
        f"- Base trained on: {base.training_data}",
        f"- Take care: {record.contamination}",
        "",
        "## Pairs",
        "",
        "| source | pairs |",
        "|---|---:|",
        *[f"| {name} | {count:,} |" for name, count in pairs.items()],
        "",
    ]
    if recipe.shuffle_positives:
        lines += [
            "This is the sham control: no pair keeps its own positive, so it must not be better than the base.",
            "",
        ]
    lines += [
        "## Training",
        "",
        f"{state.step} steps of {recipe.batch} pairs, seed {recipe.seed}. Kept: {_kept(recipe, state)}.",
        "",
        "| setting | value |",
        "|---|---|",
        *[f"| {key} | {value} |" for key, value in settings.items()],
        "",
    ]
    curve = [row for row in state.log if row.get("validation") is not None]
    if curve:
        lines += [
            f"## Validation ({recipe.select_by})",
            "",
            "Step 0 is the base.",
            "",
            "| step | value |",
            "|---:|---:|",
            *[f"| {row['step']} | {row['validation']:.4f} |" for row in curve],
            "",
        ]
    lines += [
        "## This folder, loaded again",
        "",
        f"{check.texts} texts, {check.cut} of them cut at {record.max_tokens} tokens, compared with the weights "
        f"in memory after training; a cosine below {check.bound} would have failed the training.",
        "",
        "| loaded by | reads | lowest cosine |",
        "|---|---:|---:|",
        *[f"| {one.versions} | {one.limit} tokens | {one.least_cosine:.6f} |" for one in check.engines],
        "",
    ]
    return "\n".join(lines)


def _kept(recipe: Recipe, state: State) -> str:
    if state.best_step is None:
        return "the last weights (there was no validation)"
    return f"step {state.best_step}, best by {recipe.select_by} on validation ({state.best_value:.4f})"
