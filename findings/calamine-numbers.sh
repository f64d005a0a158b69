#!/usr/bin/env bash
# python-calamine reads every number of an .xlsx sheet as a float, a whole one too, where openpyxl gives an int: str() of a
# publication number ends in ".0" and joins with nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q python-calamine==0.9.1 openpyxl==3.1.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import tempfile
from importlib.metadata import version

import openpyxl
from python_calamine import CalamineWorkbook

print({name: version(name) for name in ("python-calamine", "openpyxl")})
book = openpyxl.Workbook()
book.active.append(["publication", 10123456])
with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
    book.save(file.name)
    one = CalamineWorkbook.from_path(file.name).get_sheet_by_index(0).to_python()[0][1]
    other = openpyxl.load_workbook(file.name).active["B1"].value
print("calamine", repr(one), "openpyxl", repr(other))
assert str(one) == "10123456.0" and str(other) == "10123456", "the behaviour has changed"
PY
