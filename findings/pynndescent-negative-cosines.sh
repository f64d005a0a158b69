#!/usr/bin/env bash
# PyNNDescent, metrics "cosine" and "dot": every vector with a similarity of zero or below has the distance 1, so distances
# never pass 1 (1 - cosine goes to 2), and those neighbours come in no order. The ones with a positive similarity are exact
# here. It shows where fewer of them exist than are asked for, as in a landscape of a few hundred patents at depth 100.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pynndescent==0.7.0 numba==0.68.1 numpy==2.4.6 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from pynndescent import NNDescent

print({name: version(name) for name in ("pynndescent", "numba", "numpy")})
random = np.random.default_rng(0)
vectors, queries = (random.standard_normal((n, 16)).astype(np.float32) for n in (200, 5))
vectors, queries = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (vectors, queries))
cosines = queries @ vectors.T
print("positive cosines of each query", (cosines > 0).sum(axis=1).tolist())
for metric in ("cosine", "dot"):
    ids, distances = NNDescent(vectors, metric=metric, n_neighbors=60, random_state=1).query(queries, k=190)
    recalls = {}
    for k in (50, 150):
        best = np.argsort(-cosines, axis=1)[:, :k]
        recalls[k] = float(np.mean([len(set(a) & set(b)) / k for a, b in zip(ids[:, :k], best, strict=True)]))
    real = 1 - np.take_along_axis(cosines, ids, axis=1)
    print(metric, "largest distance", float(distances.max()), "of real", round(float(real.max()), 3), "recall", recalls)
    negative = real > 1.001
    assert (distances[negative] == 1).all() and real.max() > 1.3, "the behaviour has changed"
    assert recalls[50] > 0.99 and recalls[150] < 0.97, "the behaviour has changed"
PY
