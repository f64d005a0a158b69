#!/usr/bin/env bash
# bm25s leaves out words of one letter or digit, whatever stopwords are asked for: hepatitis B and hepatitis C, or vitamin D
# and vitamin K, are one query.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q bm25s==0.3.16 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import bm25s

print({name: version(name) for name in ("bm25s", "numpy")})
texts = ["hepatitis B vaccine", "hepatitis C vaccine", "compound of formula 1", "compound of formula 2", "vitamin B12", "5G"]
words = bm25s.tokenize(texts, stopwords=None, return_ids=False, show_progress=False)
for text, found in zip(texts, words, strict=True):
    print(f"{text!r}: {found}")
assert words[0] == words[1] and words[2] == words[3] and words[4] == ["vitamin", "b12"], "the behaviour has changed"
PY
