"""Parquet sources in batches of a fixed schema, whatever writer and nesting style they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from patray.errors import InputError
from patray.importers.csv_rows import check_header
from patray.importers.nested import conform
from patray.importers.source import SourceFile, locate

BATCH_ROWS = 4096


@dataclass(frozen=True)
class ParquetBlock:
    """table: rows. lines (n,): 1-based row number in the file."""

    table: pa.Table
    lines: np.ndarray


def open_parquet(file: SourceFile) -> pq.ParquetFile:
    """The file for reading; InputError when it is compressed as a whole, cut off or something else."""
    if file.compression:
        raise InputError(f"{file.label}: Parquet inside {file.compression}; unpack it, it is compressed already")
    filesystem, path = locate(file.uri)
    try:
        return pq.ParquetFile(filesystem.open_input_file(path), pre_buffer=False, buffer_size=1 << 20)
    except (pa.ArrowException, OSError) as error:
        detail = str(error).strip().splitlines()[0]
        raise InputError(
            f"{file.label}: not a whole Parquet file (cut off, damaged or another format): {detail}"
        ) from error


def row_group_ranges(file: SourceFile, size: int) -> list[tuple[int, int]]:
    """(first, last + 1) row groups of stretches of about `size` compressed bytes."""
    with open_parquet(file) as parquet:
        ranges, start, total = [], 0, 0
        for group in range(parquet.num_row_groups):
            total += parquet.metadata.row_group(group).total_byte_size
            if total >= size:
                ranges.append((start, group + 1))
                start, total = group + 1, 0
        if start < parquet.num_row_groups or not ranges:
            ranges.append((start, parquet.num_row_groups))
    return ranges


def read_parquet(
    file: SourceFile,
    schema: pa.Schema | None = None,
    start: int = 0,
    stop: int = 0,
    needed: Sequence[str] = (),
    columns: Sequence[str] | None = None,
) -> Iterator[ParquetBlock]:
    """Batches of row groups start..stop (stop 0: to the end).

    schema: columns to give, absent ones as null; None gives the file's own. needed: columns that must be there.
    """
    with open_parquet(file) as parquet:
        present = parquet.schema_arrow.names
        check_header(file.label, present, needed)
        wanted = [name for name in (schema.names if schema else columns or present) if name in present]
        stop = stop or parquet.num_row_groups
        line = 1 + sum(parquet.metadata.row_group(group).num_rows for group in range(start))
        batches = parquet.iter_batches(
            batch_size=BATCH_ROWS, row_groups=list(range(start, stop)), columns=wanted, use_threads=False
        )
        while True:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                table = pa.Table.from_batches([batch]) if schema is None else _conform(batch, schema)
            except (pa.ArrowException, OSError) as error:
                raise InputError(f"{file.label}, rows from {line}: cannot be read: {error}") from error
            yield ParquetBlock(table, np.arange(line, line + batch.num_rows))
            line += batch.num_rows


def _conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    columns = []
    for wanted in schema:
        if wanted.name not in batch.schema.names:
            columns.append(pa.nulls(batch.num_rows, wanted.type))
            continue
        try:
            columns.append(conform(batch.column(wanted.name), wanted.type))
        except pa.ArrowException as error:
            raise pa.ArrowInvalid(f"column {wanted.name!r}: {error}") from error
    return pa.table(columns, schema=schema)
