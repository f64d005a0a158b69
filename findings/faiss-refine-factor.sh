#!/usr/bin/env bash
# FAISS's "PQ8,RFlat" rescores candidates with the full vectors, but takes as many candidates as results (k_factor 1): it
# finds exactly the vectors that PQ8 finds, in another order. Recall@k does not move; it does when k_factor is raised.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q faiss-cpu==1.15.1 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import faiss
import numpy as np

print({"faiss": faiss.__version__, "numpy": np.__version__})
rng = np.random.default_rng(0)
vectors, queries = (rng.normal(size=(n, 64)).astype(np.float32) for n in (10_000, 100))
exact = faiss.IndexFlatL2(64)
exact.add(vectors)
nearest = exact.search(queries, 10)[1]
index = faiss.index_factory(64, "PQ8,RFlat")
index.train(vectors)
index.add(vectors)


def recall(ids):
    return np.mean([len(set(one) & set(other)) / 10 for one, other in zip(nearest, ids, strict=True)])


plain, refined = index.base_index.search(queries, 10)[1], index.search(queries, 10)[1]
print(f"k_factor {index.k_factor}: recall@10 {recall(plain):.3f} without, {recall(refined):.3f} with refinement")
same = (np.sort(plain) == np.sort(refined)).all()
index.k_factor = 10
wide = recall(index.search(queries, 10)[1])
print(f"k_factor {index.k_factor}: recall@10 {wide:.3f}")
assert same and wide > 1.5 * recall(refined), "the behaviour has changed"
PY
