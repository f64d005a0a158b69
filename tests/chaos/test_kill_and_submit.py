"""The job is killed with SIGKILL while it embeds, or submitted to a cluster: the evidence is the same."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from patray.files import Folder
from patray.landscapes.generate import generate
from tests.chaos.killing import kill_with_children
from tests.chaos.several_nodes import OPEN, several_nodes
from tests.s3_server import S3Server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SUITE = """\
name: small
landscapes:
  - path: {landscape}
views: [ta]
models: [{{model: minilm, max_tokens: 48}}]
systems: [{{dense: minilm}}, {{lexical: bm25}}, {{linear: [minilm, bm25]}}]
tasks:
  classification: {{labels: [files], min_train: 3}}
  clustering: {{labels: [files], seeds: 2, min_class: 3}}
statistics: {{resamples: 500, flips: 500}}
"""
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chaos")
    generate(Folder.at(folder / "landscape"), seed=9, patents=1100, name="landscape")
    path = folder / "suite.yaml"
    path.write_text(SUITE.format(landscape=folder / "landscape"))
    return path


def start(suite: Path, workdir: Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "patray.cli", "run", str(suite), "--workdir", str(workdir)]
    return subprocess.Popen(
        command, cwd=ROOT, env={**CLEAN, **environment}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("undisturbed")
    _, said = start(suite, workdir).communicate(timeout=500)
    assert (workdir / "runs" / "small" / "report.html").is_file(), said
    return workdir / "runs" / "small" / "evidence.parquet"


@pytest.mark.parametrize("where", [{}, {"RAY_ADDRESS": "local"}], ids=["in-the-driver", "by-actors"])
def test_a_run_killed_while_embedding_goes_on_and_gives_the_same_evidence(
    where: dict[str, str], suite: Path, undisturbed: Path, tmp_path: Path
) -> None:
    job = start(suite, tmp_path, **where)
    embeddings = tmp_path / "embeddings"
    while not list(embeddings.rglob("patents-part-*.parquet")):
        with pytest.raises(subprocess.TimeoutExpired):
            job.communicate(timeout=0.05)
    kill_with_children(job)
    before = {
        path.name: path.stat().st_mtime_ns
        for path in embeddings.rglob("patents-part-*.parquet")
        if path.parent.name != "started"
    }
    assert not list(embeddings.rglob("artifact.json")), "it was killed too late to test anything"

    out, said = start(suite, tmp_path, **where).communicate(timeout=500)
    assert out.strip().endswith("report.html"), said
    told = re.search(r"resumed: (\d+) of (\d+) windows exist .* of which (\d+) were in flight", said)
    assert told is not None, said
    kept, windows, again = map(int, told.groups())
    assert kept == len(before) < windows
    assert again <= 4  # two actors, each with one window at work and one waiting
    after = {path.name: path.stat().st_mtime_ns for path in embeddings.rglob("patents-part-*.parquet")}
    assert {name: after[name] for name in before} == before
    assert pq.read_table(tmp_path / "runs" / "small" / "evidence.parquet").equals(pq.read_table(undisturbed))


def test_a_job_submitted_to_three_nodes_of_which_one_is_lost_gives_the_same_evidence_on_s3(
    suite: Path, undisturbed: Path, s3: S3Server
) -> None:
    environment, workdir = {**CLEAN, **OPEN}, s3.bucket() / "work"

    def embedding() -> bool:
        return any("patents-part-" in name for name in (workdir / "embeddings").walk() if "/started/" not in name)

    with several_nodes(1, 1, 1, dashboard=True) as nodes:
        submit = [str(Path(sys.executable).parent / "ray"), "job", "submit", "--address", nodes.dashboard]
        inside = [sys.executable, str(ROOT / "jobs" / "evaluate.py"), str(suite), "--workdir", workdir.uri]
        for _ in range(120):  # a head that just started has no job agent yet; it then refuses and says so
            job = subprocess.Popen(
                [*submit, "--working-dir", str(ROOT / "jobs"), "--", *inside], env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            while job.poll() is None and not embedding():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    job.wait(timeout=0.05)
            if job.poll() is None:
                os.kill(nodes.raylets[0], signal.SIGKILL)  # its workers end with it
            out, said = job.communicate(timeout=500)
            if "No available agent to submit job" not in said:
                break
        assert job.returncode == 0, out + said
        assert "on the Ray at" in out + said
    run = workdir / "runs" / "small"
    assert pq.read_table(run.input("evidence.parquet")).equals(pq.read_table(undisturbed))
    assert not workdir.temporary()
    assert not (workdir / "leases").walk()
