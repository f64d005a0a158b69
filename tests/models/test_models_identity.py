"""Every field of a record decides vectors, or stands in the list of those that do not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tiny_late import cross_record, late_record

from patray.artifacts import key_of
from patray.encoders.windows import embedding_identity
from patray.models.identity import NO_VECTOR, TOLD, training_facts, vector_facts
from patray.models.record import ROLES, ModelRecord, Prompts, RemoteCode, RerankTemplate
from patray.models.registry import find_record, registry

TEMPLATE = RerankTemplate(prefix="a", body="{task} {query} {document}", suffix="b", task="find", origin="here")
FULL = find_record("minilm").model_copy(
    update={
        "prompts": Prompts(document="d", query="q", classification="c", clustering="k", origin="here"),
        "remote_code": RemoteCode(repo="a/b", commit="a" * 40),
        "engine_arguments": {"hf_overrides": {"is_causal": True}},
        "last_token": 2,
        "template": TEMPLATE,
        "adapters": {"document": "passage"},
        "query_tokens": 32,
        "document_tokens": 180,
    }
)
LATE = FULL.model_copy(update={"kind": "late-interaction"})


def keys(record: ModelRecord) -> dict[str, str]:
    """Role -> key of vectors; `scores` -> key of a reranker's scores."""
    found = {str(role): key_of(embedding_identity(record, "vllm", role, "texts", "files")) for role in ROLES}
    return {**found, "scores": key_of(vector_facts(record, ("query", "document")))}


def altered(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, tuple):
        return (*value, (1, 2))
    if isinstance(value, dict):
        return {**value, "document": "another"}
    if value is None:
        return 7
    raise AssertionError(f"no other value for {value!r}")


def nested(record: ModelRecord, field: str) -> list[tuple[str, ModelRecord]]:
    """The record with each field of a part changed alone."""
    part = getattr(record, field)
    return [
        (name, record.model_copy(update={field: part.model_copy(update={name: altered(getattr(part, name))})}))
        for name in type(part).model_fields
    ]


@pytest.mark.filterwarnings("ignore:Pydantic serializer")
@pytest.mark.parametrize("field", sorted(ModelRecord.model_fields))
@pytest.mark.parametrize("record", [FULL, LATE], ids=["dense", "late"])
def test_a_field_changes_the_key_or_stands_in_the_commented_list(record: ModelRecord, field: str) -> None:
    if isinstance(getattr(record, field), Prompts | RerankTemplate | RemoteCode):
        changed = {name: keys(other) != keys(record) for name, other in nested(record, field)}
        assert changed == {name: name != TOLD for name in changed}
        return
    other = record.model_copy(update={field: altered(getattr(record, field))})
    assert (keys(other) != keys(record)) == (field not in NO_VECTOR)


def test_the_list_names_fields_of_the_record_alone() -> None:
    assert set(ModelRecord.model_fields) >= NO_VECTOR


@pytest.mark.parametrize("name", sorted(registry()))
def test_every_record_of_the_registry_has_a_key(name: str) -> None:
    facts = vector_facts(registry()[name], ("query", "document"))
    assert json.loads(json.dumps(facts)) == facts
    assert not NO_VECTOR & set(facts)


def test_a_query_prompt_changes_no_vector_of_documents() -> None:
    other = FULL.model_copy(update={"prompts": FULL.prompts.model_copy(update={"query": "find: "})})
    assert {role for role in ROLES if keys(other)[role] != keys(FULL)[role]} == {"query"}


def test_the_length_of_queries_changes_no_token_vector_of_documents() -> None:
    late = late_record()
    other = late.model_copy(update={"query_tokens": 20})
    assert keys(other)["document"] == keys(late)["document"]
    assert keys(other)["query"] != keys(late)["query"]


def test_engine_role_texts_and_files_change_the_key() -> None:
    base = key_of(embedding_identity(FULL, "vllm", "query", "texts", "files"))
    others = [
        ("sentence-transformers", "query", "texts", "files"), ("vllm", "clustering", "texts", "files"),
        ("vllm", "query", "others", "files"), ("vllm", "query", "texts", "others"),
    ]  # fmt: skip
    assert base not in {key_of(embedding_identity(FULL, *other)) for other in others}  # type: ignore[arg-type]


def test_what_a_checkpoint_is_trained_from_is_the_record_but_not_vllms_arguments() -> None:
    base = cross_record()
    for field in ("pooling", "padding_side", "attention", "dtype", "repo", "revision"):
        assert training_facts(base.model_copy(update={field: "another"})) != training_facts(base), field
    assert training_facts(base.model_copy(update={"engine_arguments": {"a": 1}})) == training_facts(base)
