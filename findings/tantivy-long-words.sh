#!/usr/bin/env bash
# tantivy's tokenizers "default" and "en_stem" drop every word of 40 bytes or more, in documents and in queries: a sequence of
# 39 residues is found, one of 40 is not, and its query is parsed without an error into one that matches nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q tantivy==0.27.0 2>/dev/null
"$folder/env/bin/python" - <<'PY'
from importlib.metadata import version

import tantivy

print({"tantivy": version("tantivy")})
peptides = {
    "exenatide": "HGEGTFTSDLSKQMEEEAVRLFIEWLKNGGPSSGAPPPS",
    "amyloid beta 1-40": "DAEFRHDSGYEVHHQKLVFFAEDVGSNKGAIIGLMVGGVV",
}
found = {}
for tokenizer in ("default", "en_stem", "whitespace"):
    index = tantivy.Index(tantivy.SchemaBuilder().add_text_field("text", tokenizer_name=tokenizer).build())
    writer = index.writer(heap_size=20_000_000, num_threads=1)
    for name, residues in peptides.items():
        writer.add_document(tantivy.Document(text=[f"The peptide {residues} is {name} ."]))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    for residues in peptides.values():
        query = index.parse_query(residues, ["text"])
        found[tokenizer, len(residues)] = index.searcher().search(query, 10).count
        print(f"{tokenizer}, {len(residues)} residues: {found[tokenizer, len(residues)]} document(s), {query}")
lost = {key for key, count in found.items() if count == 0}
assert lost == {("default", 40), ("en_stem", 40)}, "the behaviour has changed"
PY
