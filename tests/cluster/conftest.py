"""One local Ray for all cluster tests, and small landscapes to run on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from patray.cluster.pipeline import WindowPipeline
from patray.cluster.start import connect
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve
from patray.runs.suite import Suite

SUITE = """\
name: small
landscapes:
  - path: {landscape}
views: [ta, claim1]
models: [minilm]
systems:
  - dense: minilm
  - lexical: bm25
  - linear: [minilm, bm25]
  - rrf: [minilm, bm25]
tasks:
  classification: {{labels: [files], min_train: 3}}
  clustering: {{labels: [files], seeds: 2, min_class: 3}}
statistics: {{resamples: 500, flips: 500}}
embedding: {{stall_seconds: 300}}
exports: [trec, faiss]
"""


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    connect()
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def encodes_here() -> Iterator[None]:
    """Few texts are encoded in this process, as without Ray, though an earlier test left Ray up: for tests of other
    things than workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("patray.cluster.small.is_up", lambda: False)
        yield


@pytest.fixture(scope="module")
def without_ray() -> Iterator[None]:
    """All of it in this process, by the functions that workers run: for tests of other things than workers."""
    run = WindowPipeline.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WindowPipeline, "run", lambda self, rows, progress, here=False: run(self, rows, progress, True))
        for module in ("tasks", "growth", "meters", "small"):
            patch.setattr(f"patray.cluster.{module}.is_up", lambda: False)  # an earlier test may have left one up
        for module in ("execute", "rerank"):
            patch.setattr(f"patray.cluster.{module}.connect", lambda: None)
        patch.setattr("ray.get", lambda references: [one.value for one in references])
        yield


@pytest.fixture(scope="session")
def small_landscape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("landscapes") / "small"
    generate(Folder.at(path), seed=5, patents=150, name="small")
    return path


@pytest.fixture
def small_suite(small_landscape: Path) -> Suite:
    return make_suite(small_landscape)


def make_suite(landscape: Path, *assignments: str) -> Suite:
    """The resolved small suite on a landscape, with `key=value` changes."""
    return resolve(parse_suite(SUITE.format(landscape=landscape), "small.yaml", list(assignments)))
