#!/usr/bin/env bash
# tantivy keeps the length of a text in one byte. For long texts BM25 sees steps of a tenth: patents of 10,300 and 11,200
# words with one word in common have equal scores, which tie; those of 20 and 21 words differ.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q tantivy==0.27.0 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import tantivy

print({"tantivy": version("tantivy")})
schema = tantivy.SchemaBuilder().add_text_field("text").add_integer_field("words", stored=True).build()
index = tantivy.Index(schema)
writer = index.writer(heap_size=100_000_000, num_threads=1)
sizes = (20, 21, 10_100, 10_300, 10_700, 11_200, 11_400)
for size in sizes:
    writer.add_document(tantivy.Document(text=["pump" + " part" * (size - 1)], words=size))
writer.commit()
writer.wait_merging_threads()
index.reload()
searcher = index.searcher()
scores = {searcher.doc(at)["words"][0]: score for score, at in searcher.search(index.parse_query("pump", ["text"]), 20).hits}
for size in sizes:
    print(f"{size} words: {scores[size]:.6f}")
assert scores[20] > scores[21] and scores[10_300] == scores[10_700] == scores[11_200], "the behaviour has changed"
assert scores[10_100] > scores[10_300] and scores[11_200] > scores[11_400], "the behaviour has changed"
PY
