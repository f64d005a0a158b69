#!/usr/bin/env bash
# usearch, a batch of queries with fewer than k vectors to find: the rows are filled up with key 0, which is a key like any
# other, and distance nan. FAISS fills with -1. A single query returns a short list instead.
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
index = Index(ndim=4, metric="cos", dtype="f32")
index.add(np.array([7, 8]), np.eye(4, dtype=np.float32)[:2])
batch = index.search(np.eye(4, dtype=np.float32)[:2], 5)
single = index.search(np.eye(4, dtype=np.float32)[0], 5)
print("batch", batch.keys.tolist(), batch.distances.tolist(), "counts", batch.counts.tolist())
print("single", single.keys.tolist())
assert batch.keys[:, 2:].tolist() == [[0, 0, 0]] * 2 and batch.counts.tolist() == [2, 2], "the behaviour has changed"
assert 0 not in index and single.keys.tolist() == [7, 8], "the behaviour has changed"
PY
