#!/usr/bin/env bash
# A WordPiece tokenizer (BERT's kind) makes one [UNK] of a word of more than 100 letters, though its vocabulary could spell
# it: a sequence of 100 nucleotides costs up to 100 tokens, one of 101 or 5000 costs one and says nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q tokenizers==0.23.3 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

print({"tokenizers": version("tokenizers")})
letters = "abcdefghijklmnopqrstuvwxyz"
pieces = ["[UNK]", *letters, *("##" + letter for letter in letters)]  # can spell every word
tokenizer = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]"))
tokenizer.normalizer = normalizers.BertNormalizer()
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
tokens = {size: tokenizer.encode(("ACGT" * size)[:size]).tokens for size in (99, 100, 101, 5_000)}
for size, found in tokens.items():
    print(f"{size} nucleotides: {len(found)} token(s), {found[:4]}")
assert [len(found) for found in tokens.values()] == [99, 100, 1, 1], "the behaviour has changed"
assert tokens[101] == tokens[5_000] == ["[UNK]"], "the behaviour has changed"
PY
