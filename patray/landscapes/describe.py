"""What a person wants to know first about a landscape."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.cited_pairs import count_words
from patray.landscapes.claims import first_claims
from patray.landscapes.codes import SCHEMES, code_sets
from patray.landscapes.description import (
    CHARS_PER_TOKEN,
    TOKEN_LIMITS,
    Description,
    LabelSummary,
    SectionFill,
    SliceSize,
    TokenLength,
    format_description,
)
from patray.landscapes.labels import get_label_set, label_set_names
from patray.landscapes.load import iter_sections, load_metadata, read_metadata_table
from patray.landscapes.records import Metadata
from patray.landscapes.schema import TEXT_COLUMNS
from patray.landscapes.slices import make_slices
from patray.landscapes.truth import TruthCounts, build_truth
from patray.landscapes.validate import is_prepared, prepare, read_prepared
from patray.landscapes.views import BUILT_IN, render

__all__ = ["Description", "describe", "format_description"]

TOKEN_VIEWS = ("ta", "ta+claim1", "tac", "description")
CountTokens = Callable[[list[str]], Sequence[int]]
"""Texts to their number of tokens, untruncated."""


def describe(folder: Folder, count_tokens: CountTokens | None = None) -> Description:
    """Describe a landscape folder, or a clean copy of one. Bad rows are counted, however many there are.

    count_tokens: a tokenizer; without it tokens are estimated from characters.
    """
    if is_prepared(folder):
        return _describe(folder, count_tokens)
    with tempfile.TemporaryDirectory(prefix="patray-describe-") as directory:
        copy = Folder.at(directory)
        prepare(folder, copy, max_bad_share=1.0)
        return _describe(copy, count_tokens)


def _describe(folder: Folder, count_tokens: CountTokens | None) -> Description:
    record, metadata = read_prepared(folder), load_metadata(folder)
    table = read_metadata_table(folder)
    notes = list(record.notes)
    families = metadata.patents["family_id"].value_counts().flatten()
    largest = int(np.argmax(families[1].to_numpy()))
    dates = pc.min_max(table["date"])
    rules, tokens, duplicates = _read_texts(folder, metadata, count_tokens)
    truth, slices = _truth(metadata, notes)
    label_sets = tuple(_label_sets(metadata, notes))
    codes = {scheme: code_sets(table[scheme], "class", scheme) for scheme in SCHEMES}
    return Description(
        name=record.name,
        patents=table.num_rows,
        query_documents=metadata.queries.num_rows if metadata.queries is not None else 0,
        families=len(families[0]),
        without_family=table["family_id"].null_count,
        largest_family=(families[0][largest].as_py(), families[1][largest].as_py()),
        dates=(str(dates["min"].as_py()), str(dates["max"].as_py())) if dates["min"].is_valid else None,
        dated=table.num_rows - table["date"].null_count,
        offices=_frequencies(table["jurisdiction"]),
        sections=tuple(_fill(name, table[f"{name}_chars"].to_numpy()) for name in TEXT_COLUMNS),
        claim_rules=rules,
        with_codes={scheme: len(np.unique(sets.rows)) for scheme, sets in codes.items()},
        unknown_codes={scheme: (sets.unknown, sets.examples) for scheme, sets in codes.items() if sets.unknown},
        tokens=tokens,
        tokens_exact=count_tokens is not None,
        citations=metadata.citations.num_rows if metadata.citations is not None else None,
        qrels=metadata.qrels.num_rows if metadata.qrels is not None else None,
        cited=count_words(metadata),
        truth=truth,
        slices=slices,
        label_sets=label_sets,
        duplicates=duplicates[0],
        duplicates_across_families=duplicates[1],
        rows_read={file: count.read for file, count in record.files.items()},
        rows_dropped={file: count.dropped for file, count in record.files.items()},
        problems=record.reasons,
        notes=tuple(notes),
    )


def _frequencies(column: pa.ChunkedArray) -> tuple[tuple[str, int], ...]:
    counted = [(row["values"] or "unknown", row["counts"]) for row in column.value_counts().to_pylist()]
    return tuple(sorted(counted, key=lambda item: (-item[1], item[0])))


def _fill(name: str, chars: np.ndarray) -> SectionFill:
    filled = chars[chars > 0]
    if len(filled) == 0:
        return SectionFill(name, 0, 0, 0, 0)
    median, p95 = np.percentile(filled, [50, 95])
    return SectionFill(name, len(filled), round(median), round(p95), int(filled.max()))


def _read_texts(
    folder: Folder, metadata: Metadata, count_tokens: CountTokens | None
) -> tuple[dict[str, int], tuple[TokenLength, ...], tuple[int, int]]:
    """One pass over the texts: (claim rules, token lengths, (duplicates, duplicates across families))."""
    views = [BUILT_IN[name] for name in TOKEN_VIEWS]
    sections = list(dict.fromkeys(section for view in views for section in view.sections))
    rules: dict[str, int] = {}
    lengths: dict[str, list[np.ndarray]] = {view.name: [] for view in views}
    digests: list[bytes] = []
    ids: list[str] = []
    for batch in iter_sections(folder, sections):
        for rule, n in first_claims(batch.column("claims"))[1].items():
            rules[str(rule)] = rules.get(str(rule), 0) + n
        for view in views:
            texts = [text for text in render(batch, view) if text]
            if count_tokens is not None:
                counted = np.asarray(count_tokens(texts) if texts else [], dtype=np.int64)
            else:
                counted = np.ceil(np.array([len(text) for text in texts]) / CHARS_PER_TOKEN).astype(np.int64)
            lengths[view.name].append(counted)
        ids += batch.column("patent_id").to_pylist()
        for text in render(batch, BUILT_IN["ta"]):
            plain = " ".join(text.casefold().split())
            digests.append(hashlib.blake2b(plain.encode("utf-8"), digest_size=16).digest() if plain else b"")
    tokens = tuple(_tokens(view.name, np.concatenate(lengths[view.name])) for view in views)
    return rules, tokens, _duplicates(metadata, ids, digests)


def _tokens(view: str, lengths: np.ndarray) -> TokenLength:
    over = {limit: int((lengths > limit).sum()) for limit in TOKEN_LIMITS}
    if len(lengths) == 0:
        return TokenLength(view, 0, 0, 0, 0, over)
    median, p95 = np.percentile(lengths, [50, 95])
    return TokenLength(view, len(lengths), round(median), round(p95), int(lengths.sum()), over)


def _duplicates(metadata: Metadata, ids: list[str], digests: list[bytes]) -> tuple[int, int]:
    family_of = dict(
        zip(metadata.patents["patent_id"].to_pylist(), metadata.patents["family_id"].to_pylist(), strict=True)
    )
    first: dict[bytes, str] = {}
    copies = across = 0
    for patent, digest in zip(ids, digests, strict=True):
        family = family_of[patent]
        if digest and digest in first:
            copies += 1
            across += first[digest] != family
        elif digest:
            first[digest] = family
    return copies, across


def _truth(metadata: Metadata, notes: list[str]) -> tuple[TruthCounts | None, tuple[SliceSize, ...]]:
    try:
        truth, counts = build_truth(metadata)
    except InputError as error:
        notes.append(str(error))
        return None, ()
    said = count_words(metadata) if metadata.qrels is None else {}
    kinds = (("origins", {"origin"}), ("categories", {"category", "reliance"}))
    more = [plural for plural, columns in kinds if columns & set(said)]
    slices, absent = make_slices(truth, ["all", "in", "out", "jurisdictions", *more])
    notes += [f"slice {name} is absent: {why}" for name, why in absent.items()]
    return counts, tuple(SliceSize(one.name, int(one.queries.sum()), int(one.pairs.sum())) for one in slices)


def _label_sets(metadata: Metadata, notes: list[str]) -> Iterator[LabelSummary]:
    """Every set that can be made; a note for each that cannot."""
    for name in label_set_names(metadata):
        try:
            yield _labels(metadata, name, notes)
        except InputError as error:
            notes.append(str(error))


def _labels(metadata: Metadata, name: str, notes: list[str]) -> LabelSummary:
    labels = get_label_set(metadata, name)
    counts = np.bincount(labels.codes, minlength=len(labels.labels))
    top = np.argsort(-counts, kind="stable")[:5]
    if len(labels.labels) < 2:
        notes.append(f"label set {name} has {len(labels.labels)} class; classification needs two")
    return LabelSummary(
        name=name,
        patents=len(labels.patent_ids),
        labels=len(labels.labels),
        per_patent=len(labels.rows) / max(len(labels.patent_ids), 1),
        most_frequent=tuple((labels.labels[i], int(counts[i])) for i in top),
        unknown_codes=labels.unknown_codes,
    )
