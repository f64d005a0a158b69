"""Faults of a cluster that an autoscaler grows: a spot node that was just brought is taken away again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import yaml

from tests.chaos.arena import Driver, kill, until
from tests.chaos.fake_autoscaler import Growing, growing_cluster
from tests.chaos.faults import Outcome, Trial, ends_well, standing_still

MOST = 3
"""Workers that the autoscaler may have at a time; a run begins with none."""


def lose_new_node(trial: Trial, phase: str) -> Outcome:
    """Two workers are lost of a run that asks for three actors where there is no worker.

    The second one as soon as it has joined; then, while others are brought, one whose actor has a window in flight.
    """
    with _growing(trial) as (cluster, driver):
        kill(until(lambda: _brought(cluster, driver), "a second worker"))
        actors = until(lambda: _at_work(trial, cluster, driver), "a window in flight")
        with standing_still(actors):
            every = len(trial.in_flight()) == len(actors)
            kill(actors[-1][1])
        said = ends_well(driver)
    assert "the autoscaler is asked for" in said, said
    return Outcome("went on; others were brought", 1, int(every))


@contextmanager
def _growing(trial: Trial) -> Iterator[tuple[Growing, Driver]]:
    folder = trial.workdir.parent / "growing"
    folder.mkdir()
    suite = yaml.safe_load(trial.arena.suites[trial.suite].read_text())
    suite["embedding"]["actors"] = {"min": MOST, "max": MOST}
    written = folder / "suite.yaml"
    written.write_text(yaml.safe_dump(suite))
    with growing_cluster(folder, 0, {"spot": {"resources": {"CPU": 1}, "max_workers": MOST}}) as cluster:
        driver = Driver(written, str(trial.workdir), RAY_ADDRESS=cluster.address)
        try:
            yield cluster, driver
        finally:
            if driver.process.poll() is None:
                driver.kill()


def _brought(cluster: Growing, driver: Driver) -> int | None:
    """The newest worker that has joined, once there are two."""
    assert driver.process.poll() is None, driver.said()
    joined = sum(node.state == 0 for node in _head(cluster).get_all_node_info().values()) - 1
    return cluster.raylets()[:joined][-1].pid if joined >= 2 else None


def _at_work(trial: Trial, cluster: Growing, driver: Driver) -> list[tuple[psutil.Process, int]]:
    """The encoder actors and their workers, the newest last, once a window is in flight."""
    assert driver.process.poll() is None, driver.said()
    found = []
    for raylet in cluster.raylets():
        with contextlib.suppress(psutil.NoSuchProcess):
            children = raylet.children(recursive=True)
            found += [(one, raylet.pid) for one in children if "_EncodeWindow" in " ".join(one.cmdline())]
    return found if trial.in_flight() else []


def _head(cluster: Growing) -> Any:
    from ray import _raylet

    return getattr(_raylet, "GcsClient")(cluster.address)  # noqa: B009 -- no types
