"""Two hosts on this machine, each a network namespace of its own with a Ray node, and the one link between them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.arena import CLEAN, QUICK, kill, until

LINK = "hosts"
COUNT = (
    "from ray._raylet import GcsClient; print(sum(n.state == 0 for n in GcsClient('{}').get_all_node_info().values()))"
)


@dataclass(frozen=True)
class Hosts:
    """address: of the head; inside: what a command on the head's host begins with; host: its name."""

    address: str
    inside: tuple[str, ...]
    host: str

    def part(self) -> None:
        """From now on nothing that one host sends reaches the other, and neither is told so."""
        _ip("-n", self.host, "link", "set", LINK, "down")


@contextmanager
def two_hosts() -> Iterator[Hosts]:
    """A head and a worker of one CPU each; skips the test where no namespace can be made."""
    names = [f"patray-{os.getpid()}-{end}" for end in ("head", "worker")]
    if shutil.which("ip") is None or subprocess.run(["ip", "netns", "add", names[0]], capture_output=True).returncode:
        pytest.skip("hosts of the test's own need `ip netns add`: Debian's iproute2, and the right to it")
    _ip("netns", "add", names[1])
    ray, address = str(Path(sys.executable).parent / "ray"), "10.77.0.1:6379"
    common = ["--block", "--num-cpus=1"]
    nodes = [
        ["--head", "--port=6379", "--node-ip-address=10.77.0.1", "--include-dashboard=false", *common],
        [f"--address={address}", "--node-ip-address=10.77.0.2", *common],
    ]
    started: list[subprocess.Popen[bytes]] = []
    try:
        _ip("link", "add", LINK, "netns", names[0], "type", "veth", "peer", "name", LINK, "netns", names[1])
        for at, name in enumerate(names):
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "addr", "add", f"10.77.0.{at + 1}/24", "dev", LINK)
            _ip("-n", name, "link", "set", LINK, "up")
        inside = ("ip", "netns", "exec", names[0])
        for at, name in enumerate(names):
            command = ["ip", "netns", "exec", name, ray, "start", *nodes[at]]
            quiet = subprocess.DEVNULL
            started.append(
                subprocess.Popen(command, env=CLEAN | QUICK, stdout=quiet, stderr=quiet, start_new_session=True)
            )

            def joined(wanted: int = at + 1) -> bool:
                asked = [*inside, sys.executable, "-c", COUNT.format(address)]
                return subprocess.run(asked, capture_output=True, text=True).stdout.strip() == str(wanted)

            until(joined, f"node {at + 1}")
        yield Hosts(address, inside, names[0])
    finally:
        for process in started:
            kill(process.pid)
        for name in names:
            _ip("netns", "del", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
