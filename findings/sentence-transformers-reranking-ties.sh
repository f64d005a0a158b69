#!/usr/bin/env bash
# sentence-transformers' CrossEncoderRerankingEvaluator on equal scores: MRR puts the positives last (they come first in a
# sample, and argsort()[::-1] reverses equal scores), nDCG shares the gain among the tied. A model that gives one score to
# everything gets MRR 1 / (negatives + 1), not the mean over orders.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q sentence-transformers==6.2.0 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator

print({name: version(name) for name in ("sentence-transformers", "numpy", "scikit-learn")})
evaluator = CrossEncoderRerankingEvaluator([{"query": "q", "positive": ["p"], "negative": ["n1", "n2", "n3"]}], at_k=10)

# What its __call__ makes of a sample: the positives first, and here one score for every pair.
mrr, ndcg, ap = evaluator.compute_metrics([1, 0, 0, 0], np.ones(4, np.float32))
print(f"mrr@10 {mrr:.3f}, ndcg@10 {ndcg:.3f}, map {ap:.3f}")
assert abs(mrr - 0.25) < 1e-9 and ndcg > 0.6, "the behaviour has changed"
PY
