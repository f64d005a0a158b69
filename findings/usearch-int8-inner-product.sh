#!/usr/bin/env bash
# usearch with dtype="i8" stretches every vector to one length before it rounds, so metric "ip" ranks by cosine: the vector
# with the largest inner product comes last. float32 and float16 keep the lengths.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q usearch==2.26.6 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from usearch.index import Index

print({name: version(name) for name in ("usearch", "numpy")})
vectors = np.array([[0.1, 0, 0, 0], [0.2, 0.1, 0, 0], [0.9, 0.9, 0, 0]], np.float32)
query = np.array([0.5, 0, 0, 0], np.float32)
print("inner products", (vectors @ query).tolist())
order = {}
for kind in ("f32", "f16", "i8"):
    index = Index(ndim=4, metric="ip", dtype=kind)
    index.add(np.arange(3), vectors)
    order[kind] = index.search(query, 3).keys.tolist()
    print(kind, "order", order[kind], "stored", [index.get(key).tolist() for key in range(3)])
assert order == {"f32": [2, 1, 0], "f16": [2, 1, 0], "i8": [0, 1, 2]}, "the behaviour has changed"
PY
