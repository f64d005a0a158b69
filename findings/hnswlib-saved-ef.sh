#!/usr/bin/env bash
# hnswlib's save_index does not keep `ef`, the width of the search: a loaded index searches with 10, in silence, and recall
# falls from 1.0 to below 0.5 here. A pickled index keeps it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q hnswlib==0.8.0 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import pickle
import tempfile
from importlib.metadata import version

import hnswlib
import numpy as np

print({name: version(name) for name in ("hnswlib", "numpy")})
rng = np.random.default_rng(0)
vectors, queries = (rng.normal(size=(n, 64)).astype(np.float32) for n in (5_000, 200))
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
nearest = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
index = hnswlib.Index("ip", 64)
index.init_index(len(vectors), random_seed=1)
index.add_items(vectors, num_threads=1)
index.set_ef(400)
loaded = hnswlib.Index("ip", 64)
with tempfile.NamedTemporaryFile() as file:
    index.save_index(file.name)
    loaded.load_index(file.name)
seen = {}
for name, one in {"built": index, "saved": loaded, "pickled": pickle.loads(pickle.dumps(index))}.items():
    ids = one.knn_query(queries, 10)[0]
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(nearest, ids, strict=True)])
    seen[name] = (one.ef, recall > 0.95)
    print(f"{name}: ef {one.ef}, recall@10 {recall:.3f}")
assert seen == {"built": (400, True), "saved": (10, False), "pickled": (400, True)}, "the behaviour has changed"
PY
