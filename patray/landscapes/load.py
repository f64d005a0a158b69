"""Reading a clean copy: metadata for the driver, sections for the workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.reading import read_description
from patray.landscapes.records import Metadata
from patray.landscapes.schema import TEXT_COLUMNS
from patray.landscapes.validate import read_prepared

_METADATA = ("patent_id", "family_id", "jurisdiction", "date", "ipc", "cpc")


def read_metadata_table(prepared: Folder, which: str = "patents") -> pa.Table:
    """The non-text columns and SECTION_chars of 'patents' or 'queries', in part order (not sorted)."""
    return prepared.read_table("metadata.parquet" if which == "patents" else f"{which}-metadata.parquet")


def load_metadata(prepared: Folder) -> Metadata:
    """What the driver needs of a clean copy, patents and queries sorted by the bytes of their id.

    A patent without a family id is a family of its own: its family_id is its patent_id.
    """
    record = read_prepared(prepared)
    return Metadata(
        name=record.name,
        patents=_sorted(read_metadata_table(prepared)),
        queries=_sorted(read_metadata_table(prepared, "queries")) if "queries.parquet" in record.files else None,
        citations=prepared.read_table("citations.parquet") if "citations.parquet" in record.files else None,
        qrels=prepared.read_table("qrels.parquet") if "qrels.parquet" in record.files else None,
        labels={
            file.removeprefix("labels/").removesuffix(".parquet"): prepared.read_table(file)
            for file in record.files
            if file.startswith("labels/")
        },
        description=read_description(prepared),
    )


def _sorted(table: pa.Table) -> pa.Table:
    table = table.select(list(_METADATA))
    families = pc.coalesce(table["family_id"], table["patent_id"])
    table = table.set_column(table.column_names.index("family_id"), "family_id", families)
    return table.take(pc.sort_indices(table["patent_id"])).combine_chunks()


def part_names(prepared: Folder, which: str = "patents") -> list[str]:
    """Part files of 'patents' or 'queries' in order, as 'patents/part-00000.parquet'; empty when there are none."""
    return [f"{which}/{name}" for name in (prepared / which).list() if name.startswith("part-")]


def read_rows(
    prepared: Folder, part: str, sections: Sequence[str], rows: Sequence[int] | np.ndarray | slice | None = None
) -> pa.Table:
    """patent_id and the text columns that `sections` need, of one part file.

    part: a name from `part_names`. sections: see views.SECTIONS; claim1 and independent_claims read `claims`.
    rows: positions in the part, or a slice with step 1; None for all.
    """
    table = prepared.read_table(part, columns=["patent_id", *columns_of(sections)])
    if rows is None:
        return table
    if isinstance(rows, slice):
        start, stop, _ = rows.indices(table.num_rows)
        return table.slice(start, max(stop - start, 0))
    return table.take(pa.array(rows, pa.int64()))


def iter_sections(
    prepared: Folder, sections: Sequence[str], which: str = "patents", batch_rows: int = 2048
) -> Iterator[pa.RecordBatch]:
    """patent_id and the text columns that `sections` need, in part order, at most `batch_rows` rows at a time."""
    columns = ["patent_id", *columns_of(sections)]
    for part in part_names(prepared, which):
        with prepared.input(part) as stream:
            yield from pq.ParquetFile(stream).iter_batches(batch_size=batch_rows, columns=columns)


def columns_of(sections: Sequence[str]) -> list[str]:
    """The text columns that sections (or text columns themselves) are made from, each once."""
    derived = {"claim1": "claims", "independent_claims": "claims"}
    columns = [derived.get(section, section) for section in sections]
    unknown = [column for column in columns if column not in TEXT_COLUMNS]
    if unknown:
        raise InputError(f"unknown section {unknown[0]!r}; allowed are {', '.join([*TEXT_COLUMNS, *derived])}")
    return list(dict.fromkeys(columns))
