#!/usr/bin/env bash
# ir-measures averages over the queries of the qrels, and a query without results counts 0; but NumQ and NumRel of the same
# call leave that query out. So a mean times NumQ is not the sum, and NumRelRet / NumRel is not the recall over all queries.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q ir-measures==0.4.3 pytrec-eval-terrier==0.5.11 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import ir_measures
from ir_measures import NumQ, NumRel, NumRelRet, P, R

print({name: version(name) for name in ("ir-measures", "pytrec-eval-terrier")})
qrels = {"q1": {"a": 1}, "q2": {"b": 1}}
found = ir_measures.calc_aggregate([P @ 1, R @ 10, NumQ, NumRel, NumRelRet], qrels, {"q1": {"a": 1.0}})
for measure, value in found.items():
    print(f"{str(measure):9} {value:.3f}")
assert found[P @ 1] == found[R @ 10] == 0.5, "the behaviour has changed"
assert found[NumQ] == found[NumRel] == found[NumRelRet] == 1, "the behaviour has changed"
PY
