"""What `patray models` prints."""

import pytest

from patray.models.describe import explain, list_models, notices, short_size
from patray.models.record import ModelRecord
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
    assert lines["jina-v3"].endswith("NC, code")
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
    stella = explain(find_record("stella-1.5b"))
    assert "attention       unknown" in stella
    assert "unknown whether a Normalize module follows" in stella


def test_an_explanation_spells_out_licence_restrictions() -> None:
    assert "NO COMMERCIAL USE" in explain(find_record("conan-v1"))
    assert "GATED" in explain(find_record("embeddinggemma-300m"))
    assert "NOT FOR USE IN: EU" in explain(find_record("kalm-gemma3-12b"))
    assert "no commit is verified" in explain(find_record("jina-colbert-v2"))
