"""Writes a generated landscape: blocks of texts stream into one Parquet file, a block being a row group.

What lies in memory for the whole landscape are a few integers per document and the citation pairs; texts exist for one
block at a time. See `generate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from patray.files import Folder
from patray.landscapes import schema
from patray.landscapes.generate.citing import LINKS, Pairs, cite
from patray.landscapes.generate.damage import check_kinds, plant
from patray.landscapes.generate.draws import chance, keys
from patray.landscapes.generate.invention import OFFICES, Documents, invent, symbols
from patray.landscapes.generate.options import Options
from patray.landscapes.generate.taxonomy import AREAS, tree
from patray.landscapes.generate.text import Block, abstracts, claims, descriptions, titles
from patray.landscapes.records import IN, OUT

BLOCK = 4096
"""Documents per row group."""

# Ranges that no office has reached: the numbers are invented, and must not be mistaken for a real publication.
_PREFIX = ("US9", "EP9", "WO209", "JP209", "CN99", "KR10209", "DE10209")
_KIND = ("B2", "A1", "A1", "A", "A", "B1", "A1")

PATENTS = schema.arrow_schema(schema.DOCUMENTS, without=("dwpi_title", "dwpi_abstract"))
CITATIONS = schema.arrow_schema([one for one in schema.CITATIONS if one.name in ("citing_id", "cited_id", "origin")])
QRELS = schema.arrow_schema(schema.QRELS)
LABELS = schema.arrow_schema(schema.LABELS, without=("split",))


@dataclass(frozen=True)
class GeneratedTruth:
    """What is known of a generated landscape.

    patents: patent_id, family_id, invention (int32: equal for a family and for planted duplicates), topic (int32),
        area, product, second_product (null: none), technology; in file order.
    queries: the same for queries.parquet, no rows when there is none.
    citations: citing_id, cited_id, domain (int8, IN or OUT of `records`), link (why, one of `citing.LINKS`).
    qrels: query_id, patent_id, domain, link.
    duplicates: patent_id, duplicate_of: same text and office, other id and family, later date.
    damage: file, row, id, kind (see `damage.plant`). Row numbers and ids of damage are of the files as they lie there.
    """

    name: str
    patents: pa.Table
    queries: pa.Table
    citations: pa.Table
    qrels: pa.Table
    duplicates: pa.Table
    damage: pa.Table

    @property
    def cross_domain(self) -> float:
        """Share of the corpus's citations that cross domains; nan without any."""
        domain = self.citations["domain"].to_numpy()
        return float(np.mean(domain == OUT)) if len(domain) else float("nan")


def generate(
    destination: Folder,
    seed: int = 0,
    patents: int = 600,
    *,
    name: str = "assistive",
    queries: int = 0,
    cross_domain: float = 0.25,
    family_share: float = 0.2,
    duplicate_share: float = 0.01,
    combined_share: float = 0.15,
    citations: float = 4.0,
    vocabulary_overlap: float = 0.25,
    description: int = 3,
    damage: Sequence[str] = (),
) -> GeneratedTruth:
    """Write a landscape folder (patents, citations, labels/area, labels/product, landscape.yaml) and return its truth.

    The same arguments give the same tables, on every platform and for every release that does not say otherwise.
    patents: rows of patents.parquet. queries: documents outside the corpus, written to queries.parquet with
    qrels.parquet (none by default). cross_domain: share of citations between patents without a common 3-character IPC
    class. family_share: share of patents that publish an earlier one's invention at another office. duplicate_share:
    share that repeats another patent word by word. combined_share: inventions that join two products (several labels).
    citations: mean number per patent, an upper bound where the landscape is too small to offer them.
    vocabulary_overlap: probability that a concept appears under its plain name instead of any of its names; lower is
    harder. description: paragraphs. damage: kinds of `damage.KINDS` to plant afterwards.

    Raises InputError for a value out of range, ResourceError when the folder cannot be written.
    """
    options = Options(
        name, seed, patents, queries, cross_domain, family_share, duplicate_share, combined_share, citations,
        vocabulary_overlap, description,
    )  # fmt: skip
    check_kinds(damage)
    documents = invent(options, tree())
    ids = _ids(documents)
    pairs = cite(options, documents, tree())
    destination.make()
    in_corpus = pairs.citing < documents.corpus
    inside, outside = pairs.where(in_corpus), pairs.where(~in_corpus)
    corpus = documents.rows(slice(0, documents.corpus))
    _write_documents(destination, "patents.parquet", documents, ids, 0, documents.corpus, options)
    _write(destination, "citations.parquet", _citation_rows(inside, ids, seed), CITATIONS)
    (destination / "labels").make()
    _write(destination, "labels/area.parquet", _label_rows(corpus, ids, "area"), LABELS)
    _write(destination, "labels/product.parquet", _label_rows(corpus, ids, "product"), LABELS)
    if queries:
        _write_documents(destination, "queries.parquet", documents, ids, documents.corpus, len(documents), options)
        _write(destination, "qrels.parquet", _qrel_rows(outside, ids), QRELS)
    destination.write_text("landscape.yaml", _description(options))
    copies = np.flatnonzero(documents.duplicate_of >= 0)
    return GeneratedTruth(
        name=name,
        patents=_truth(documents, ids, 0, documents.corpus),
        queries=_truth(documents, ids, documents.corpus, len(documents)),
        citations=_truth_pairs(inside, ids, "citing_id", "cited_id"),
        qrels=_truth_pairs(outside, ids, "query_id", "patent_id"),
        duplicates=pa.table(
            {"patent_id": _take(ids, copies), "duplicate_of": _take(ids, documents.duplicate_of[copies])}
        ),
        damage=plant(destination, damage, seed),
    )


def _ids(documents: Documents) -> pa.StringArray:
    """(n,) publication numbers of invented ranges; the row makes them unique."""
    office = documents.office.astype(np.int64)
    serial = pc.utf8_lpad(pa.array(np.arange(len(documents))).cast(pa.string()), 7, "0")
    return pc.binary_join_element_wise(_take(pa.array(_PREFIX), office), serial, _take(pa.array(_KIND), office), "")


def _take(values: pa.Array, rows: np.ndarray) -> pa.Array:
    return values.take(pa.array(rows))


def _family_ids(documents: Documents) -> pa.StringArray:
    serial = pc.utf8_lpad(pa.array(documents.family.astype(np.int64)).cast(pa.string()), 8, "0")
    return pc.binary_join_element_wise("F", serial, "")


def _lists(values: pa.Array, ids: np.ndarray, has: np.ndarray) -> pa.ListArray:
    """Row-wise lists of values[ids] where has, each value once."""
    again = np.zeros_like(has)
    for column in range(1, ids.shape[1]):
        again[:, column] = ((ids[:, :column] == ids[:, column : column + 1]) & has[:, :column]).any(axis=1)
    kept = has & ~again
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), _take(values, ids[kept]))


def _write_documents(
    destination: Folder, file: str, documents: Documents, ids: pa.Array, first: int, end: int, options: Options
) -> None:
    def blocks() -> Iterator[pa.RecordBatch]:
        for start in range(first, end, BLOCK):
            part = slice(start, min(start + BLOCK, end))
            yield _block(documents.rows(part), ids.slice(part.start, part.stop - part.start), options)

    _write(destination, file, blocks(), PATENTS)


def _block(documents: Documents, ids: pa.Array, options: Options) -> pa.RecordBatch:
    words = tree()
    block = Block.of(documents, options.vocabulary_overlap)
    numbers, has = symbols(documents, words)
    codes = pa.array(words.symbols)
    return pa.RecordBatch.from_arrays(
        [
            ids,
            _family_ids(documents),
            _take(pa.array(OFFICES), documents.office),
            pa.array(documents.date, pa.int32()).cast(pa.date32()),
            titles(block),
            abstracts(block),
            claims(block),
            descriptions(block, options.description),
            _lists(codes, numbers, has),
            _cpc(codes, numbers, has),
        ],
        schema=PATENTS,
    )


def _cpc(codes: pa.Array, numbers: np.ndarray, has: np.ndarray) -> pa.ListArray:
    """The IPC symbols, the first one also one level deeper, as CPC has it."""
    deeper = pa.concat_arrays([codes, pc.binary_join_element_wise(codes, "5", "")])
    first = numbers[:, :1] + len(codes)
    return _lists(deeper, np.concatenate([numbers, first], axis=1), np.concatenate([has, has[:, :1]], axis=1))


def _write(destination: Folder, file: str, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> None:
    def stream(sink: pa.NativeFile) -> None:
        with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch, row_group_size=max(1, batch.num_rows))

    destination.publish(file, stream)


_PAIR_BLOCK = 1 << 20


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _PAIR_BLOCK, count)) for start in range(0, count, _PAIR_BLOCK))


def _citation_rows(pairs: Pairs, ids: pa.Array, seed: int) -> Iterator[pa.RecordBatch]:
    examiner = chance(keys(seed, "origin", len(pairs.citing)), "examiner", 0.6).astype(np.int64)
    for part in _parts(len(pairs.citing)):
        origin = _take(pa.array(["applicant", "examiner"]), examiner[part])
        columns = [_take(ids, pairs.citing[part]), _take(ids, pairs.cited[part]), origin]
        yield pa.RecordBatch.from_arrays(columns, schema=CITATIONS)


def _qrel_rows(pairs: Pairs, ids: pa.Array) -> Iterator[pa.RecordBatch]:
    for part in _parts(len(pairs.citing)):
        domain = _take(pa.array(["out", "in"]), (pairs.domain[part] == IN).astype(np.int64))
        relevance = pa.array(np.ones(len(domain), np.int32))
        columns = [_take(ids, pairs.citing[part]), _take(ids, pairs.cited[part]), relevance, domain]
        yield pa.RecordBatch.from_arrays(columns, schema=QRELS)


def _label_rows(documents: Documents, ids: pa.Array, kind: str) -> Iterator[pa.RecordBatch]:
    """One or two labels per patent: of its product and of the product that it is combined with."""
    words = tree()
    names = pa.array(AREAS if kind == "area" else words.products)
    for part in _parts(len(documents)):
        own, second = documents.product[part].astype(np.int64), documents.second[part].astype(np.int64)
        both = np.stack([own, np.maximum(second, 0)], axis=1)
        labels = words.product_area[both].astype(np.int64) if kind == "area" else both
        has = np.stack([np.ones(len(own), bool), second >= 0], axis=1)
        rows = ids.slice(part.start, part.stop - part.start)
        yield pa.RecordBatch.from_arrays([rows, _lists(names, labels, has)], schema=LABELS)


def _truth(documents: Documents, ids: pa.Array, first: int, end: int) -> pa.Table:
    words, rows = tree(), documents.rows(slice(first, end))
    second = pa.array(rows.second.astype(np.int64), mask=rows.second < 0)
    return pa.table(
        {
            "patent_id": ids.slice(first, end - first),
            "family_id": _family_ids(rows),
            "invention": rows.invention,
            "topic": rows.topic,
            "area": _take(pa.array(AREAS), words.product_area[rows.product]),
            "product": _take(pa.array(words.products), rows.product),
            "second_product": pa.array(words.products).take(second),
            "technology": _take(pa.array(words.technologies), rows.technology),
        }
    )


def _truth_pairs(pairs: Pairs, ids: pa.Array, left: str, right: str) -> pa.Table:
    link = _take(pa.array(LINKS), pairs.link)
    return pa.table(
        {left: _take(ids, pairs.citing), right: _take(ids, pairs.cited), "domain": pairs.domain, "link": link}
    )


def _description(options: Options) -> str:
    asked = {key: value for key, value in vars(options).items() if key != "name"}
    return yaml.safe_dump(
        {
            "name": options.name,
            "title": f"Assistive technology, {options.patents:,} invented patents (seed {options.seed})",
            "source": "patray's generator; no text, number or person in it is real",
            "licence": "CC0-1.0",
            "notes": "truth is known: see docs/generator.md; generated with " + repr(asked),
        },
        sort_keys=False,
        allow_unicode=True,
    )
