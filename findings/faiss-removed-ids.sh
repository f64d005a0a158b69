#!/usr/bin/env bash
# FAISS's IndexFlat has no holes: remove_ids moves every later vector down by one, so all higher ids mean other texts from
# then on. IndexIVFFlat with the same call keeps them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q faiss-cpu==1.15.1 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import faiss
import numpy as np

print({"faiss": faiss.__version__, "numpy": np.__version__})
vectors = np.random.default_rng(0).normal(size=(1_000, 8)).astype(np.float32)
found = {}
for kind in ("Flat", "IVF1,Flat"):
    index = faiss.index_factory(8, kind)
    index.train(vectors)
    index.add(vectors)
    removed = index.remove_ids(np.array([0, 10], np.int64))
    found[kind] = index.search(vectors[[5, 500]], 1)[1][:, 0].tolist()
    print(f"{kind}: {removed} removed, vectors 5 and 500 are found as {found[kind]}")
assert found == {"Flat": [4, 498], "IVF1,Flat": [5, 500]}, "the behaviour has changed"
PY
