#!/usr/bin/env bash
# FAISS's SQ8 learns the range of every dimension from the training vectors, and later values outside are cut to it, in
# silence: vectors that are unlike the sample become one code, and a search cannot tell them apart. float16 (SQfp16) keeps them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q faiss-cpu==1.15.1 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import faiss
import numpy as np

print({"faiss": faiss.__version__, "numpy": np.__version__})
sample = np.random.default_rng(0).uniform(-0.1, 0.1, size=(10_000, 4)).astype(np.float32)
later = np.array([[0.9, 0.4, 0, 0], [0.2, 0.9, 0, 0]], np.float32)
apart = {}
for kind in ("SQ8", "SQfp16"):
    index = faiss.index_factory(4, kind, faiss.METRIC_INNER_PRODUCT)
    index.train(sample)
    index.add(later)
    kept = index.reconstruct_n(0, 2)
    apart[kind] = float(abs(kept[0] - kept[1]).max())
    print(kind, "kept", kept.round(3).tolist(), "scores", index.search(later[:1], 2)[0].round(3).tolist())
assert apart["SQ8"] == 0 and apart["SQfp16"] > 0.4, "the behaviour has changed"
PY
