"""MiniLM by sentence-transformers and by vLLM through the whole job, and an engine that is killed on the way."""

import os
import signal
import threading
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from patray.cluster.execute import execute
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve
from patray.runs.suite import Suite

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray")]

SUITE = """\
name: engines
landscapes: [{{path: {landscape}}}]
views: [ta]
models: [minilm, {{name: minilm-vllm, model: minilm, engine: vllm}}]
systems: [{{dense: minilm}}, {{dense: minilm-vllm}}]
tasks: {{classification: null, clustering: null}}
statistics: {{resamples: 500, flips: 500}}
embedding: {{stall_seconds: 300}}
"""
VLLM_ALONE = """\
name: alone
landscapes: [{{path: {landscape}}}]
views: [ta]
models: [{{name: minilm-vllm, model: minilm, engine: vllm}}]
tasks: {{classification: null, clustering: null}}
statistics: {{resamples: 500, flips: 500}}
embedding: {{stall_seconds: 300, actors: {{max: 1}}}}
"""


def made(text: str, landscape: Path) -> Suite:
    return resolve(parse_suite(text.format(landscape=landscape), "engines.yaml", []))


@pytest.fixture(scope="module")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("landscapes") / "three-windows"
    generate(Folder.at(path), seed=5, patents=300, name="three-windows")
    return path


@pytest.fixture(scope="module")
def run(landscape: Path, local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return execute(made(SUITE, landscape), str(tmp_path_factory.mktemp("work")))


def test_both_engines_give_the_same_ndcg_and_the_comparison_sees_no_difference(run: Folder) -> None:
    summary = pd.read_parquet(f"{run}/summary.parquet")
    means = summary[(summary["slice"] == "all") & (summary["metric"] == "nDCG@10")].set_index("system")["mean"]
    assert means["minilm"] > 0.05
    assert means["minilm-vllm"] == pytest.approx(means["minilm"], abs=1e-4)
    compared = pd.read_parquet(f"{run}/comparisons.parquet")
    assert len(compared)
    assert (compared["p_adjusted"] > 0.05).all()
    assert (compared["diff"].abs() < 1e-4).all()


def test_the_provenance_says_what_each_engine_did(run: Folder) -> None:
    steps = [step for step in run.read_json("provenance.json")["steps"] if step["step"] == "embed"]
    assert {step["model"] for step in steps} == {"minilm", "minilm-vllm"}
    assert len({step["tokens"] for step in steps}) == 1  # both were given the same ids
    for step in steps:
        assert step["tokens_per_s"] > 0
        assert step["flops_per_s"] > 0
        assert step["mfu"] is None
        assert step["mfu_unknown"] == "no peak is known of cpu"


def test_an_engine_killed_in_a_window_is_started_again_and_nothing_is_lost(
    run: Folder, landscape: Path, tmp_path: Path
) -> None:
    found: list[Folder | BaseException] = []

    def work() -> None:
        try:
            found.append(execute(made(VLLM_ALONE, landscape), str(tmp_path)))
        except BaseException as error:
            found.append(error)

    job = threading.Thread(target=work)
    job.start()
    started = tmp_path / "embeddings"
    while len(list(started.rglob("started/*.parquet"))) < 2:  # one window is done, the engine is at the second
        job.join(timeout=0.02)
        assert job.is_alive(), found
    engines = [child for child in psutil.Process().children(recursive=True) if "EncodeWindow" in str(child.cmdline())]
    assert len(engines) == 1, engines
    os.kill(engines[0].pid, signal.SIGKILL)  # the engine core lives in its actor's process
    parts = [path for path in started.rglob("patents-part-*.parquet") if path.parent.name != "started"]
    assert len(parts) < 3, "it was killed too late to test anything"
    job.join(timeout=300)
    assert found
    assert isinstance(found[0], Folder), found[0]

    mine, theirs = (pq.read_table(f"{folder}/evidence.parquet").to_pandas() for folder in (found[0], run))
    theirs = theirs[theirs["system"] == "minilm-vllm"].reset_index(drop=True)
    mine = mine[mine["system"] == "minilm-vllm"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, theirs)
