"""A sweep through Ray Tune on a local Ray: some trials are stopped, one fails, the best recipe runs as it is."""

import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ray.util.placement_group import placement_group_table

from patray.cluster.sweep import sweep
from patray.cluster.train import TrainJob, train
from patray.errors import ResourceError
from patray.files import Folder
from patray.models.resolve import Snapshot
from patray.recipes.options import Training
from patray.recipes.pairs import make_pairs
from patray.recipes.read import read_recipe
from patray.recipes.validation import make_validation
from patray.runs.tuned import RecipeEntry, resolve_recipe
from tests.chaos.tiny_sweep import STEPS, make_snapshot, tiny_sweep
from tests.recipes.tiny_bases import tiny_record

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray")]
TRIALS = 4
"""The first draws a rate that fails, the second the best one, the third one that is hopeless."""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_snapshot(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def swept(snapshot: Path, local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("sweep")
    return Path(sweep(tiny_sweep(snapshot, "random", TRIALS), str(workdir)).uri)


def test_every_trial_is_in_the_table_and_the_hopeless_ones_were_stopped(swept: Path) -> None:
    rows = pq.read_table(swept / "trials.parquet").to_pylist()
    assert [row["trial"] for row in rows] == list(range(1, TRIALS + 1))
    by_status = {
        status: [row for row in rows if row["status"] == status] for status in ("finished", "stopped", "failed")
    }
    assert sum(map(len, by_status.values())) == TRIALS
    assert all(row["steps"] == STEPS for row in by_status["finished"])
    assert by_status["finished"]
    assert by_status["stopped"]
    assert all(8 <= row["steps"] < STEPS for row in by_status["stopped"])
    assert all(row["learning_rate"] in (0.001, 0.003, 0.01, 1e37) for row in rows)
    assert all(0.02 <= row["temperature"] <= 0.2 for row in rows)
    assert {row["learning_rate"] for row in by_status["failed"]} == {1e37}
    assert all("are not finite" in row["message"] for row in by_status["failed"])
    assert not (swept / "training").exists()
    assert {group["state"] for group in placement_group_table().values()} == {"REMOVED"}  # the stopped ones' too


def test_the_best_recipe_is_that_of_the_best_trial_and_trains_as_it_is(
    swept: Path, snapshot: Path, tmp_path: Path
) -> None:
    rows = [row for row in pq.read_table(swept / "trials.parquet").to_pylist() if row["status"] != "failed"]
    best = max(rows, key=lambda row: row["objective"])
    recipe = read_recipe(swept / "best.yaml")
    assert resolve_recipe(RecipeEntry(file=str(swept / "best.yaml"))).record == recipe
    assert (recipe.learning_rate, recipe.temperature) == (best["learning_rate"], best["temperature"])
    assert recipe.name == "tiny-sweep"
    (home,) = (swept.parents[1] / "landscapes" / "home").iterdir()
    where = Folder.at(home)
    job = TrainJob(
        "tiny--best--home--s0", tiny_record(), recipe, "home", make_pairs(where, recipe),
        make_validation(where, recipe), snapshot=Snapshot(str(snapshot), "path"),
    )  # fmt: skip
    _, step = train(job, Folder.at(tmp_path).make(), Training(stall_seconds=240))
    assert step["steps"] == STEPS
    assert math.isclose(step["best_value"], best["objective"], rel_tol=1e-6) or best["status"] == "stopped"


def test_the_figure_and_the_page_show_every_trial_that_has_a_score(swept: Path) -> None:
    scored = [row for row in pq.read_table(swept / "trials.parquet").to_pylist() if row["objective"] is not None]
    figure = (swept / "trials.svg").read_text()
    assert figure.count("<polyline") == len(scored)
    assert (swept / "report.html").read_text().count("<tr>") == TRIALS + 1
    assert (swept / "trials.md").read_text().count("\n| ") == TRIALS + 2


def test_a_complete_sweep_is_not_done_again(swept: Path, snapshot: Path) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in swept.rglob("*") if path.is_file() and path.name != "sweep.yaml"
    }
    sweep(tiny_sweep(snapshot, "random", TRIALS), str(swept.parents[1]))
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_trial_for_which_the_cluster_has_no_room_is_refused_at_once(snapshot: Path, tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"one trial of tiny-sweep: 1 worker\(s\)"):
        sweep(tiny_sweep(snapshot, "random", 2, training={"threads": 4000}), str(tmp_path))
