#!/usr/bin/env bash
# DuckDB reads vectors of fixed size from an Arrow table as FLOAT[4] and from a Parquet file of the same table as FLOAT[]: its
# vector functions take the one and refuse the other. What it writes itself from FLOAT[4] has no fixed size any more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q duckdb==2.0.1 pyarrow==26.0.1 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

print({"duckdb": duckdb.__version__, "pyarrow": pa.__version__, "numpy": np.__version__})
values = pa.array(np.eye(4, dtype=np.float32)[:3].ravel())
table = pa.table({"id": ["a", "b", "c"], "vector": pa.FixedSizeListArray.from_arrays(values, 4)})
answers = {}
with tempfile.TemporaryDirectory() as folder:
    given, copied = (str(Path(folder) / name) for name in ("given.parquet", "copied.parquet"))
    pq.write_table(table, given)
    assert pq.read_table(given).schema.equals(table.schema)
    for name, source in {"table": "table_", "file": f"'{given}'"}.items():
        database = duckdb.connect()
        database.register("table_", table)
        kind = database.sql(f"SELECT typeof(vector) FROM {source} LIMIT 1").fetchall()[0][0]
        query = f"SELECT id, array_cosine_similarity(vector, [1, 0, 0, 0]::FLOAT[4]) FROM {source} ORDER BY id"
        try:
            answers[name] = kind, database.sql(query).fetchall()
        except duckdb.BinderException as error:
            answers[name] = kind, type(error).__name__
        print(name, *answers[name])
    duckdb.connect().sql(f"COPY (SELECT id, vector::FLOAT[4] AS vector FROM '{given}') TO '{copied}'")
    written = pq.read_schema(copied).field("vector").type
    print("written by DuckDB from FLOAT[4]:", written)
assert answers["table"] == ("FLOAT[4]", [("a", 1.0), ("b", 0.0), ("c", 0.0)]), "the behaviour has changed"
assert answers["file"] == ("FLOAT[]", "BinderException") and pa.types.is_list(written), "the behaviour has changed"
PY
