"""What `patray models` prints."""

import pytest

from patray.models.describe import explain, list_models, notices, runs_here_by, short_size
from patray.models.record import ModelRecord, RemoteCode
from patray.models.registry import find_record, registry

RECORDS = list(registry().values())


def test_the_table_has_one_aligned_line_for_every_model() -> None:
    lines = list_models().splitlines()
    names = [line.split()[0] for line in lines[2 : 2 + len(RECORDS)]]
    assert names == sorted(registry())
    start = lines[0].index("kind")
    assert all(line[start - 1] == " " and line[start] != " " for line in lines[2 : 2 + len(RECORDS)])


def test_the_table_marks_what_a_person_must_know_before_use() -> None:
    lines = {line.split()[0]: line for line in list_models().splitlines() if line.strip()}
    assert lines["jina-v3"].endswith("NC")
    assert lines["embeddinggemma-300m"].endswith("NC?, gated")
    assert lines["kalm-gemma3-12b"].endswith("NC?, no EU")
    assert lines["paecter"].endswith("patents")
    assert lines["minilm"].endswith("Apache-2.0")
    assert "mean+D" in lines["conan-v1"]


def test_notices_are_empty_for_a_free_model() -> None:
    assert notices(find_record("bge-m3")) == []


def test_a_rounded_size_is_marked_as_such() -> None:
    assert short_size(find_record("bge-m3")) == "~568M"
    assert short_size(find_record("qwen3-embedding-8b")) == "7.6B"


def test_a_size_that_nobody_knows_is_a_question_mark() -> None:
    record = find_record("bge-m3").model_copy(update={"rounded_parameters": None})
    assert short_size(record) == "?"
    assert "parameters      unknown" in explain(record)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_an_explanation_shows_every_fact_that_decides_a_vector(record: ModelRecord) -> None:
    text = explain(record)
    flat = " ".join(text.split())
    for fact in (record.repo, record.revision, record.dtype, " ".join(record.licence.split()), *record.engines):
        assert fact in flat
    if record.template is None:
        assert repr(record.prompts.query) in text
        assert repr(record.prompts.document) in text
    for name in record.prompt_sets:
        assert f"  {name} (" in text
    for fact in record.unknown:
        assert fact in flat
    assert "None" not in text


def test_an_explanation_warns_of_contamination_and_of_what_is_not_known() -> None:
    assert "examiner citations" in explain(find_record("paecter"))
    assert "with that in mind" in explain(find_record("paecter"))
    assert "does not prove" in explain(find_record("bge-m3"))
    assert "attention       unknown" in explain(find_record("bge-m3").model_copy(update={"attention": "unknown"}))
    assert "unknown whether a Normalize module follows" in explain(find_record("stella-1.5b"))


def test_an_explanation_spells_out_licence_restrictions() -> None:
    assert "NO COMMERCIAL USE" in explain(find_record("conan-v1"))
    assert "GATED" in explain(find_record("embeddinggemma-300m"))
    assert "NOT FOR USE IN: EU" in explain(find_record("kalm-gemma3-12b"))


def test_the_table_says_what_runs_a_model_here(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"sentence_transformers"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if name in installed else None)
    assert runs_here_by(find_record("minilm")) == "st"
    assert runs_here_by(find_record("gte-multilingual-base")) == "st as gte"
    code = RemoteCode(repo="a/b", commit="0" * 40)
    coded = find_record("minilm").model_copy(update={"remote_code": code})
    assert runs_here_by(coded) == "st with code"
    assert notices(coded) == ["code"]
    assert "needed, from a/b at 0000" in explain(coded)
    unpinned = coded.model_copy(update={"remote_code": RemoteCode(repo=None, commit=None)})
    assert "no commit is verified" in explain(unpinned)
    assert "gte of transformers or patray stands in for it" in " ".join(
        explain(find_record("arctic-embed-m-v2")).split()
    )
    installed.clear()
    assert runs_here_by(find_record("qwen3-embedding-8b")) == "(vllm, st, ov)"
    assert runs_here_by(find_record("minilm").model_copy(update={"engines": ()})) == "nothing"
