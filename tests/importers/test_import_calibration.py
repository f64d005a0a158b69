"""Published values: read, compared with a summary, and wrong ones found."""

from pathlib import Path

import pyarrow as pa
import pytest

from patray.errors import InputError
from patray.importers.calibration import Published, compare, format_rows, read_published, wrong_rows
from patray.models.registry import find_record
from patray.tables import SUMMARY


def summary(values: dict[tuple[str, str], float]) -> pa.Table:
    rows = [
        {
            "task": "retrieval", "landscape": "dapfam", "view": "tac", "system": system, "slice": part,
            "metric": "nDCG@100", "mean": value, "ci_low": value - 0.01, "ci_high": value + 0.01, "n": 9,
        }
        for (system, part), value in values.items()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SUMMARY)


def test_the_packaged_values_are_of_models_and_prompt_sets_that_the_registry_has() -> None:
    published = read_published("dapfam")
    assert [model.name for model in published.models if model.name.startswith("patembed-base")]
    for model in published.models:
        record = find_record(model.model)
        assert model.prompts is None or model.prompts in record.prompt_sets
        assert record.max_tokens >= (published.max_tokens or 0)
    assert published.slices == ("all", "in", "out")


def test_a_value_counts_against_its_nearest_source_and_an_absent_one_is_wrong() -> None:
    published = read_published("dapfam").choose(["patembed-large-no-prompt", "paecter"])
    found = {("patembed-large-no-prompt", "all"): 0.0407, ("patembed-large-no-prompt", "in"): 0.0457}
    found |= {("paecter", "all"): 0.3430, ("paecter", "in"): 0.3860, ("paecter", "out"): 0.0630}
    rows = compare(published, summary(found), "dapfam")
    assert [(row.name, row.slice, row.source) for row in rows] == [
        ("paecter", "all", "paper"),
        ("paecter", "in", "again"),
        ("paecter", "out", "paper"),
        ("patembed-large-no-prompt", "all", "again"),
        ("patembed-large-no-prompt", "in", "again"),
        ("patembed-large-no-prompt", "out", "again"),
    ]
    wrong = wrong_rows(rows, published.tolerance)
    assert [(row.name, row.slice) for row in wrong] == [("paecter", "out"), ("patembed-large-no-prompt", "out")]
    printed = format_rows(rows, published.tolerance)
    assert printed.count("WRONG") == 1
    assert "+5.0%" in printed


@pytest.mark.parametrize("factor", [0.979, 1.021])
def test_a_value_off_by_more_than_two_percent_either_way_is_wrong(factor: float) -> None:
    published = read_published("dapfam").choose(["bert-for-patents"])
    stated = {"all": 0.2260, "in": 0.2532, "out": 0.0411}
    near = {("bert-for-patents", part): value * (1 + (factor - 1) * 0.9) for part, value in stated.items()}
    far = {**near, ("bert-for-patents", "in"): stated["in"] * factor}
    assert wrong_rows(compare(published, summary(near), "dapfam"), 0.02) == []
    assert [row.slice for row in wrong_rows(compare(published, summary(far), "dapfam"), 0.02)] == ["in"]


def test_a_file_of_values_with_a_mistake_names_line_and_key(tmp_path: Path) -> None:
    (tmp_path / "v.yaml").write_text("view: tac\nmeasure: nDCG@100\nsources: {}\nmodels:\n  - {name: a, modle: b}\n")
    with pytest.raises(InputError, match=r"v\.yaml.*line 5.*modle"):
        read_published("dapfam", str(tmp_path / "v.yaml"))
    with pytest.raises(ValueError, match="which `sources` does not describe"):
        Published.model_validate(
            {"view": "tac", "measure": "m", "sources": {}, "models": [{"name": "a", "model": "b", "values": {"x": {}}}]}
        )
