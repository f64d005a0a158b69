#!/usr/bin/env bash
# pytrec_eval takes Python floats and ranks them as float32, as trec_eval does: ranks written as large whole scores, or close
# cosines, become ties, and the id decides. The higher score may come second.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pytrec-eval-terrier==0.5.11 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import pytrec_eval

print({"pytrec-eval-terrier": version("pytrec-eval-terrier")})
pairs = {"whole": (100_000_002.0, 100_000_001.0), "cosine": (0.98765434, 0.98765432), "far": (2.0, 1.0)}
found = {}
for name, (best, second) in pairs.items():
    evaluator = pytrec_eval.RelevanceEvaluator({"q": {"a": 1}}, {"recip_rank"})
    found[name] = evaluator.evaluate({"q": {"a": best, "b": second}})["q"]["recip_rank"]
    print(f"{name}: a {best!r}, b {second!r}, a alone relevant: reciprocal rank {found[name]}")
assert found == {"whole": 0.5, "cosine": 0.5, "far": 1.0}, "the behaviour has changed"
PY
