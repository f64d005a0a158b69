#!/usr/bin/env bash
# bm25s's Tokenizer learns words from the first call alone (update_vocab="if_empty"): of a corpus that is tokenized in
# batches, every word that the first batch lacks is dropped without a word, and cannot be found.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q bm25s==0.3.16 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import bm25s
from bm25s.tokenization import Tokenizer

print({name: version(name) for name in ("bm25s", "numpy")})
batches = [["pump with a valve", "pump housing"], ["rotor blade", "rotor and pump"]]
found = {}
for update in ("if_empty", True):
    tokenizer, ids = Tokenizer(), []
    for batch in batches:
        more = {} if update == "if_empty" else {"update_vocab": update}  # "if_empty" is the default
        ids += tokenizer.tokenize(batch, return_as="ids", show_progress=False, **more)
    index = bm25s.BM25()
    index.index((ids, tokenizer.get_vocab_dict()), show_progress=False)
    found[update] = {word: int((index.get_scores([word]) > 0).sum()) for word in ("pump", "rotor")}
    print(update, "documents found:", found[update], "vocabulary:", sorted(tokenizer.get_vocab_dict()))
expected = {"if_empty": {"pump": 3, "rotor": 0}, True: {"pump": 3, "rotor": 2}}
assert found == expected, "the behaviour has changed"
PY
