"""Every fault of the schedule: the evidence is identical, what is done twice was in flight, nothing is left behind.

`make chaos` plays all of them, `make test` a few. A failure is played again with
`PATRAY_CHAOS_SEED=1 python -m pytest -m 'chaos or not chaos' tests/chaos/test_schedule.py -k NAME`. The table of
outcomes is printed at the end, and written to PATRAY_CHAOS_TABLE.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.arena import Arena, evidence, left_behind, open_arena, repeated
from tests.chaos.faults import Trial
from tests.chaos.schedule import FAULTS, Fault, schedule, seed
from tests.s3_server import S3Server

pytestmark = pytest.mark.slow
NODES = 2
HEAD = "| fault | phase | seed | outcome | done twice |\n|---|---|---|---|---|\n"


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    rows: list[str] = []
    yield rows
    text = HEAD + "".join(sorted(rows))
    print(f"\n{text}")
    if os.environ.get("PATRAY_CHAOS_TABLE"):
        Path(os.environ["PATRAY_CHAOS_TABLE"]).write_text(text)


@pytest.fixture(scope="module")
def arena(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with open_arena(tmp_path_factory.mktemp("arena")) as opened:
        opened.grow(NODES)
        yield opened


def cases() -> list[Any]:
    return [
        pytest.param(fault, id=fault.name, marks=[] if fault.short else [pytest.mark.chaos])
        for fault in schedule(seed())
    ]


@pytest.mark.parametrize("fault", cases())
def test_a_fault_changes_no_number_and_wastes_no_more_than_was_in_flight(
    fault: Fault, arena: Arena, tmp_path: Path, table: list[str], s3: S3Server
) -> None:
    arena.grow(NODES)
    workdir = tmp_path / "work"
    workdir.mkdir()
    trial = Trial(arena, random.Random(f"{seed()}/{fault.name}"), workdir, fault.suite, s3)
    wanted = arena.undisturbed(fault.suite)
    if not fault.fresh:
        there = arena.folder / f"undisturbed-{fault.suite}"
        shutil.copytree(there, workdir, ignore=shutil.ignore_patterns("runs"), dirs_exist_ok=True)
    outcome = fault.play(trial, fault.phase)
    store = arena.stores.get(workdir, trial.store)
    assert evidence(store).equals(wanted)
    waste = repeated(store)
    assert outcome.least <= waste <= outcome.allowed
    assert left_behind(store) == []
    table.append(f"| {fault.what} | {fault.phase} | {seed()} | {outcome.words} | {waste} |\n")


def test_a_schedule_is_the_same_for_the_same_seed_and_holds_every_fault() -> None:
    assert schedule(3) == schedule(3)
    assert schedule(3) != schedule(4)
    assert sorted(fault.name for fault in schedule(5)) == sorted({fault.name for fault in FAULTS})
