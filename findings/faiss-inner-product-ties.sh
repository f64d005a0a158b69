#!/usr/bin/env bash
# FAISS by inner product (cosine) on equal scores: the lowest ids get in, but stand in falling order, so the first three of
# five results are others than the three of three (recall@3 depends on how many were asked for). By L2 they do not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q faiss-cpu==1.15.1 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import faiss
import numpy as np

print({"faiss": faiss.__version__, "numpy": np.__version__})
vectors = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0)  # ten equal texts, four times
stable = {}
for kind in (faiss.IndexFlatIP, faiss.IndexFlatL2):
    index = kind(4)
    index.add(vectors)
    ids = {k: index.search(vectors[:1], k)[1][0].tolist() for k in (3, 5, 10)}
    print(kind.__name__, ids)
    stable[kind.__name__] = ids[5][:3] == ids[3] and ids[10][:5] == ids[5]
assert stable == {"IndexFlatIP": False, "IndexFlatL2": True}, "the behaviour has changed"
PY
