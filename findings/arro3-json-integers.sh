#!/usr/bin/env bash
# arro3's JSON reader, given a schema with a column of whole numbers, cuts fractions off and reads numbers out of strings,
# leading zeros dropped, without a word: 1.5 is 1, -0.9 is 0, "0012" is 12. pyarrow refuses each of these lines.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q arro3-core==0.9.1 arro3-io==0.9.1 pyarrow==26.0.0 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import io
from importlib.metadata import version

import pyarrow as pa
import pyarrow.json
from arro3.core import DataType, Field, Schema
from arro3.io import read_json

print({name: version(name) for name in ("arro3-io", "pyarrow")})
written = ['"0012"', "1.5", "-0.9", "7.0", "1e3"]
lines = b"".join(b'{"number": %s}\n' % text.encode() for text in written)
found = read_json(io.BytesIO(lines), Schema([Field("number", DataType.int64())])).read_all()
numbers = pa.table(found)["number"].to_pylist()
refused = []
for text in written:
    options = pyarrow.json.ParseOptions(explicit_schema=pa.schema([("number", pa.int64())]))
    try:
        pyarrow.json.read_json(io.BytesIO(b'{"number": %s}\n' % text.encode()), parse_options=options)
        refused.append(False)
    except pa.ArrowInvalid:
        refused.append(True)
for row in zip(written, numbers, refused, strict=True):
    print("written %s: arro3 reads %s, pyarrow refuses it: %s" % row)
assert numbers == [12, 1, 0, 7, 1000] and all(refused), "the behaviour has changed"
PY
