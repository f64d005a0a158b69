"""A landscape as a plan sees it: its clean copy (found, or made in a scratch folder), its truth, its texts by digest
and their tokens. One pass over the texts serves every view and tokenizer; no text is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from patray.encoders.windows import ViewIndex, digests
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.landscapes.load import part_names, read_rows
from patray.landscapes.parts import open_parts
from patray.landscapes.positions import positions
from patray.landscapes.records import Truth
from patray.landscapes.validate import Prepared, is_prepared, prepare, read_prepared
from patray.landscapes.views import View, render
from patray.planning.tokens import TextCounter
from patray.runs.sources import clean_copy_folder, landscape_files, rows_per_part, source_folder
from patray.runs.suite import LandscapeEntry, Suite
from patray.steps.landscape import Landscape, open_landscape


@dataclass(frozen=True)
class Corpus:
    """exists: whether the clean copy stood in the store; else it was made in a scratch folder for the plan."""

    landscape: Landscape
    exists: bool
    source_bytes: int
    clean_bytes: int

    @property
    def name(self) -> str:
        return self.landscape.name

    @property
    def prepared(self) -> Prepared:
        return self.landscape.prepared

    @property
    def truth(self) -> Truth | None:
        return self.landscape.truth

    @property
    def patents(self) -> int:
        return self.landscape.metadata.patents.num_rows

    @property
    def queries(self) -> int:
        return 0 if self.truth is None else len(self.truth.query_ids)


@dataclass(frozen=True)
class Count:
    """Tokens that are wanted: of every text, or of the queries' alone, behind `prompt`, up to `limit` of them.

    Additive counters leave the prompt to the reader of the counts: `prompt` is "" for them.
    """

    counter: TextCounter
    prompt: str
    only_queries: bool
    limit: int

    @property
    def key(self) -> tuple[str, str]:
        return self.counter.key, self.prompt


Counts = dict[tuple[str, str], np.ndarray]
"""(tokenizer, prompt) -> (M,) int64 in the order of a ViewIndex: tokens of prompt and text without special tokens, -1
where they were not asked for."""


def open_corpus(entry: LandscapeEntry, suite: Suite, store: Folder, scratch: Folder) -> Corpus:
    """Find the clean copy in the store, or make it in `scratch`; the store is only read."""
    source = source_folder(entry, suite.landscapes_root, store)
    if entry.generate is not None and not source.exists("landscape.yaml"):
        source = scratch / "generated" / source.name
        generate(source, name=str(entry.name), **entry.generate.model_dump())
    files = landscape_files(source)
    folder = clean_copy_folder(entry, source, store)
    exists = is_prepared(folder)
    if exists:
        prepared = read_prepared(folder)
    else:
        rows = rows_per_part(open_parts(source, "patents.parquet").rows)
        copy = scratch / "landscapes" / str(entry.name)
        prepared = prepare(source, copy, str(entry.name), max_bad_share=entry.max_bad_share, rows_per_part=rows)
    return Corpus(
        landscape=open_landscape(prepared, suite),
        exists=exists,
        source_bytes=sum(source.size(name) for name in files),
        clean_bytes=_bytes_below(prepared.folder),
    )


def _bytes_below(folder: Folder) -> int:
    total = 0
    for name in folder.list():
        inside = folder / name
        total += _bytes_below(inside) if "." not in name else folder.size(name)
    return total


def read_texts(corpus: Corpus, views: Sequence[View], counts: Sequence[Count]) -> dict[str, tuple[ViewIndex, Counts]]:
    """For each view its index and the token counts of its texts."""
    folder = corpus.prepared.folder
    parts = part_names(folder, "patents") + part_names(folder, "queries")
    found: dict[str, list[_Part]] = {view.name: [] for view in views}
    for part in parts:
        for view, read in _read_part(corpus, part, [view.of(part) for view in views], counts):
            found[view.name].append(read)
    return {view.name: _joined(parts, found[view.name]) for view in views}


@dataclass(frozen=True)
class _Part:
    ids: np.ndarray
    digest: np.ndarray
    empty: np.ndarray
    counts: Counts


def _read_part(
    corpus: Corpus, part: str, views: Sequence[View], counts: Sequence[Count]
) -> Iterator[tuple[View, _Part]]:
    sections = list(dict.fromkeys(section for view in views for section in view.sections))
    table = read_rows(corpus.prepared.folder, part, sections)
    ids = np.asarray(table["patent_id"].to_pylist(), dtype=object)
    queries = np.zeros(len(ids), dtype=bool)
    if corpus.truth is not None:
        queries = positions(ids, corpus.truth.query_ids) >= 0
    by_section = {
        count.key: {section: _of_section(table, section, count) for section in sections}
        for count in counts
        if count.counter.additive
    }
    whole: dict[tuple[tuple[str, str], bytes], int] = {}
    for view in views:
        texts = render(table, view)
        digest = digests(texts)
        tokens: Counts = {}
        for count in counts:
            if count.counter.additive:
                tokens[count.key] = np.sum([by_section[count.key][section] for section in view.sections], axis=0)
            else:
                tokens[count.key] = _of_texts(texts, digest, count, queries, whole)
        yield view, _Part(ids, digest, np.array([not text for text in texts], dtype=bool), tokens)


def _of_section(table: pa.Table, section: str, count: Count) -> np.ndarray:
    return count.counter.count(render(table, View(section, (section,))), count.limit)


def _of_texts(
    texts: list[str],
    digest: np.ndarray,
    count: Count,
    queries: np.ndarray,
    known: dict[tuple[tuple[str, str], bytes], int],
) -> np.ndarray:
    """(n,) tokens of prompt + text; texts that another view of this part had are not counted again."""
    asked = np.flatnonzero(queries) if count.only_queries else np.arange(len(texts))
    names = [digest[i].tobytes() for i in asked]
    new = {name: i for name, i in zip(names, asked.tolist(), strict=True) if (count.key, name) not in known}
    if new:
        lengths = count.counter.count([count.prompt + texts[i] for i in new.values()], count.limit)
        known.update({(count.key, name): int(length) for name, length in zip(new, lengths, strict=True)})
    out = np.full(len(texts), -1, dtype=np.int64)
    out[asked] = [known[count.key, name] for name in names]
    return out


def _joined(parts: list[str], read: list[_Part]) -> tuple[ViewIndex, Counts]:
    sizes = [len(part.ids) for part in read]
    index = ViewIndex(
        parts=tuple(parts),
        ids=np.concatenate([part.ids for part in read]),
        digest=np.concatenate([part.digest for part in read]),
        empty=np.concatenate([part.empty for part in read]),
        part=np.repeat(np.arange(len(parts), dtype=np.int32), sizes),
        row=np.concatenate([np.arange(size, dtype=np.int32) for size in sizes]),
        external=np.repeat(np.array([part.startswith("queries") for part in parts]), sizes),
    )
    keys = read[0].counts if read else {}
    return index, {key: np.concatenate([part.counts[key] for part in read]) for key in keys}
