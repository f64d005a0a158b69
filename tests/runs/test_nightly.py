"""A night against the nights before it: plants are caught, a quiet night is quiet, and false alarms are rare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_night import base_values, night, write_run

from patray.errors import InputError
from patray.files import Folder
from patray.runs.nightly import Verdict, earlier_nights, format_verdict, judge_night, multiplier, pinned_run

DATES = [f"2026-11-{day:02d}" for day in range(1, 31)]


def judged(workdir: Path, date: str, pinned: str | None = None, margin: float = 0.0, window: int = 30) -> Verdict:
    runs = Folder.at(workdir) / "runs"
    tonight = f"nightly-{date}"
    baseline = pinned_run(runs, pinned) if pinned else None
    return judge_night(runs / tonight, earlier_nights(runs, "nightly", tonight, window), baseline, margin, window)


def said(found: Verdict) -> str:
    return format_verdict(found, {"steps": []})


def values(times: float = 1.0) -> dict[str, np.ndarray]:
    return {"minilm": base_values() * times, "bm25": base_values(1)}


def statuses(workdir: Path, times: Sequence[float], **options: Any) -> list[int]:
    found = []
    for date, factor in zip(DATES, times, strict=False):
        night(workdir, date, values(factor))
        found.append(judged(workdir, date, **options).status)
    return found


def test_the_first_night_and_nights_on_which_nothing_changed_are_quiet(tmp_path: Path) -> None:
    assert statuses(tmp_path, [1.0] * 4) == [0, 0, 0, 0]
    assert "2 of 2 rows have the very mean of their reference" in said(judged(tmp_path, DATES[3]))


def test_a_night_that_lost_half_is_an_alarm_and_the_next_nights_are_too_until_it_is_mended(tmp_path: Path) -> None:
    assert statuses(tmp_path, [1.0, 0.5, 0.5, 1.0]) == [0, 3, 3, 0]


def test_one_percent_a_night_is_seen_within_the_window_though_no_night_is_far_from_the_one_before(
    tmp_path: Path,
) -> None:
    times = [0.99**night for night in range(12)]
    assert 3 in statuses(tmp_path, times, margin=0.01)
    found = judged(tmp_path, DATES[11], margin=0.01)
    assert [row["system"] for row in found.worse] == ["minilm"]
    assert found.worse[0]["reference"] == f"nightly-{DATES[0]}"
    beside = judge_night(
        Folder.at(tmp_path) / "runs" / f"nightly-{DATES[11]}",
        [Folder.at(tmp_path) / "runs" / f"nightly-{DATES[10]}"],
        margin=0.01,
    )
    assert not beside.worse


def test_erosion_after_an_improvement_is_measured_from_the_best_night_not_from_the_first(tmp_path: Path) -> None:
    times = [0.8, 1.0, *(0.98**night for night in range(1, 8))]
    assert statuses(tmp_path, times, margin=0.02)[-1] == 3
    found = judged(tmp_path, DATES[8], margin=0.02)
    assert found.worse[0]["reference"] == f"nightly-{DATES[1]}"


def test_a_pinned_run_is_the_only_one_that_is_compared_with(tmp_path: Path) -> None:
    write_run(Folder.at(tmp_path) / "runs" / "release-1", values(0.5))
    assert statuses(tmp_path, [1.0, 0.7], pinned="release-1") == [0, 0]
    assert judged(tmp_path, DATES[1]).status == 3
    elsewhere = write_run(Folder.at(tmp_path) / "other" / "release-2", values(1.2))
    assert judged(tmp_path, DATES[1], pinned=str(elsewhere)).status == 3


def test_a_pinned_run_that_is_not_there_or_not_finished_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--baseline nothing: .* lacks evidence\.parquet"):
        pinned_run(Folder.at(tmp_path) / "runs", "nothing")


def test_a_landscape_that_changed_is_no_loss_once_and_the_next_night_is_compared_again(tmp_path: Path) -> None:
    grown: dict[str, Any] = {
        "provenance": {"landscapes.corp.patents": 120, "landscapes.corp.content": "b"},
        "suite": {"landscapes.0.content": "b"},
        "documents": 120,
    }
    night(tmp_path, DATES[0], values())
    night(tmp_path, DATES[1], values(0.5), **grown)
    night(tmp_path, DATES[2], values(0.5), **grown)
    night(tmp_path, DATES[3], values(0.2), **grown)
    found = [judged(tmp_path, date) for date in DATES[:4]]
    assert [one.status for one in found] == [0, 4, 0, 3]
    assert "landscape corp: patents 70 -> 120" in said(found[1])
    assert "not comparable: landscape corp" in said(found[1])
    assert {row["reference"] for row in found[3].worse} <= {f"nightly-{DATES[1]}", f"nightly-{DATES[2]}"}


def test_a_version_that_changed_is_named_and_its_losses_are_found(tmp_path: Path) -> None:
    night(tmp_path, DATES[0], values())
    night(tmp_path, DATES[1], values(), provenance={"versions.torch": "2.9.1"})
    night(tmp_path, DATES[2], values(0.6), provenance={"versions.torch": "3.0.0"})
    quiet, loud = judged(tmp_path, DATES[1]), judged(tmp_path, DATES[2])
    assert (quiet.status, loud.status) == (0, 3)
    assert "versions: torch 2.8.0 -> 2.9.1" in said(quiet)
    assert "versions: torch 2.9.1 -> 3.0.0" in said(loud)


def test_a_system_that_is_gone_is_missing_and_a_new_one_is_new(tmp_path: Path) -> None:
    night(tmp_path, DATES[0], values())
    night(tmp_path, DATES[1], {"minilm": base_values(), "other": base_values(2)})
    found = judged(tmp_path, DATES[1])
    assert found.status == 4
    assert [key[3] for key in found.missing] == ["bm25"]
    assert [key[3] for key in found.new] == ["other"]


def test_a_loss_within_the_margin_raises_no_alarm(tmp_path: Path) -> None:
    assert statuses(tmp_path, [1.0, 0.985], margin=0.01) == [0, 0]
    assert "worse, within the margin" in said(judged(tmp_path, DATES[1], margin=0.01))


def test_only_finished_runs_with_the_name_and_a_date_before_tonight_are_nights(tmp_path: Path) -> None:
    for date in DATES[:4]:
        night(tmp_path, date)
    night(tmp_path, DATES[0], name="nightly-big")
    night(tmp_path, DATES[2], leave_out=("provenance.json",), name="nightly")
    (tmp_path / "runs" / f"nightly-{DATES[2]}" / "provenance.json").unlink()
    night(tmp_path, "latest")
    found = earlier_nights(Folder.at(tmp_path) / "runs", "nightly", f"nightly-{DATES[3]}")
    assert [run.name for run in found] == [f"nightly-{date}" for date in DATES[:2]]
    assert len(earlier_nights(Folder.at(tmp_path) / "runs", "nightly", f"nightly-{DATES[3]}", 1)) == 1


def test_nights_of_harmless_changes_hardly_ever_raise_an_alarm(tmp_path: Path) -> None:
    """Every night another benign change: the queries' values move at random, no system is truly better or worse."""
    alarms = 0
    for month in range(15):
        rng = np.random.default_rng(month)
        folder = tmp_path / str(month)
        for date in DATES[:5]:
            night(folder, date, {name: v + rng.normal(0, 0.03, len(v)) for name, v in values().items()}, documents=60)
        alarms += any(judged(folder, date, window=5).worse for date in DATES[:5])
    assert alarms <= 2  # at most 5% of 15 are expected


def test_the_shares_of_the_five_percent_within_a_window_add_up_to_at_most_one() -> None:
    for window in (1, 2, 7, 30, 365):
        spent = [results / multiplier(results, window) for results in range(1, window + 1)]
        assert sum(spent) <= 1.0
        assert multiplier(1, 1) == 1


def test_rows_that_moved_without_a_known_cause_are_told(tmp_path: Path) -> None:
    night(tmp_path, DATES[0], values())
    night(tmp_path, DATES[1], values(1.001))
    night(tmp_path, DATES[2], values(1.002), provenance={"models.minilm.content": "weights1"})
    assert "1 rows moved although models, settings and versions are the same" in said(judged(tmp_path, DATES[1]))
    assert "although" not in said(judged(tmp_path, DATES[2]))
    assert "quiet: 1 rows moved, nothing is worse" in said(judged(tmp_path, DATES[2]))


def test_a_loss_that_is_the_same_for_every_query_is_found(tmp_path: Path) -> None:
    night(tmp_path, DATES[0], values())
    night(tmp_path, DATES[1], {"minilm": base_values() - 0.05, "bm25": base_values(1)})
    assert judged(tmp_path, DATES[1]).status == 3


def test_labelled_tasks_are_compared_by_night_too(tmp_path: Path) -> None:
    for date in DATES[:2]:
        night(tmp_path, date, labelled=True)
    found = judged(tmp_path, DATES[1])
    assert {row["metric"] for row in found.rows} == {"nDCG@10", "knn-macro-F1", "knn-micro-F1", "V-measure", "ARI"}
    assert found.status == 0
