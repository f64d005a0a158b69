"""Two runs compared: what does not speak of the same thing is named, and is never called worse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_night import base_values, write_run

from patray.cli import main
from patray.errors import InputError
from patray.files import Folder
from patray.runs.compare import RunComparison, compare_runs, format_comparison, says

GROWN = {
    "provenance": {
        "landscapes.corp.patents": 120,
        "landscapes.corp.content": "bbbb1111bbbb1111",
        "landscapes.corp.contents.patents": "p1",
    },
    "suite": {"landscapes.0.content": "bbbb1111bbbb1111"},
    "documents": 120,
}


def compared(tmp_path: Path, before: dict[str, Any], after: dict[str, Any], margin: float = 0.0) -> RunComparison:
    a = write_run(Folder.at(tmp_path / "a"), **before)
    b = write_run(Folder.at(tmp_path / "b"), **after)
    return compare_runs(a, b, margin)


def lower(times: float) -> dict[str, np.ndarray]:
    return {"minilm": base_values() * times, "bm25": base_values(1) * times}


def test_rows_on_a_corpus_that_grew_are_not_comparable_and_never_worse(tmp_path: Path) -> None:
    found = compared(tmp_path, {}, {"values": lower(0.5), **GROWN})
    assert not found.rows
    assert not found.worse
    assert {row.key[3] for row in found.apart} == {"minilm", "bm25"}
    said = format_comparison(found)
    assert "landscape corp: patents 70 -> 120, patents changed, content hash aaaa0000 -> bbbb1111" in said
    assert "WORSE" not in said
    assert "not comparable: landscape corp" in said


def test_the_exit_status_tells_worse_not_comparable_and_neither_apart(tmp_path: Path) -> None:
    runs = {
        "same": write_run(Folder.at(tmp_path / "same")),
        "lower": write_run(Folder.at(tmp_path / "lower"), lower(0.5)),
        "grown": write_run(Folder.at(tmp_path / "grown"), **GROWN),
    }
    statuses = {name: main(["compare", str(tmp_path / "same"), str(run)]) for name, run in runs.items()}
    assert statuses == {"same": 0, "lower": 3, "grown": 4}
    assert main(["compare", str(tmp_path / "same"), str(tmp_path / "nowhere")]) == 1


@pytest.mark.parametrize(
    ("part", "apart"),
    [
        ("citations", {"retrieval"}),
        ("labels/area", {"classification:area", "clustering:area"}),
        ("patents", {"retrieval", "classification:area", "clustering:area"}),
    ],
)
def test_a_changed_part_of_a_landscape_takes_the_tasks_that_read_it(tmp_path: Path, part: str, apart: set[str]) -> None:
    changed = {
        "provenance": {"landscapes.corp.content": "b1", f"landscapes.corp.contents.{part}": "other"},
        "suite": {"landscapes.0.content": "b1"},
    }
    found = compared(tmp_path, {"labelled": True}, {"labelled": True, **changed})
    assert {row.key[0] for row in found.apart} == apart
    assert {row["task"] for row in found.rows} == {"retrieval", "classification:area", "clustering:area"} - apart


@pytest.mark.parametrize(
    ("key", "value", "apart"),
    [
        ("tasks.retrieval.direction", "both", {"retrieval"}),
        ("tasks.retrieval.exclude_family", False, {"retrieval"}),
        ("tasks.classification.min_train", 2, {"classification:area"}),
        ("tasks.clustering.min_class", 2, {"clustering:area"}),
        ("splits.salt", "other", {"classification:area"}),
        ("tasks.retrieval.slices", ["all", "in"], set()),
        ("tasks.clustering.seeds", 3, set()),
        ("systems.1.k1", 0.9, set()),
        ("search.depth", 200, set()),
    ],
)
def test_another_definition_of_a_measure_takes_its_rows_and_a_setting_is_only_named(
    tmp_path: Path, key: str, value: Any, apart: set[str]
) -> None:
    found = compared(tmp_path, {"labelled": True}, {"labelled": True, "suite": {key: value}})
    assert {row.key[0] for row in found.apart} == apart
    assert key.rsplit(".", 1)[-1] in format_comparison(found)


def test_versions_weights_and_settings_of_models_are_named_and_compared_all_the_same(tmp_path: Path) -> None:
    after = {
        "values": lower(0.5),
        "suite": {"models.0.record.pooling": "cls"},
        "provenance": {"versions.torch": "2.9.1", "models.minilm.content": "weights1", "models.minilm.pooling": "cls"},
    }
    found = compared(tmp_path, {}, after)
    said = format_comparison(found)
    assert "versions: torch 2.8.0 -> 2.9.1" in said
    assert "model minilm: content weights0 -> weights1, pooling mean -> cls" in said
    assert len(found.worse) == 2
    assert found.status == 3


OWN = {"tasks.retrieval.measures": ["nDCG@10", "Mine@10"]}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("mine 1.0", "mine 1.1", "measure Mine: mine 1.0 -> mine 1.1"),
        ("mine 1.0", None, "measure Mine: mine 1.0 -> unknown"),
        (None, None, "measure Mine: unknown"),
        ("mine 1.0", "mine 1.0", ""),
    ],
)
def test_a_measure_of_other_code_or_of_code_that_nobody_recorded_is_another_measure(
    tmp_path: Path, before: str | None, after: str | None, said: str
) -> None:
    sides = [
        {"suite": OWN, "metric": "Mine@10", "provenance": {"extensions": {"measures": {"Mine": one}}} if one else {}}
        for one in (before, after)
    ]
    found = compared(tmp_path, *sides)
    assert {row.key[4] for row in found.apart} == ({"Mine@10"} if said else set())
    assert bool(found.rows) == (not said)
    assert said in format_comparison(found)


def test_systems_of_other_packages_are_named_and_compared(tmp_path: Path) -> None:
    sides = [{"provenance": {"extensions": {"systems": {"jaccard": f"mine {one}"}}}} for one in ("1.0", "1.1")]
    found = compared(tmp_path, *sides)
    assert "systems of other packages: jaccard mine 1.0 -> mine 1.1" in format_comparison(found)
    assert not found.apart


def test_what_an_older_run_did_not_record_is_called_unknown_not_the_same(tmp_path: Path) -> None:
    older = {
        "provenance": {"versions": ..., "landscapes.corp.content": ..., "models.minilm.content": ...},
        "suite": {"landscapes.0.content": ..., "tasks.clustering.min_class": ...},
    }
    said = format_comparison(found := compared(tmp_path, {**older, "labelled": True}, {"labelled": True}))
    assert "landscape corp: content unknown in a" in said
    assert "versions: unknown in a" in said
    assert "weights: unknown in a for minilm" in said
    assert "options of clustering: min_class unknown -> 5" in said
    assert not found.apart


@pytest.mark.parametrize(
    "after",
    [{"documents": 120}, {"families": {"q001": "q000"}}, {"provenance": {"landscapes.corp.pairs": 200}}],
    ids=["documents", "families", "pairs"],
)
def test_without_a_content_hash_the_documents_families_and_counts_of_both_runs_decide(
    tmp_path: Path, after: dict[str, Any]
) -> None:
    after["suite"] = {"landscapes.0.content": ...}
    after["provenance"] = {**after.get("provenance", {}), "landscapes.corp.content": ...}
    found = compared(tmp_path, {}, {"values": lower(0.5), **after})
    assert len(found.apart) == 2
    assert found.status == 4


def test_a_run_without_suite_and_provenance_is_compared_and_its_facts_are_unknown(tmp_path: Path) -> None:
    found = compared(tmp_path, {"leave_out": ("suite.yaml", "provenance.json")}, {})
    assert len(found.rows) == 2
    assert "suite: unknown in a: no suite.yaml" in format_comparison(found)


def test_systems_judged_on_no_common_item_are_not_comparable(tmp_path: Path) -> None:
    a = write_run(Folder.at(tmp_path / "a"))
    b = write_run(Folder.at(tmp_path / "b"))
    table = b.read_table("evidence.parquet")
    ids = [f"q{int(name[1:]) + 60:03d}" for name in table["item_id"].to_pylist()]
    more = write_run(Folder.at(tmp_path / "more"), documents=140)
    for run in (a, b):
        run.write_table("items.parquet", more.read_table("items.parquet"))
    b.write_table("evidence.parquet", table.set_column(table.column_names.index("item_id"), "item_id", [ids]))
    found = compare_runs(a, b)
    assert [row.why for row in found.apart] == ["no common query or patent"] * 2
    assert found.status == 4


def test_runs_without_a_common_system_are_refused(tmp_path: Path) -> None:
    a = write_run(Folder.at(tmp_path / "a"), {"one": base_values()})
    b = write_run(Folder.at(tmp_path / "b"), {"two": base_values()})
    with pytest.raises(InputError, match="no system in common"):
        compare_runs(a, b)


def test_a_loss_within_the_margin_is_significant_and_no_alarm(tmp_path: Path) -> None:
    after = {"values": {"minilm": base_values() - 0.004, "bm25": base_values(1) - 0.03}}
    found = compared(tmp_path, {}, after, margin=0.01)
    assert {row["system"]: says(row, found.margin) for row in found.rows} == {
        "minilm": "worse, within the margin",
        "bm25": "WORSE",
    }
    assert found.status == 3


def test_the_exchanged_runs_give_the_same_rows_with_the_sign_turned(tmp_path: Path) -> None:
    there = compared(tmp_path, {}, {"values": lower(0.9)})
    back = compare_runs(Folder.at(tmp_path / "b"), Folder.at(tmp_path / "a"))
    assert [row["diff"] for row in there.rows] == [-row["diff"] for row in back.rows]  # type: ignore[operator]
    assert [row["p_adjusted"] for row in there.rows] == [row["p_adjusted"] for row in back.rows]


def test_more_rows_than_10000_flips_carry_get_the_flips_that_let_a_difference_be_found(tmp_path: Path) -> None:
    values = {f"s{i:04d}": base_values(i, 20) for i in range(520)}
    after = {name: column * (0.9 if name == "s0007" else 1) for name, column in values.items()}
    found = compared(tmp_path, {"values": values}, {"values": after})
    assert [row["system"] for row in found.worse] == ["s0007"]


def test_a_few_items_that_no_number_of_flips_can_help_are_told(tmp_path: Path) -> None:
    values = {"minilm": base_values(0, 5), "bm25": base_values(1, 5)}
    found = compared(tmp_path, {"values": values}, {"values": {name: v * 0.5 for name, v in values.items()}})
    assert "no row can be called worse here: 5 items" in format_comparison(found)
