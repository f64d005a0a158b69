#!/usr/bin/env bash
# One call of ir-measures breaks ties in two ways: nDCG, P, AP, R and RR put the higher id first, RR@K and Judged@K the
# lower one. So RR@10 may be below RR where the first relevant document stands within the first two results.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q ir-measures==0.4.3 pytrec-eval-terrier==0.5.11 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import ir_measures
from ir_measures import AP, RR, P, R, nDCG

print({name: version(name) for name in ("ir-measures", "pytrec-eval-terrier")})
qrels = {"q1": {"b": 1}}
run = {"q1": {"a": 1.0, "b": 1.0}}
found = ir_measures.calc_aggregate([nDCG @ 10, P @ 1, AP, R @ 1, RR, RR @ 10], qrels, run)
for measure, value in found.items():
    print(f"{str(measure):8} {value:.3f}")
expected = {nDCG @ 10: 1.0, P @ 1: 1.0, AP: 1.0, R @ 1: 1.0, RR: 1.0, RR @ 10: 0.5}
assert all(abs(found[measure] - value) < 1e-9 for measure, value in expected.items()), "the behaviour has changed"
PY
