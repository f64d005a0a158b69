"""An S3 server on a free loopback port, by moto, that can be told to fail: for tests of stores."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from patray.files import Folder

Answer = tuple[str, str]
"""HTTP status line and S3's code of an error, such as ("503 Service Unavailable", "SlowDown")."""
Fault = Callable[[str, str], "Answer | float | None"]
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


class S3Server:
    """Serves until it is closed; `asked` holds all requests. `fault(method, path)` may answer in the server's place, or
    say for how many seconds the server thinks before it answers itself."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._fault: Fault | None = None
        self.asked: list[str] = []
        self._buckets = 0
        self._closing = threading.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def uri(self, path: str) -> str:
        return f"s3://{path}?endpoint_override={self.address}&scheme=http&region=us-east-1&allow_bucket_creation=true"

    def bucket(self) -> Folder:
        """A new, empty bucket."""
        self._buckets += 1
        return Folder.at(self.uri(f"bucket-{self._buckets}")).make()

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[list[str]]:
        """Within, `fault` is asked first; gives the list of the requests that it answered."""
        answered: list[str] = []

        def tell(method: str, path: str) -> Answer | float | None:
            found = fault(method, path)
            if found:
                answered.append(f"{method} {path}")
            return found

        self._fault = tell
        try:
            yield answered
        finally:
            self._fault = None

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
        self.asked.append(f"{method} {path}")
        found = self._fault(method, path) if self._fault else None
        if found is None or isinstance(found, float):
            self._closing.wait(found or 0.0)
            return self._app(environ, start)
        status, code = found
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>as a test asked</Message></Error>".encode()
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [b"" if method == "HEAD" else body]
