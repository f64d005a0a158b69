#!/usr/bin/env bash
# bm25s fills its k results with documents that share no word with the query, at score 0, in an order that the selection
# happens to leave. A query of unknown words alone gets k results: in an evaluation they count as retrieved.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q bm25s==0.3.16 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import bm25s

print({name: version(name) for name in ("bm25s", "numpy")})
index = bm25s.BM25()
index.index([["pump", "valve"]] * 2 + [["rotor", "blade"]] * 8, show_progress=False)
found = {}
for word in ("pump", "laser"):
    ids, scores = index.retrieve([[word]], k=4, show_progress=False)
    found[word] = set(ids[0][scores[0] == 0].tolist())
    print(word, ids[0].tolist(), scores[0].tolist(), "without a shared word:", sorted(found[word]))
assert [len(ids) for ids in found.values()] == [2, 4], "the behaviour has changed"
PY
