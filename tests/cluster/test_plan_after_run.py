"""A plan made after a run, a stopped run and a fine-tuning sees what is there: it names artifacts as the run does."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from patray.cluster.execute import execute
from patray.files import Folder
from patray.planning.estimates import read_estimates
from patray.planning.plan import Plan, make_plan
from patray.runs.resolve import resolve
from patray.runs.suite import ModelEntry, Suite
from patray.tables import TRAINING, VERDICTS
from tests.cluster.conftest import make_suite

PROMPTED = {
    "name": "prompted",
    "prompts": {"document": "", "query": "find: ", "clustering": "topic: ", "origin": "this test"},
}


@pytest.fixture(scope="module")
def suite(small_landscape: Path) -> Suite:
    """Two models, one of them with prompts of its own for queries and clustering, and a fine-tuning of two steps."""
    first = make_suite(
        small_landscape,
        "views=[ta, {name: again, sections: [title, abstract]}]",
        "systems=[{dense: minilm}, {lexical: bm25}, {rrf: [minilm, bm25]}]",
        "tasks.classification=null",
        "recipes=[{recipe: R3, change: {batch: 8, mini_batch: 8, steps: 2, max_tokens: 32, validation_corpus: 20}}]",
        "bases=[minilm]",
        "homes=[small]",
    )
    own = first.models[0].record
    assert own is not None
    second = ModelEntry(name="prompted", record=own.model_validate(own.model_dump() | PROMPTED))
    return resolve(first.model_copy(update={"models": (*first.models, second)}))


@pytest.fixture(scope="module")
def finished(
    suite: Suite, tmp_path_factory: pytest.TempPathFactory, local_ray: None, encodes_here: None
) -> tuple[Path, Plan]:
    """The work directory of a finished run, and the plan that was made before it."""
    work = tmp_path_factory.mktemp("planned") / "work"
    before = make_plan(suite, str(work), None, read_estimates())
    execute(suite, str(work))
    return work, before


def again(suite: Suite, work: Path) -> Plan:
    return make_plan(suite, str(work), None, read_estimates())


@pytest.mark.slow
def test_a_run_with_recipes_holds_its_verdicts_and_curves(suite: Suite, finished: tuple[Path, Plan]) -> None:
    run = finished[0] / "runs" / suite.name
    verdicts = pq.read_table(run / "verdicts.parquet")
    assert verdicts.schema == VERDICTS
    named = {(row["task"].partition(":")[0], row["base"], row["recipe"], row["place"]) for row in verdicts.to_pylist()}
    assert named == {("retrieval", "minilm", "R3", "home"), ("clustering", "minilm", "R3", "home")}
    curves = pq.read_table(run / "training.parquet")
    assert curves.schema == TRAINING
    assert curves["step"].to_pylist() == [0, 1, 2]
    assert "What tuning did to retrieval" in (run / "report.html").read_text()


@pytest.mark.slow
def test_after_a_run_nothing_is_to_do(suite: Suite, finished: tuple[Path, Plan]) -> None:
    plan = again(suite, finished[0])
    assert plan.run_state == "finished"
    assert all(corpus.exists for corpus in plan.corpora)
    assert {step.state for step in plan.training} == {"done"}
    assert {step.state for step in plan.embeddings} == {"done", "shared"}
    assert {step.state for step in plan.rankings} == {"done"}
    assert all(model.to_do == (0, 0, 0) for model in plan.models)
    assert plan.disk.written == 0


@pytest.mark.slow
def test_the_tokens_that_were_planned_are_those_that_the_run_counted(suite: Suite, finished: tuple[Path, Plan]) -> None:
    work, before = finished
    run = Folder.at(work) / "runs" / suite.name
    counted = {
        (step["model"], step["view"], step["role"]): (step["tokens"], step["inputs"], step["truncated"])
        for step in run.read_json("provenance.json")["steps"]
        if step["step"] == "embed" and not step["reused"]
    }
    assert {(model, role) for model, _, role in counted} >= {("prompted", "query"), ("prompted", "clustering")}
    planned = [step for step in before.embeddings if step.state == "to do"]
    assert {(step.model, step.view, step.role) for step in planned} == set(counted)
    for step in planned:
        tokens, inputs, _ = counted[step.model, step.view, step.role]
        assert (step.tokens[0], step.tokens[1], step.tokens[2], step.inputs) == (tokens, tokens, tokens, inputs)


@pytest.mark.slow
def test_the_pairs_that_were_planned_are_those_that_were_trained_on(suite: Suite, finished: tuple[Path, Plan]) -> None:
    work, before = finished
    (step,) = before.training
    (folder,) = (work / "checkpoints" / "R3" / "minilm").iterdir()
    record = Folder.at(folder).read_json("artifact.json")
    assert (step.state, step.steps) == ("to do", record["totals"]["steps"])
    assert step.pairs == sum(record["pairs"].values())


@pytest.mark.slow
def test_the_windows_of_a_stopped_run_are_not_counted_again(
    suite: Suite, finished: tuple[Path, Plan], tmp_path: Path
) -> None:
    work = tmp_path / "work"
    shutil.copytree(finished[0], work)
    (folder,) = (work / "embeddings" / "small" / "ta" / "minilm").iterdir()
    (folder / "artifact.json").unlink()
    shutil.rmtree(work / "runs")
    lost = sorted(folder.glob("*.parquet"))
    tokens = sum(pq.read_table(lost[0], columns=["tokens"])["tokens"].to_pylist())
    lost[0].unlink()
    plan = again(suite, work)
    step = next(one for one in plan.embeddings if (one.model, one.view) == ("minilm", "ta"))
    assert (step.state, step.windows) == ("partly", (len(lost) - 1, len(lost)))
    assert 0 < step.to_do[1] <= tokens
    assert {one.state for one in plan.rankings} == {"to do"}
