#!/usr/bin/env bash
# sparse_dot_topn, the best `top_n` columns of each row of a sparse product, no threshold given: products of zero and below
# are left out although fewer than `top_n` remain, as with SVD vectors or any other with negative inner products. With
# `top_n` as large as the number of columns they are there, and with `sort=True` gone again: sorting changes what is found.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q sparse-dot-topn==1.2.0 scipy==1.17.0 numpy==2.4.6 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from scipy.sparse import csr_matrix
from sparse_dot_topn import sp_matmul_topn

print({name: version(name) for name in ("sparse-dot-topn", "scipy", "numpy")})
queries = csr_matrix(np.eye(2))
documents = csr_matrix(np.array([[-1.0, 1.0, 2.0], [1.0, -1.0, -2.0]]))


def found(**options: object) -> list[list[float]]:
    return sp_matmul_topn(queries, documents, **options).toarray().tolist()


two, bounded = found(top_n=2), found(top_n=2, threshold=-10.0)
three, ordered = found(top_n=3), found(top_n=3, sort=True)
print("two of three", two, "with a threshold of -10", bounded)
print("three of three", three, "sorted", ordered)
assert two == [[0, 1, 2], [1, 0, 0]] and bounded == [[0, 1, 2], [1, -1, 0]], "the behaviour has changed"
assert three == [[-1, 1, 2], [1, -1, -2]] and ordered == [[0, 1, 2], [1, 0, 0]], "the behaviour has changed"
PY
