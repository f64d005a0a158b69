#!/usr/bin/env bash
# rank_bm25's BM25Okapi: a word of half the documents weighs nothing, a word of every document weighs more. Weights below 0
# become a quarter of the mean weight; exactly 0 is not below 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q rank-bm25==0.2.2 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

from rank_bm25 import BM25Okapi

print({name: version(name) for name in ("rank-bm25", "numpy")})
documents = [["device", "pump" if n % 2 else "valve", f"part{n}"] for n in range(10)]
index = BM25Okapi(documents)
scores = {word: float(index.get_scores([word])[1]) for word in ("part1", "pump", "device")}
print("weights", {word: round(float(index.idf[word]), 4) for word in scores}, "scores of a document with all three", scores)
assert scores["part1"] > scores["device"] > scores["pump"] == 0, "the behaviour has changed"
PY
