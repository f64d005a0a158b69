"""Run folders that several test files of the report read; each is built once."""

from __future__ import annotations

import pytest
from make_run import demo_run, hostile_run, large_run

from patray.files import Folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return demo_run(str(tmp_path_factory.mktemp("demo") / "run"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return hostile_run(str(tmp_path_factory.mktemp("hostile") / "run"))


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """22 models and five fusions in six views, on one landscape."""
    return large_run(str(tmp_path_factory.mktemp("large") / "run"), most=1)
