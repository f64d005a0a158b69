#!/usr/bin/env bash
# ranx keeps equal scores in the order in which they were handed over in lists of up to 15 results (its sort is by insertion
# there) and mixes them from 16 on. A test of ties on a short list says nothing about lists of 100.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q ranx==0.3.21 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")
from ranx import Qrels, Run, evaluate

print({name: version(name) for name in ("ranx", "numba", "numpy")})
kept = {}
for size in (2, 15, 16, 100):
    ids = [f"d{n:03}" for n in range(size)]
    run = Run({"q": dict.fromkeys(ids, 1.0)})
    ranks = [round(1 / evaluate(Qrels({"q": {one: 1}}), run, "mrr")) for one in ids]
    kept[size] = ranks == list(range(1, size + 1))
    print(f"{size} results of one score, handed over as 1, 2, 3 ...: ranks {ranks[:5]} ...")
assert kept == {2: True, 15: True, 16: False, 100: False}, "the behaviour has changed"
PY
