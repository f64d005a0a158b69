"""Say in words that the cluster's head is gone: Ray 2.60 gives it a minute and then ends a driver without a word."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

from patray.progress import say, warn

REACHED_SECONDS = 10.0
LOOK_SECONDS = 2.0
GIVEN = "RAY_gcs_rpc_server_reconnect_timeout_s"
"""Ray's own setting, with which it ends whoever has not seen the head for so long; 60 where it is not set."""


def silence(address: str) -> OSError | None:
    """Why nobody answers at HOST:PORT; None where somebody does.

    `silence("127.0.0.1:6379")` is None while a head listens there. An address of another form is not asked.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return None
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED_SECONDS).close()
    except OSError as error:
        return error
    return None


def watch_head(address: str, joined: Callable[[], bool], wait: Callable[[float], object]) -> None:
    """Say once that the head at HOST:PORT does not answer, and once that it does again, for as long as it is joined."""
    gone = False
    while True:
        wait(LOOK_SECONDS)
        error = silence(address)
        if not joined():
            return
        if error and not gone:
            given = float(os.environ.get(GIVEN, "60"))
            warn(
                f"the head of the Ray at {address} does not answer ({error}). Ray waits {given:g} s for it and then "
                "ends this run; what is done is kept, and the same command goes on with it where a head is there"
            )
        elif gone and not error:
            say(f"the head of the Ray at {address} answers again")
        gone = error is not None


def begin_watch() -> None:
    """Watch the head of the cluster that this process has joined, beside all else, until it leaves."""
    import ray

    address = str(ray.get_runtime_context().gcs_address)

    def joined() -> bool:
        return ray.is_initialized() and ray.get_runtime_context().gcs_address == address

    name = f"patray-head-{address}"
    if any(thread.name == name for thread in threading.enumerate()):
        return  # the cluster was left and is joined again
    wait = threading.Event().wait
    threading.Thread(target=watch_head, args=(address, joined, wait), daemon=True, name=name).start()
