#!/usr/bin/env bash
# faiss.Kmeans trains on at most 256 points a cluster, in silence, and `obj` is the sum over that sample alone. More clusters
# mean a larger sample: on one set of vectors `obj` rises with k while the true sum falls (an elbow curve is upside down).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q faiss-cpu==1.15.1 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import faiss
import numpy as np

print({"faiss": faiss.__version__, "numpy": np.__version__})
vectors = np.random.default_rng(0).normal(size=(20_000, 16)).astype(np.float32)
reported, true = [], []
for k in (2, 8, 32, 64):
    clusters = faiss.Kmeans(16, k, niter=10, seed=1)
    clusters.train(vectors)
    reported.append(float(clusters.obj[-1]))
    true.append(float(clusters.index.search(vectors, 1)[0].sum()))
    print(f"k {k}: obj {reported[-1]:.0f}, sum over all vectors {true[-1]:.0f}")
assert (np.diff(reported) > 0).all() and (np.diff(true) < 0).all(), "the behaviour has changed"
PY
