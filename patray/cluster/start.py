"""Connect to the cluster that RAY_ADDRESS names, or start a local Ray of one's own; say in one line which it is."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from patray.cluster.head import begin_watch, silence
from patray.errors import ResourceError
from patray.progress import say

LONGEST_TEMP = 107 - len("/ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store.123456")
"""Letters of a temporary folder under which Ray can make its sockets, whose names may have 107."""
PIPELINE = "patray-pipeline"
"""Name of the threads that read what Ray Data makes."""
LEFT_SECONDS = 60.0
_one_at_a_time = threading.Lock()
NOISE = (
    b"SIGTERM handler is not set because",
    b"Set ray log level from environment variable",
)


def is_up() -> bool:
    """Whether this process is in a Ray cluster; looks without loading Ray."""
    ray = sys.modules.get("ray")
    # Another thread may be importing it just now: then it is not up yet.
    return ray is not None and bool(getattr(ray, "is_initialized", bool)())


def connect(*, dashboard: bool = False) -> None:
    """Join the cluster of RAY_ADDRESS (`ray job submit` sets it), else start a local Ray, never a stranger's.

    Says which: "patray: on a local Ray: 1 node, 2 CPUs, 0 GPUs". dashboard: whether a local Ray has one, which takes a
    second or two more. Raises ResourceError where nobody answers at RAY_ADDRESS, or where a local Ray does not start.
    """
    with _one_at_a_time:
        _connect(dashboard)


def leave() -> None:
    """Leave the cluster: all that this process began there ends. `connect` joins it again."""
    import ray

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # its threads would say at length that Ray is gone
    ray.shutdown()
    for thread in threading.enumerate():
        if thread.name == PIPELINE:
            thread.join(LEFT_SECONDS)


def _connect(dashboard: bool) -> None:
    import ray
    from ray._private import auto_init_hook

    if not ray.is_initialized():
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray will have it; it warns while unset
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        # Ray's C++ core prints advice about Ray Data's own actors as errors; a local Ray keeps its logs all the same.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        os.environ.setdefault("RAY_task_oom_retries", "3")  # it is without end; the error then says what to do
        # Else each run starts a process that gathers for Ray's makers what Ray Data does here.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        address = os.environ.get("RAY_ADDRESS") or "local"
        if address == "local":  # nothing drains a node of one's own; else each training starts a process that looks
            os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
        _require_answer(address)
        with _without_noise(), _own_sigterm():
            try:
                ray.init(
                    address=address,
                    include_dashboard=dashboard if address == "local" else None,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    runtime_env={"env_vars": {"TOKENIZERS_PARALLELISM": "false"}},
                    _temp_dir=_short_temp() if address == "local" else None,
                )
            except Exception as error:  # Ray 2.60 raises a bare one where a node does not answer within 30 s
                where = "a local Ray" if address == "local" else f"the Ray of RAY_ADDRESS={address}"
                raise ResourceError(f"{where} could not be started or joined: {error}") from error
        _require_own_cluster()
        # A thread of Ray's that outlives the cluster must start none; Ray reads its own setting when it is imported.
        auto_init_hook.enable_auto_connect = False
        say(f"on {_where(address)}")
        begin_watch()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)  # says that its bars are off, as asked


def _where(address: str) -> str:
    """The cluster in words: "the Ray of RAY_ADDRESS at 10.0.0.1:6379: 3 nodes, 24 CPUs, 2 GPUs"."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cpus, gpus = (sum(node.get(name, 0.0) for node in nodes) for name in ("CPU", "GPU"))
    name = "a local Ray" if address == "local" else f"the Ray at {ray.get_runtime_context().gcs_address} (RAY_ADDRESS)"
    return f"{name}: {len(nodes)} node{'s' * (len(nodes) != 1)}, {cpus:g} CPUs, {gpus:g} GPUs"


def _require_own_cluster() -> None:
    """ResourceError where this is a job's driver and the Ray that was joined is not the one that the job was given to.

    Ray 2.60 tells a job's driver the address that its head's folder holds, else that of any Ray that it finds on the
    machine (seen with heads that were not started by `ray start`).
    """
    import ray
    from ray.experimental.internal_kv import _internal_kv_get

    told = os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "")
    job = json.loads(told).get("metadata", {}).get("job_submission_id") if told else None
    if job is None or _internal_kv_get(f"_ray_internal_job_info_{job}", namespace="job"):
        return
    joined = ray.get_runtime_context().gcs_address
    ray.shutdown()
    raise ResourceError(
        f"the job {job} was given to one Ray, and its driver was told to join another, at {joined}, which does not "
        "know it: several Rays run on this machine, and Ray tells a job's driver of one that it finds there. End the "
        "others, or run the job's command with RAY_ADDRESS set to the right one."
    )


def _require_answer(address: str) -> None:
    """ResourceError in seconds for a head that is not there; Ray itself would try for minutes."""
    error = silence(address.removeprefix("ray://"))  # `local`, `auto`: found out by Ray, or refused by it at once
    if error:
        raise ResourceError(
            f"RAY_ADDRESS is {address}, but nobody answers there ({error}). Unset it to start a local Ray, or give the "
            "address that `ray start --head` printed."
        ) from error


def _short_temp() -> str | None:
    """Where a local Ray keeps its files, None for where it would: /tmp/ray where TMPDIR is too long for its sockets."""
    asked = os.environ.get("RAY_TMPDIR")
    folder = asked or tempfile.gettempdir()
    if len(os.path.join(folder, "")) - 1 <= LONGEST_TEMP:
        return None
    if asked:
        raise ResourceError(
            f"RAY_TMPDIR is too long for Ray's sockets ({len(asked)} letters, at most {LONGEST_TEMP}): {asked}. "
            "Set RAY_TMPDIR=/tmp."
        )
    if not os.access("/tmp", os.W_OK):
        raise ResourceError(
            f"TMPDIR is too long for Ray's sockets ({len(folder)} letters, at most {LONGEST_TEMP}): {folder}, and /tmp "
            "cannot be written. Set RAY_TMPDIR to a folder with a shorter name."
        )
    return "/tmp/ray"


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep what SIGTERM does in this process: Ray puts a handler of its own in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _without_noise() -> Iterator[None]:
    """Leave out the lines that Ray's C++ core writes past every logger; all else on stderr comes a moment later."""
    number = 2  # of the process, whatever Python's own stderr is
    sys.stderr.flush()
    kept = os.dup(number)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), number)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, number)
            os.close(kept)
            caught.seek(0)
            lines = [line for line in caught if not any(noise in line for noise in NOISE)]
            os.write(number, b"".join(lines))
