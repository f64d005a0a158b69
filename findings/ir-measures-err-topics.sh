#!/usr/bin/env bash
# ir-measures' ERR (and nDCG with dcg="exp-log2") go through gdeval.pl, which knows topics that are plain numbers. `2-1` and
# `2-2` become topics 1 and 2 beside themselves, and the mean is halved without a word; `q1` is an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q ir-measures==0.4.3 pytrec-eval-terrier==0.5.11 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import subprocess
from importlib.metadata import version

import ir_measures
from ir_measures import ERR

print({"ir-measures": version("ir-measures")})
grades, scores = [{"a": 3, "b": 0}, {"a": 1, "b": 2}], {"a": 2.0, "b": 1.0}
found = {}
for topics in (("1", "2"), ("2-1", "2-2"), ("q1", "q2")):
    qrels = dict(zip(topics, grades, strict=True))
    run = dict.fromkeys(topics, scores)
    try:
        found[topics] = ir_measures.calc_aggregate([ERR @ 10], qrels, run)[ERR @ 10]
        print(topics, found[topics], [(one.query_id, one.value) for one in ir_measures.iter_calc([ERR @ 10], qrels, run)])
    except subprocess.CalledProcessError as error:
        found[topics] = None
        print(topics, type(error).__name__)
whole = found["1", "2"]
assert abs(found["2-1", "2-2"] - whole / 2) < 1e-6 and found["q1", "q2"] is None, "the behaviour has changed"
PY
