"""What of a model's record decides a vector: all of it, less the fields that are listed here with the reason why not.

A list of what decides one would forget the field that is added next; this one can only be too careful.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from patray.models.record import ModelRecord, Role

NO_VECTOR = frozenset(
    {
        "name",  # what results call it; artifacts lie under it anyway
        "family",  # groups sizes in the report
        "parameters", "rounded_parameters",  # memory and cost; the weights themselves are hashed
        "trained_dimensions", "trained_dimension_range",  # what the report marks; a cut is made after encoding
        "nominal_tokens",  # bounds max_tokens, which is in
        "normalised",  # told of the checkpoint; vectors are made unit length whatever it says
        "architecture", "ships_modules",  # told of the files, which are hashed
        "prompt_sets", "prompts_shipped",  # what could be chosen; what was chosen stands in `prompts`
        "engines",  # what may run it; the engine that does is in the key by itself
        "package",  # a place; what lies there is hashed
        "licence", "commercial", "gated", "excluded_regions",  # what may be done with it
        "released", "training_data", "contamination", "notes", "unknown",  # what people should know
    }
)  # fmt: skip
"""Fields of ModelRecord that decide no vector and no score."""
BY_ROLE = frozenset({"prompts", "adapters"})
"""Fields of which the key of one role's vectors holds what that role gets: a query prompt changes no document."""
TOLD = "origin"
"""Field of prompts and templates that says where they were read."""
NO_WEIGHT = frozenset({"engine_arguments", "tensor_parallel"})
"""Fields that decide vectors but no training: arguments of vLLM, which trains nothing."""


def vector_facts(record: ModelRecord, roles: Iterable[Role]) -> dict[str, Any]:
    """Everything in `record` that decides vectors of these roles, as plain data for a key.

    `{"repo": "...", "pooling": "mean", "prompts": {"query": ""}, "max_tokens": 256, ...}`
    """
    roles = tuple(roles)
    found = record.model_dump(mode="json", exclude={*NO_VECTOR, *BY_ROLE})
    if found["native"] is None:
        del found["native"]  # so that the keys of what was made before there was such a field stay
    if not found["query_table"]:
        del found["query_table"]  # likewise
    if found["template"] is not None:
        del found["template"][TOLD]
    if record.kind == "late-interaction" and "query" not in roles:
        del found["query_tokens"]  # documents are not cut to it
    if record.kind == "late-interaction" and roles == ("query",):
        del found["document_tokens"]
    found["prompts"] = {role: record.prompts.of(role) for role in roles}
    found["adapters"] = {role: record.adapter_of(role) for role in roles}
    return found


def training_facts(record: ModelRecord) -> dict[str, Any]:
    """Everything in a base's record that decides what is trained from it."""
    found = vector_facts(record, ("document", "query"))
    return {key: value for key, value in found.items() if key not in NO_WEIGHT}
