#!/usr/bin/env bash
# ranx fuses after min-max normalisation by default, which gives the only result of a list 0 (as it does when all scores are
# equal): the one document that both systems found ends behind documents that one of them found.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q ranx==0.3.21 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")
from ranx import Run, fuse

print({name: version(name) for name in ("ranx", "numba", "numpy")})
exact, broad = {"x": 3.0}, {"y": 0.9, "z": 0.5, "x": 0.1}
fused = fuse(runs=[Run({"q": exact}), Run({"q": broad})], method="sum").to_dict()["q"]
print("default normalisation", {one: round(score, 4) for one, score in fused.items()})
assert fused["x"] == 0 and sorted(fused, key=fused.get, reverse=True) == ["y", "z", "x"], "the behaviour has changed"
PY
