#!/usr/bin/env bash
# duckdb's JSON reader, which stops at malformed lines unless ignore_errors is set, reads lines that are no JSON: a comma
# before the closing bracket is passed over, in objects and in lists, also in a cast to JSON. Where a column is declared as
# text, an object or a list comes as its text. Python's json and pyarrow refuse the commas, pyarrow the other shapes too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q duckdb==2.0.1 pyarrow==26.0.0 2>/dev/null
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import io
import json

import duckdb
import pyarrow as pa
import pyarrow.json

print({"duckdb": duckdb.__version__, "pyarrow": pa.__version__})


def refused(read, *arguments):
    try:
        read(*arguments)
    except (ValueError, pa.ArrowInvalid, duckdb.Error):
        return True
    return False


def by_pyarrow(line):
    options = pyarrow.json.ParseOptions(explicit_schema=pa.schema([("a", pa.string())]))
    return pyarrow.json.read_json(io.BytesIO(line.encode() + b"\n"), parse_options=options)


def by_duckdb(line):
    with open("lines.jsonl", "w") as file:
        file.write(line + "\n")
    return duckdb.sql("SELECT a FROM read_ndjson('lines.jsonl', columns={'a': 'VARCHAR'})").fetchall()[0][0]


broken = {'{"a": "x",}': "x", '{"a": [1, 2,]}': "[1,2]", '{"a": {"b": 1,},}': '{"b":1}'}
for line, text in broken.items():
    print(f"{line}: duckdb reads {by_duckdb(line)!r}; json refuses: {refused(json.loads, line)}, pyarrow: {refused(by_pyarrow, line)}")
    assert by_duckdb(line) == text and refused(json.loads, line) and refused(by_pyarrow, line), "the behaviour has changed"
assert duckdb.sql("""SELECT '{"a": 1,}'::JSON ->> 'a'""").fetchall() == [("1",)]
assert refused(by_duckdb, '{"a": "x" "b": 1}') and refused(by_duckdb, '{"a": "x"} y'), "it reads anything"
for line, text in {'{"a": {"b": 1}}': '{"b":1}', '{"a": [1]}': "[1]"}.items():
    print(f"{line}: duckdb reads the text {by_duckdb(line)!r}; pyarrow refuses: {refused(by_pyarrow, line)}")
    assert by_duckdb(line) == text and refused(by_pyarrow, line), "the behaviour has changed"
PY
