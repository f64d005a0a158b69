"""That a head is gone, and that it is back, is said once each."""

import socket
from collections.abc import Iterator

import pytest

from patray.cluster.head import silence, watch_head


def listening(port: int = 0) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


def test_a_head_that_goes_and_comes_back_is_spoken_of_twice(capsys: pytest.CaptureFixture[str]) -> None:
    servers = [listening()]
    port = servers[0].getsockname()[1]
    looks = 0

    def wait(seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            servers.pop().close()
        if looks == 5:
            servers.append(listening(port))

    watch_head(f"127.0.0.1:{port}", lambda: looks < 8, wait)
    said = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(said) == 2
    assert f"the head of the Ray at 127.0.0.1:{port} does not answer" in said[0]
    assert "Ray waits 60 s" in said[0]
    assert "the same command goes on" in said[0]
    assert said[1].endswith("answers again")
    servers.pop().close()


def test_a_cluster_that_was_left_is_not_spoken_of(capsys: pytest.CaptureFixture[str]) -> None:
    with listening() as server:
        port = server.getsockname()[1]
    still: Iterator[bool] = iter([False])
    watch_head(f"127.0.0.1:{port}", lambda: next(still), lambda seconds: None)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("address", ["local", "auto", "", "head:port"])
def test_an_address_without_a_port_is_not_asked(address: str) -> None:
    assert silence(address) is None
