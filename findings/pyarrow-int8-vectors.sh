#!/usr/bin/env bash
# Parquet knows no 8-bit integer: pyarrow writes a vector of int8 codes as 32-bit ones where dictionaries are off, and so
# quantised vectors take as much room as float32 ones. For float32 vectors it is dictionaries that make the file larger.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pyarrow==26.0.1 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

print({"pyarrow": pa.__version__, "numpy": np.__version__})
rng = np.random.default_rng(0)
floats = rng.normal(size=(1_000, 384)).astype(np.float32)
codes = rng.integers(-128, 128, size=floats.shape).astype(np.int8)
size = {}
for kind, values in {"float32": floats, "int8": codes}.items():
    table = pa.table({"vector": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])})
    for dictionary in (True, False):
        file = io.BytesIO()
        pq.write_table(table, file, use_dictionary=dictionary, compression="none")
        size[kind, dictionary] = file.tell() / values.size
        print(f"{kind}, use_dictionary={dictionary}: {size[kind, dictionary]:.2f} bytes a value")
assert size["int8", True] < 1.1 and size["int8", False] > 3.9, "the behaviour has changed"
assert size["float32", True] > 1.3 * size["float32", False], "the behaviour has changed"
PY
