"""A model's vectors of one landscape and view, for other tools: one Parquet file, or a FAISS index with ids.

vectors.parquet   patent_id, vector (FixedSizeList float32, length 1), tokens, truncated
index.faiss       IndexFlatIP; ids.parquet: row, patent_id
vectors.json      the artifact's record: model, revision, prompt, role, what was truncated
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from patray.artifacts import RECORD, is_complete, read_record, read_seals
from patray.encoders.vectors import load_vectors, part_names
from patray.errors import InputError
from patray.files import Folder, parquet_options
from patray.search.faiss_file import write_parts

FORMATS = ("parquet", "faiss")
TOLD = ("prompt", "max_tokens", "dtype", "engine", "spans", "content")
"""Fields of an artifact's identity that are told where there are several."""
COLUMNS = ["patent_id", "vector", "tokens", "truncated"]


def find_vectors(store: Folder, landscape: str, view: str, model: str, role: str = "document", key: str = "") -> Folder:
    """The one finished artifact of a place in the work directory `store`.

    key: its name, where the model has several of that role (other texts or settings). Raises InputError that lists what
    there is when none or several fit.
    """
    place = store / "embeddings"
    for step, name in (("landscape", landscape), ("view", view), ("model", model)):
        if name not in place.list():
            known = ", ".join(place.list()) or "nothing"
            raise InputError(
                f"{place}: no {step} {name}; there is {known} (views with the same texts lie under the first of them)"
            )
        place = place / name
    found = {name: read_record(place / name)["identity"] for name in place.list() if is_complete(place / name)}
    fitting = [name for name, identity in found.items() if identity["role"] == role and key in ("", name)]
    if len(fitting) != 1:
        listed = "; ".join(_in_words(place / name, one) for name, one in found.items()) or "none"
        wanted = f"role {role}" + (f", key {key}" if key else "")
        raise InputError(
            f"{place}: {len(fitting)} artifacts of {wanted}, wanted one (--key, --role); there is {listed}"
        )
    return place / fitting[0]


def _in_words(artifact: Folder, identity: Mapping[str, Any]) -> str:
    """An artifact in a line to choose by: its key, what its record says of it, when it was made.

    Vectors of functions and of files have no prompt, limit or engine, and their `content` is that of the vectors.
    """
    says = [f"{field} {identity[field]!r}" for field in TOLD if identity.get(field) is not None]
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(artifact.file_times()[RECORD][1]))
    return f"{artifact.name}: {', '.join([identity['role'], *says, f'made {made}'])}"


def export_vectors(artifact: Folder, destination: Folder, form: str = "parquet") -> int:
    """Write the vectors of an artifact as 'parquet' (holds a part) or 'faiss' (holds the index); returns how many."""
    if form not in FORMATS:
        raise InputError(f"--format {form}: allowed are {', '.join(FORMATS)}")
    count = 0
    if form == "faiss":
        count = write_parts(destination, (load_vectors(artifact, [name]) for name in part_names(artifact)))
    else:

        def write(sink: pa.NativeFile) -> None:
            nonlocal count
            writer: pq.ParquetWriter | None = None
            seals = read_seals(artifact)
            for name in part_names(artifact):
                table = artifact.read_table(name, COLUMNS, seals.get(name)).replace_schema_metadata(None)
                writer = writer or pq.ParquetWriter(sink, table.schema, **parquet_options(table.schema))
                writer.write_table(table)
                count += table.num_rows
            if writer is None:
                raise InputError(f"{artifact}: this embedding artifact has no parts")
            writer.close()

        destination.publish("vectors.parquet", write)
    destination.write_json("vectors.json", {**read_record(artifact), "vectors": count})
    return count
