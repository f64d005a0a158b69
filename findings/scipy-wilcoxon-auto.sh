#!/usr/bin/env bash
# scipy 1.17: wilcoxon(method="auto") with ties or zeros is exact to 13 pairs (all sign flips) and the normal
# approximation from 14 on; without either it is exact to 50. A p value may jump between 13 and 14 pairs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q scipy==1.17.1 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import numpy as np
import scipy
from scipy.stats import wilcoxon

print({"scipy": scipy.__version__, "numpy": np.__version__})
rng = np.random.default_rng(0)
for n in (13, 14, 50, 51):
    kinds = {"no ties": rng.normal(0.3, 1, n), "ties": rng.integers(1, 4, n) * rng.choice([-1.0, 1.0], n)}
    for name, values in kinds.items():
        auto, normal = (wilcoxon(values, method=method).pvalue for method in ("auto", "asymptotic"))
        is_normal = bool(np.isclose(auto, normal, rtol=1e-12))
        print(f"{n} pairs, {name}: auto {auto:.6f}, normal {normal:.6f}{' (the same)' if is_normal else ''}")
        assert is_normal == (n > {"no ties": 50, "ties": 13}[name]), "the behaviour has changed"
PY
