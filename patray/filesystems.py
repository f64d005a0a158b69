"""Filesystems by their URI, and what went wrong on them in words: a refusal at once, a bad moment tried again.

`s3://bucket/folder?endpoint_override=host:9000&scheme=http` is a folder like any other: what stands behind `?` says how
to reach the store, and stays behind it when a name is added.
"""

from __future__ import annotations

import errno
import io
import os
import random
import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.fs as pafs

from patray.errors import PatrayError, ResourceError

T = TypeVar("T")
PATIENCE = 30.0
"""Seconds for which a store may be busy or out of reach before that is an error."""
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 15.0
"""How long S3 may take to connect, and to send anything; pyarrow's own 3 seconds, 31 times, hide a slow store."""
PASSING = re.compile(
    r"SLOW_DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|THROTTL|REQUEST_TIMEOUT|NETWORK_CONNECTION|TooManyRequests"
    r"|\(HTTP status (?:429|500|502|503|504)\)|\b(?:429|503)\b|UNAVAILABLE|server is busy|[Tt]imed? ?out"
    r"|[Cc]onnection (?:reset|refused|aborted)|[Tt]emporarily"
)
REFUSED = re.compile(
    r"ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|UNRECOGNIZED_CLIENT|ExpiredToken|EXPIRED_TOKEN"
    r"|INVALID_CLIENT_TOKEN_ID|\(HTTP status 40[13]\)|UNAUTHENTICATED|PERMISSION_DENIED|AuthenticationFailed"
    r"|AuthorizationFailure|[Nn]o credentials|credentials"
)
NO_BUCKET = re.compile(r"NO_SUCH_BUCKET|Bucket '[^']*' not found|bucket does not exist|ContainerNotFound")
PASSING_NUMBERS = {errno.EAGAIN, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNREFUSED, errno.ESTALE, errno.EINTR}


def is_uri(place: str) -> bool:
    return "://" in place


def join(place: str, name: str) -> str:
    """`name` inside a local path or URI: join("s3://b/x?region=eu", "y z") is "s3://b/x/y%20z?region=eu"."""
    if not is_uri(place):
        return f"{place}/{name}"
    head, mark, query = place.partition("?")
    return f"{head.rstrip('/')}/{quote(name, safe='/!$&()*+,;=:@~')}{mark}{query}"


def parent_and_name(place: str) -> tuple[str, str]:
    """The folder around a local path or URI, and its last name: ("s3://b/x?region=eu", "y z") of the example above."""
    head, mark, query = place.partition("?") if is_uri(place) else (place, "", "")
    parent, _, name = head.rpartition("/")
    return f"{parent}{mark}{query}", unquote(name) if is_uri(place) else name


def shown(place: str) -> str:
    """A path or URI as a message may show it: without key and secret, and without how the store is reached."""
    if not is_uri(place):
        return place
    return re.sub(r"://[^/@?]+:[^@?]*@", "://***@", unquote(place.partition("?")[0]))


def locate(uri: str, problem: type[PatrayError]) -> tuple[pafs.FileSystem, str]:
    """Filesystem and path of a local path or URI; raises `problem` where it cannot be opened."""
    if not is_uri(uri):
        return pafs.LocalFileSystem(), os.path.abspath(os.path.expanduser(uri))
    head, mark, query = uri.partition("?")
    scheme, _, rest = head.partition("://")
    host, slash, path = rest.partition("/")
    absolute = scheme in ("file", "hdfs", "viewfs")
    try:
        filesystem, base = _open_root(f"{scheme}://{host}{'/' if absolute else ''}{mark}{query}")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ImportError, ValueError) as error:  # no URI, no such scheme
        raise problem(f"{shown(uri)}: cannot open this location: {error}") from error
    except OSError as error:
        raise problem(trouble(uri, "cannot open this location", error)) from error
    inside = unquote(path).strip("/") if not absolute else unquote(slash + path)
    return filesystem, (f"{base.rstrip('/')}/{inside}".rstrip("/") if base.strip("/") else inside) or "/"


@lru_cache(maxsize=64)
def _open_root(root: str) -> tuple[pafs.FileSystem, str]:
    """The filesystem of a host or bucket, opened once a process, and the path of its root."""
    try:
        filesystem, base = pafs.FileSystem.from_uri(root)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        if "nrecogni" not in str(error) and "compiled without" not in str(error):
            raise
        import fsspec  # schemes that pyarrow lacks; Ray brings it

        other, base = fsspec.core.url_to_fs(root)
        return pafs.PyFileSystem(pafs.FSSpecHandler(other)), base
    if isinstance(filesystem, pafs.S3FileSystem):
        settings = dict(filesystem.__reduce__()[1][0])
        settings.update(
            connect_timeout=CONNECT_SECONDS,
            request_timeout=ANSWER_SECONDS,
            background_writes=False,  # else all of a file would be copied into memory before it is sent
            retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=2),
        )
        filesystem = pafs.S3FileSystem(**settings)
    return filesystem, base


def publishes_at_close(filesystem: pafs.FileSystem) -> bool:
    """True for an object store: an object appears, whole, when its stream is closed, and has no other name before."""
    kind = str(filesystem.type_name)
    return kind in ("s3", "gcs", "abfs") or kind.removeprefix("py::fsspec+") in (
        "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "hf", "('gs', 'gcs')",
    )  # fmt: skip


def persistently(place: str, what: str, action: Callable[[], T]) -> T:
    """The action's result, tried again with growing pauses while the store is busy, for PATIENCE seconds at most.

    what: as it stands in the message, such as "could not be read". Raises ResourceError in words; FileNotFoundError
    passes through, for the caller to say.
    """
    begin, pause = time.monotonic(), 0.25
    while True:
        try:
            return action()
        except FileNotFoundError:
            raise
        except OSError as error:
            waited = time.monotonic() - begin
            if not may_pass(error) or waited + pause > PATIENCE:
                raise ResourceError(trouble(place, what, error, waited)) from error
        time.sleep(pause * random.uniform(0.75, 1.25))  # so that many workers do not come back together
        pause *= 2


class Patient(io.RawIOBase):
    """Reads a file of a store piece by piece, each asked for again while the store is busy, as `persistently` does."""

    def __init__(self, place: str, opened: pa.NativeFile) -> None:
        self._place, self._opened, self._at, self._size = place, opened, 0, int(opened.size())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._size - self._at if size is None or size < 0 else min(size, self._size - self._at)
        if wanted <= 0:
            return b""
        content: bytes = persistently(self._place, "could not be read", lambda: self._opened.read_at(wanted, self._at))
        self._at += len(content)
        return content

    def close(self) -> None:
        if not self.closed:
            self._opened.close()
        super().close()


def may_pass(error: OSError) -> bool:
    """Whether the same call may succeed in a moment."""
    if REFUSED.search(str(error)) or NO_BUCKET.search(str(error)):
        return False
    return error.errno in PASSING_NUMBERS or bool(PASSING.search(str(error)))


def trouble(place: str, what: str, error: BaseException, waited: float = 0.0) -> str:
    """One sentence on what a filesystem said, and what to do."""
    raw = " ".join(str(error).split())[:300]
    text = f"{shown(place)}: {what}: "
    if NO_BUCKET.search(raw):
        return f"{text}there is no such bucket; create it, or correct the name ({raw})"
    if REFUSED.search(raw):
        return (
            f"{text}the store refused the credentials; set those of someone who may read and write there (for S3 "
            f"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or the machine's role) ({raw})"
        )
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in raw:
        return f"{text}the disk is full, or its quota is; make room, and the same command goes on ({raw})"
    if isinstance(error, OSError) and may_pass(error):
        return (
            f"{text}the store was busy or out of reach for {waited:.0f} s; what is done is kept, and the same command "
            f"goes on ({raw})"
        )
    return text + raw


def storage_trouble(error: BaseException) -> ResourceError | None:
    """The error in words where a stream that was read on and on met a failing store; None for any other error."""
    if isinstance(error, OSError) and re.search(r"AWS Error|HTTP status|NETWORK_CONNECTION", str(error)):
        return ResourceError(trouble("storage", "could not be read or written", error))
    return None


def put_whole(filesystem: pafs.FileSystem, path: str, content: Any) -> None:
    """Store a buffer as one object by one write: nothing can come between that would publish a part of it."""
    sink = filesystem.open_output_stream(path)
    sink.write(content)
    sink.close()
