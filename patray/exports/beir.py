"""A landscape as a retrieval benchmark that BEIR's and mteb's own loaders read.

    corpus.jsonl   {"_id", "title", "text"}   every patent that may be ranked
    queries.jsonl  {"_id", "text"}            the query's view as one text
    qrels/SPLIT.tsv and qrels/SPLIT.jsonl     query-id, corpus-id, score: the first for BEIR, the second for mteb
    README.md                                 the configs that the Hub's and mteb's loaders look for

Those tools rank the query itself and its family where the corpus holds them; patray does not. The README says so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.files import Folder
from patray.landscapes.load import iter_sections, load_metadata
from patray.landscapes.truth import build_truth
from patray.landscapes.views import View, get_view, make_view, render

_README = """\
---
configs:
- config_name: corpus
  data_files:
  - split: corpus
    path: corpus.jsonl
- config_name: queries
  data_files:
  - split: queries
    path: queries.jsonl
- config_name: default
  data_files:
  - split: {split}
    path: qrels/{split}.jsonl
---

# {name}

{patents:,} patents, {queries:,} queries, {pairs:,} relevant pairs. Documents are the view `{view}`, queries the view
`{query_view}`. {inside:,} queries are patents of the corpus themselves: leave them and their family out of their own
rankings.
"""


_CORPUS_ALONE = """\
# {name}

A corpus without queries and qrels: the landscape has neither citations nor qrels. Documents are the view `{view}`.
"""


@dataclass(frozen=True)
class Exported:
    """How much was written."""

    patents: int
    queries: int
    pairs: int


def export_beir(
    prepared: Folder,
    destination: Folder,
    view: str | View = "ta",
    query_view: str | View | None = None,
    split: str = "test",
    direction: str = "cited",
    exclude_family: bool = True,
) -> Exported:
    """Write the clean copy `prepared` (of landscapes.validate.prepare) to `destination`.

    view, query_view: of documents and of queries (default: the same). A view that starts with the title gives it in
    `title`, the rest in `text`. direction, exclude_family: as in landscapes.truth.build_truth. A landscape with neither
    citations nor qrels gives its corpus alone.
    """
    documents = view if isinstance(view, View) else get_view(view)
    asked = documents if query_view is None else query_view
    queries = asked if isinstance(asked, View) else get_view(asked)
    metadata = load_metadata(prepared)
    rest = documents
    if documents.sections[0] == "title" and len(documents.sections) > 1:
        rest = make_view(f"{documents.name} without title", documents.sections[1:])

    def write_corpus(sink: pa.NativeFile) -> None:
        for batch in iter_sections(prepared, documents.sections):
            ids = batch.column("patent_id").to_pylist()
            titles = batch.column("title").to_pylist() if rest is not documents else [""] * len(ids)
            for one, title, text in zip(ids, titles, render(batch, rest), strict=True):
                sink.write(_line({"_id": one, "title": title or "", "text": text}))

    def write_queries(sink: pa.NativeFile) -> None:
        for which in ("queries", "patents"):
            outside = truth.query_in_corpus < 0
            wanted = pa.array(truth.query_ids[outside if which == "queries" else ~outside], pa.string())
            if which == "queries" and metadata.queries is None:
                continue
            for batch in iter_sections(prepared, queries.sections, which):
                chosen = batch.filter(pc.is_in(batch.column("patent_id"), value_set=wanted))
                for one, text in zip(chosen.column("patent_id").to_pylist(), render(chosen, queries), strict=True):
                    sink.write(_line({"_id": one, "text": text}))

    destination.publish("corpus.jsonl", write_corpus)
    if metadata.citations is None and metadata.qrels is None:
        destination.write_text("README.md", _CORPUS_ALONE.format(name=metadata.name, view=documents.name))
        return Exported(metadata.patents.num_rows, 0, 0)
    truth, _ = build_truth(metadata, direction=direction, exclude_family=exclude_family)
    destination.publish("queries.jsonl", write_queries)
    pairs = _pairs(truth.query_ids[truth.query], truth.patent_ids[truth.patent], truth.relevance)
    destination.write_text(
        f"qrels/{split}.tsv",
        "query-id\tcorpus-id\tscore\n" + "".join(f"{query}\t{patent}\t{score}\n" for query, patent, score in pairs),
    )
    destination.write_bytes(
        f"qrels/{split}.jsonl",
        b"".join(_line({"query-id": query, "corpus-id": patent, "score": score}) for query, patent, score in pairs),
    )
    result = Exported(len(truth.patent_ids), len(truth.query_ids), len(truth.query))
    destination.write_text(
        "README.md",
        _README.format(
            split=split,
            name=metadata.name,
            patents=result.patents,
            queries=result.queries,
            pairs=result.pairs,
            view=documents.name,
            query_view=queries.name,
            inside=int((truth.query_in_corpus >= 0).sum()),
        ),
    )
    return result


def _pairs(queries: np.ndarray, patents: np.ndarray, scores: np.ndarray) -> Sequence[tuple[str, str, int]]:
    return list(zip(queries.tolist(), patents.tolist(), scores.tolist(), strict=True))


def _line(record: dict[str, object]) -> bytes:
    return (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8")
