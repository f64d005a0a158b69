#!/usr/bin/env bash
# DuckDB's array_cosine_similarity gives nan for a vector of zeros (an empty text under a model of word vectors), and nan is
# the largest number in ORDER BY: the texts that say nothing come first in every search.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q duckdb==2.0.1 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import duckdb

print({"duckdb": duckdb.__version__})
database = duckdb.connect()
database.sql("CREATE TABLE texts (id VARCHAR, vector FLOAT[2])")
database.sql("INSERT INTO texts VALUES ('near', [1, 0.1]), ('far', [0, 1]), ('empty', [0, 0])")
found = database.sql(
    "SELECT id, array_cosine_similarity(vector, [1, 0]::FLOAT[2]) AS likeness FROM texts ORDER BY likeness DESC NULLS LAST"
).fetchall()
print(found)
assert [name for name, _ in found] == ["empty", "near", "far"] and found[0][1] != found[0][1], "the behaviour has changed"
PY
