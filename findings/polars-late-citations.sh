#!/usr/bin/env bash
# polars.read_ndjson settles types on the first 100 lines. A list that is empty in all of them (patents without citations)
# becomes list[null], and what later lists hold is replaced by null; a key that comes later is left out. No error, no warning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q polars==2.1.0 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import json
import tempfile

import polars

print({"polars": polars.__version__})
rows = [{"number": f"US{n}", "citations": []} for n in range(100)]
rows.append({"number": "US100", "citations": ["EP1", "EP2"], "family": "f1"})
with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
    file.write("\n".join(map(json.dumps, rows)))
    file.flush()
    default = polars.read_ndjson(file.name)
    whole = polars.read_ndjson(file.name, infer_schema_length=None)
for name, table in {"default": default, "infer_schema_length=None": whole}.items():
    print(name, table.schema, table.row(-1))
assert default.row(-1) == ("US100", [None]) or default.row(-1) == ("US100", [None, None]), "the behaviour has changed"
assert whole.row(-1) == ("US100", ["EP1", "EP2"], "f1"), "the behaviour has changed"
PY
