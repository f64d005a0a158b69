"""Opening a landscape's files so that every failure names the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from patray.errors import InputError
from patray.files import Folder
from patray.yaml_source import load_yaml

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@contextmanager
def _reading(file: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{file}: not a whole Parquet file (cut off, damaged or another format): {detail}") from error


@contextmanager
def open_parquet(folder: Folder, file: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file opened for streaming; raises InputError when it is absent, cut off or something else."""
    with folder.input(file) as stream:
        with _reading(f"{folder}/{file}"):
            parquet = pq.ParquetFile(stream, pre_buffer=False, buffer_size=1 << 20)
        yield parquet


def iterate(
    parquet: pq.ParquetFile, path: str, rows: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of at most `rows` rows. Only one batch and the compressed pages around it are in memory."""
    batches = parquet.iter_batches(batch_size=rows, columns=columns, use_threads=True)
    while True:
        with _reading(path):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def read_whole(folder: Folder, file: str) -> pa.Table:
    """A small Parquet file as one table."""
    with open_parquet(folder, file) as parquet, _reading(f"{folder}/{file}"):
        return parquet.read()


def read_description(source: Folder) -> dict[str, object]:
    """landscape.yaml as a dict, empty when the file is absent. Raises InputError with the line of what is wrong."""
    path = f"{source}/landscape.yaml"
    if not source.exists("landscape.yaml"):
        return {}
    try:
        value = load_yaml(source.read_text("landscape.yaml"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not valid UTF-8 at byte {error.start}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{path}{line}: not valid YAML: {problem}") from error
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(f"{path} line 1: wanted `key: value` lines (name, title, source, licence, notes)")
    return value


def landscape_name(source: Folder, description: dict[str, object], name: str | None) -> str:
    """The name asked for, else the one in landscape.yaml, else the folder's; checked, since it names folders."""
    if name is None and "name" in description and not isinstance(description["name"], str):
        raise InputError(
            f"{source}/landscape.yaml: name must be text, found {description['name']!r} "
            f"({type(description['name']).__name__}); put it in quotes"
        )
    chosen = name or str(description.get("name") or source.name)
    if not _NAME.fullmatch(chosen):
        raise InputError(
            f"{source}: landscape name {chosen!r} cannot name a folder; "
            f"allowed are letters, digits, '.', '_', '-' and '+', "
            "starting with a letter or digit"
        )
    return chosen
