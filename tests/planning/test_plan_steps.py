"""What a plan says exists, is shared or cannot run, what it costs, and that it leaves no trace."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from patray.cli import main
from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.models.memory import GpuMemory, gpu_bytes
from patray.models.record import RemoteCode
from patray.models.registry import find_record
from patray.planning.cost import Cost, Unplaced, choose_accelerators, plan_cost
from patray.planning.estimates import Estimates, read_estimates
from patray.planning.plan import Plan, make_plan
from patray.report.plan_text import format_plan, plan_data
from patray.runs.read import parse_suite, read_suite
from patray.runs.resolve import resolve
from patray.runs.sources import pick_landscapes
from patray.runs.suite import Prices, Suite

ROOT = Path(__file__).resolve().parents[2]
SUITE = """\
name: steps
landscapes: [{{path: {landscape}}}]
views: [ta, {{name: again, sections: [title, abstract]}}, claim1]
models: [minilm, {{record: {coded}}}, bge-reranker-v2-m3]
systems:
  - dense: minilm
  - {{dense: minilm, dimensions: [128, 64]}}
  - lexical: bm25
  - dense: stella-1.5b
  - {{rrf: [minilm, stella-1.5b], k: [10, 60]}}
  - linear: [minilm, bm25]
  - {{rerank: bm25, with: bge-reranker-v2-m3, depth: 20}}
"""


@pytest.fixture(scope="module")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("landscapes") / "small"
    generate(Folder.at(path), seed=3, patents=50, name="small")
    return path


@pytest.fixture(scope="module")
def plan(landscape: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return make_plan(suite_on(landscape), str(tmp_path_factory.mktemp("none") / "work"), None, read_estimates())


def suite_text(landscape: Path) -> str:
    """The suite; of stella it is said that it needs the code of its repository."""
    code = RemoteCode(repo="NovaSearch/stella_en_1.5B_v5", commit="d03be74b361d4eb24f42a2fe5bd2e29917df4604")
    coded = find_record("stella-1.5b").model_copy(update={"native": None, "remote_code": code})
    return SUITE.format(landscape=landscape, coded=coded.model_dump_json())


def suite_on(landscape: Path, *changes: str) -> Suite:
    return resolve(parse_suite(suite_text(landscape), "steps.yaml", list(changes)))


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below with its size and time of change."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_what_the_run_refuses_of_a_landscape_the_plan_refuses(landscape: Path, tmp_path: Path) -> None:
    asymmetric = "views=[{name: short, sections: [title, abstract], query_sections: [title]}]"
    with pytest.raises(InputError, match=r"view short has query_sections, but .* patents of the corpus"):
        make_plan(suite_on(landscape, asymmetric), str(tmp_path), None, read_estimates())


def test_the_plan_tells_what_the_run_will_tell_of_a_landscape(landscape: Path, tmp_path: Path) -> None:
    changes = ["tasks.retrieval.relevant_from=2", "tasks.classification.labels=[ipc-subclass, colour]"]
    notes = "\n".join(make_plan(suite_on(landscape, *changes), str(tmp_path), None, read_estimates()).notes)
    assert "relevant_from 2 changes nothing here: citations have no grades" in notes
    assert "small: there is no label set colour (no file, or no codes to derive it from)" in notes
    assert "there is no label set ipc-subclass" not in notes


def test_every_step_of_every_view_is_there(plan: Plan) -> None:
    embed = {(step.model, step.view, step.role): step.state for step in plan.embeddings}
    assert {view for model, view, _ in embed if model == "minilm"} == {"ta", "again", "claim1"}
    assert {role for model, _, role in embed if model == "stella-1.5b"} == {"document", "query"}
    rank = {(step.system, step.view): step.step for step in plan.rankings}
    assert len(rank) == 9 * 3
    assert {rank[name, "ta"] for name in ("minilm@128", "minilm@64", "bm25")} == {"search"}
    assert {rank[name, "ta"] for name in ("rrf10(minilm,stella-1.5b)", "linear(minilm,bm25)")} == {"fuse"}
    assert rank["bge-reranker-v2-m3@20(bm25)", "ta"] == "rerank"


def test_a_view_with_the_same_texts_costs_nothing(plan: Plan) -> None:
    state = {step.view: step for step in plan.embeddings if step.model == "minilm"}
    assert [state[view].state for view in ("ta", "again", "claim1")] == ["to do", "shared", "to do"]
    assert state["again"].to_do == (0, 0, 0)
    assert state["again"].shared_with == "minilm ta"
    minilm = next(model for model in plan.models if model.model.name == "minilm")
    assert minilm.to_do[1] == state["ta"].tokens[1] + state["claim1"].tokens[1]


def test_a_model_that_may_not_run_is_listed_with_its_reason_and_what_needs_it_too(plan: Plan) -> None:
    stella = next(model for model in plan.models if model.model.name == "stella-1.5b")
    assert "remote_code: true" in stella.model.refused
    assert {step.state for step in plan.embeddings if step.model == "stella-1.5b"} <= {"refused", "shared"}
    refused = {step.system for step in plan.rankings if step.state == "refused"}
    assert refused == {"stella-1.5b", "rrf10(minilm,stella-1.5b)", "rrf60(minilm,stella-1.5b)"}
    text = format_plan(plan)
    assert "CANNOT RUN" in text
    assert "NO FILES for bge-reranker-v2-m3" in text


def test_a_reranker_is_planned_by_its_pairs(plan: Plan) -> None:
    steps = [step for step in plan.rankings if step.step == "rerank"]
    queries = plan.corpora[0].queries
    assert [step.pairs for step in steps] == [queries * 20] * 3
    reranker = next(model for model in plan.models if model.model.name == "bge-reranker-v2-m3")
    assert reranker.to_do[1] == pytest.approx(sum(step.tokens[1] for step in steps))
    documents = {step.view: step for step in plan.embeddings if step.model == "stella-1.5b" and step.role == "document"}
    mean = documents["ta"].tokens[1] / documents["ta"].inputs
    assert 1.2 * mean < steps[0].tokens[1] / steps[0].pairs < 4 * mean


def test_planning_writes_nothing(landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(suite_text(landscape))
    work = tmp_path / "work"
    before = tree(landscape.parent)
    assert main(["plan", str(suite), "--workdir", str(work)]) == 0
    assert not work.exists()
    (work / "runs" / "other").mkdir(parents=True)
    kept = tree(work)
    assert main(["plan", str(suite), "--workdir", str(work), "--json", str(tmp_path / "plan.json")]) == 0
    assert tree(work) == kept
    assert tree(landscape.parent) == before
    data = json.loads((tmp_path / "plan.json").read_text())
    assert len(data["rank"]) == 27
    assert "MODELS" in capsys.readouterr().out


def test_a_generated_landscape_is_planned_without_a_copy_in_the_work_directory(tmp_path: Path) -> None:
    suite = resolve(
        parse_suite("name: g\nlandscapes: [{name: made, generate: {patents: 40}}]\nmodels: [minilm]\n", "g.yaml", [])
    )
    plan = make_plan(suite, str(tmp_path / "work"), None, read_estimates())
    assert (plan.corpora[0].patents, plan.corpora[0].exists) == (40, False)
    assert not (tmp_path / "work").exists()


def test_a_run_folder_with_another_suite_is_told(landscape: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "steps"
    run.mkdir(parents=True)
    (run / "suite.yaml").write_text("name: steps\nsplits: {salt: other}\n")
    plan = make_plan(suite_on(landscape), str(tmp_path), None, read_estimates())
    assert plan.run_state == "begun"
    assert "holds another suite" in plan.notes[-1]


def test_the_json_of_a_plan_holds_every_number_of_the_text(plan: Plan) -> None:
    data = json.loads(json.dumps(plan_data(plan)))
    assert [model["name"] for model in data["models"]] == ["minilm", "stella-1.5b", "bge-reranker-v2-m3"]
    assert data["models"][0]["counted"] is True
    assert data["models"][1]["vocabulary"]["name"] == "qwen"
    assert data["disk"]["written"] == plan.disk.written > 0


def test_every_estimate_in_the_text_has_a_source(plan: Plan) -> None:
    text = format_plan(plan)
    where = text.index("WHERE THE ESTIMATES COME FROM")
    used = [model.cost for model in plan.models if isinstance(model.cost, Cost)]
    for source in {cost.source for cost in used}:
        assert source in text[where:]
    assert "a range, not measured" in text[where:]
    assert "edit me" in text[where:]


@pytest.mark.parametrize("how", ["name", "path", "inside the root"])
def test_a_landscape_can_be_named_by_the_suite_by_its_path_or_inside_the_root(landscape: Path, how: str) -> None:
    text = f"name: x\nlandscapes_root: {landscape.parent}\nlandscapes: [{{path: here/mine, name: mine}}, {{path: b}}]\n"
    suite = parse_suite(text, "x.yaml", [])
    wanted = {"name": "mine", "path": str(landscape), "inside the root": "small"}[how]
    (entry,) = resolve(pick_landscapes(suite, [wanted])).landscapes
    assert entry.name == ("mine" if how == "name" else "small")
    assert pick_landscapes(suite, []) == suite


def test_a_landscape_that_is_nowhere_says_where_was_looked() -> None:
    suite = parse_suite("name: x\nlandscapes_root: /nowhere\nlandscapes: [{path: mine}]\n", "x.yaml", [])
    with pytest.raises(InputError, match=r"--landscape typo: not a landscape of the suite \(mine\).*/nowhere/typo"):
        pick_landscapes(suite, ["typo"])


def table(**changes: Any) -> Estimates:
    gpu = {"kind": "gpu", "peak_source": "here", "price_source": "here"}
    fields = {
        "vocabularies": [{"name": "v", "models": ["*"], "ratio": [1, 1, 1], "specials": 2, "source": "here"}],
        "accelerators": [
            {"name": "small", "memory_gib": 4, "peak_tflops": {"float32": 10}, "price_hour": 1, **gpu},
            {"name": "large", "memory_gib": 80, "peak_tflops": {"float32": 100}, "price_hour": 4, **gpu},
        ],
        "throughputs": [
            {"accelerator": "small", "up_to": 1e9, "tokens_per_s": [500, 1000, 2000], "weights": 22713216,
             "source": "measured"},
            {"accelerator": "*", "up_to": 1e12, "utilisation": [0.1, 0.2, 0.4], "source": "roofline"},
        ],
        "search": {"flops_per_core": 1e9, "source": "here"},
        "bytes": {"vector_factor": 1, "ranking_row": 1, "trec_row": 1, "evidence_row": 1, "source": "here"},
    }  # fmt: skip
    return Estimates.model_validate(fields | changes)


def test_measured_hours_are_tokens_over_speed_scaled_by_size() -> None:
    estimates, record = table(), find_record("minilm")
    tokens = (3.6e6, 7.2e6, 14.4e6)
    among = choose_accelerators(estimates, "small", 1)
    cost = plan_cost(record, tokens, GpuMemory(0, 0, 0), estimates, among, Prices())
    assert isinstance(cost, Cost)
    assert cost.hours == pytest.approx((0.5, 2.0, 8.0))
    assert cost.usd == pytest.approx((0.5, 2.0, 8.0))
    double = record.model_copy(update={"parameters": 2 * 22713216})
    twice = plan_cost(double, tokens, None, estimates, among, Prices(gpu_hour=10))
    assert isinstance(twice, Cost)
    assert twice.hours == pytest.approx((1.0, 4.0, 16.0))
    assert twice.usd == pytest.approx((10, 40, 160))
    assert twice.price_source == "the suite's prices"


def test_a_roofline_is_the_peak_times_its_share_over_two_operations_a_weight() -> None:
    estimates, record = table(), find_record("minilm")
    cost = plan_cost(record, (1e9,) * 3, None, estimates, choose_accelerators(estimates, "large", 1), Prices())
    assert isinstance(cost, Cost)
    assert cost.tokens_per_s == pytest.approx([share * 100e12 / (2 * 22713216) for share in (0.1, 0.2, 0.4)])


def test_the_cheapest_accelerator_that_holds_the_model_is_taken() -> None:
    estimates, record = table(), find_record("minilm")
    among = choose_accelerators(estimates, None, 1)
    free = plan_cost(record, (1e9,) * 3, GpuMemory(0, 0, 3 << 30), estimates, among, Prices())
    full = plan_cost(record, (1e9,) * 3, GpuMemory(0, 0, 5 << 30), estimates, among, Prices())
    over = plan_cost(record, (1e9,) * 3, GpuMemory(0, 0, 90 << 30), estimates, among, Prices())
    assert isinstance(free, Cost)
    assert isinstance(full, Cost)
    assert isinstance(over, Unplaced)
    hours = {name: 1e9 / speed / 3600 for name, speed in (("small", 1000.0), ("large", 0.2 * 100e12 / (2 * 22713216)))}
    assert free.accelerator == ("small" if hours["small"] < 4 * hours["large"] else "large")
    assert full.accelerator == "large"
    assert "90.0 GiB" in over.reason


def test_the_memory_of_a_plan_is_that_of_its_batches(landscape: Path, tmp_path: Path) -> None:
    suite = suite_on(landscape, "embedding.gpus=1", "embedding.tokens_per_batch=1234")
    plan = make_plan(suite, str(tmp_path), None, read_estimates())
    for model in plan.models:
        assert model.memory == gpu_bytes(model.model.record, 1234)


def test_an_unknown_accelerator_names_those_of_the_table() -> None:
    with pytest.raises(InputError, match="tpu: not in the table of estimates; it has small, large"):
        choose_accelerators(table(), "tpu", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vocabularies: [", "YAML"),
        ("vocabularies: []\naccelerators: []\nthroughputs: []\n", "missing"),
        ("surprise: 1\n", "unknown key"),
    ],
)
def test_a_wrong_table_of_estimates_is_told_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=r"mine\.yaml") as caught:
        read_estimates(str(tmp_path / "mine.yaml"))
    assert said in str(caught.value)


def test_planning_loads_neither_torch_nor_ray(landscape: Path, tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(f"name: x\nlandscapes: [{{path: {landscape}}}]\nmodels: [minilm, colbertv2]\n")
    code = (
        "import sys; from patray.cli import main; main(['plan', 'suite.yaml']); "
        "print('LOADED', *sorted(set(sys.modules) & {'torch', 'ray', 'transformers', 'vllm', 'faiss'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip().splitlines()[-1] == "LOADED"


@pytest.mark.slow
def test_the_studys_suite_is_planned_for_a_real_landscape(
    real_landscapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = read_suite(ROOT / "jobs" / "suites" / "paper.yaml")
    kinds = [find_record(str(entry.model)).kind for entry in suite.models]
    assert (kinds.count("dense"), kinds.count("late-interaction")) == (18, 3)
    arguments = ["--landscape", str(real_landscapes / "software"), "--workdir", str(tmp_path / "work")]
    assert main(["plan", os.fspath(ROOT / "jobs" / "suites" / "paper.yaml"), *arguments]) == 0
    text = capsys.readouterr().out
    for entry in suite.models:
        assert f"\n{entry.model} " in text
    assert "46,946" in text
    assert "CANNOT RUN" not in text
    assert not (tmp_path / "work").exists()
