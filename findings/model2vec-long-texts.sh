#!/usr/bin/env bash
# model2vec cuts a text at max_length (512) times the median length of a token *letters*, before it counts tokens. With words
# longer than that median, a text of far fewer than 512 tokens loses its end, in silence.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q model2vec==0.10.0 tokenizers==0.23.3 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from model2vec import StaticModel
from tokenizers import Tokenizer, models, pre_tokenizers

print({name: version(name) for name in ("model2vec", "tokenizers", "numpy")})
words = ["[UNK]", "pump", "seal", "gear", "electromagnetically", "semiconductor"]
tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
model = StaticModel(np.eye(len(words), dtype=np.float32), tokenizer)
share = {}
for word in ("gear", "electromagnetically"):
    text = " ".join([word] * 300 + ["semiconductor"])
    assert len(tokenizer.encode(text)) == 301
    for limit in (512, None):
        share[word, limit] = float(model.encode([text], max_length=limit)[0, words.index("semiconductor")])
        print(f"300 times {word!r} and a last word, max_length {limit}: share of the last word {share[word, limit]:.5f}")
print("median length of a token", model.median_token_length)
kept = {key for key, value in share.items() if value > 0}
assert kept == {("gear", 512), ("gear", None), ("electromagnetically", None)}, "the behaviour has changed"
PY
