"""Landscapes into the store: generated or read, validated, and known by their content from then on."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.artifacts import complete, is_complete, read_seals, reopen, wrong_files
from patray.cluster.placement import Resources
from patray.cluster.start import connect
from patray.cluster.tasks import gather, submit
from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.clean_copy import damaged_files
from patray.landscapes.generate import generate
from patray.landscapes.labels import LabelSet, get_label_set, label_set_names
from patray.landscapes.load import load_metadata
from patray.landscapes.parts import open_parts
from patray.landscapes.positions import positions
from patray.landscapes.records import OUT, Metadata, Slice, Truth
from patray.landscapes.slices import make_slices
from patray.landscapes.splits import SPLITS, split_families
from patray.landscapes.truth import NotSaidError, TruthCounts, build_truth, uncounted
from patray.landscapes.validate import Prepared, is_prepared, prepare, read_prepared
from patray.progress import say
from patray.runs.sources import clean_copy_folder, rows_per_part, source_folder
from patray.runs.step_record import StepRecord
from patray.runs.suite import LandscapeEntry, Retrieval, Splits, Suite, ViewEntry
from patray.steps.lease import holding

SMALL_PATENTS = 5_000
"""A landscape of so many is validated where the driver runs: seconds, in which Ray starts."""
TEXT_TIMES = 8
"""Memory of validating over the bytes of the compressed file."""


@dataclass(frozen=True)
class Landscape:
    """A landscape as the steps of a run need it. truth and slices are None and [] where retrieval is not possible.

    validation, train (Q,) bool: queries of those splits. families: patent or query id -> family, as two arrays.
    """

    name: str
    prepared: Prepared
    metadata: Metadata
    truth: Truth | None
    slices: list[Slice]
    query_split: np.ndarray
    notes: tuple[str, ...]
    facts: dict[str, Any]

    @property
    def folder(self) -> Folder:
        return self.prepared.folder


def source_of(entry: LandscapeEntry, root: str, store: Folder) -> Folder:
    """The folder of an entry; a generated landscape is written into the store first."""
    folder = source_folder(entry, root, store)
    if entry.generate is None:
        return folder
    wrong = wrong_files(folder, read_seals(folder))
    if wrong:
        say(f"{folder}: {_words(wrong)}; it is generated again")
        reopen(folder, wrong)
    if not is_complete(folder):
        generate(folder, name=str(entry.name), **entry.generate.model_dump())
        complete(folder, {"generate": entry.generate.model_dump()}, {name: folder.seal(name) for name in folder.walk()})
    return folder


def _words(wrong: dict[str, str]) -> str:
    """`a.parquet: missing; b.parquet: 3 bytes of 5`, the first few."""
    more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return "; ".join(f"{name}: {what}" for name, what in list(wrong.items())[:5]) + more


def _prepare(source: Folder, destination: Folder, name: str, max_bad_share: float, rows: int) -> Prepared:
    return prepare(source, destination, name, max_bad_share=max_bad_share, rows_per_part=rows)


def _damaged(clean: Folder) -> dict[str, str]:
    return damaged_files(clean)


def prepare_landscapes(suite: Suite, store: Folder) -> list[tuple[Prepared, StepRecord]]:
    """The clean copies of all landscapes of a suite and their steps, large ones side by side."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda entry: prepare_landscape(entry, suite, store), suite.landscapes))


def prepare_landscape(entry: LandscapeEntry, suite: Suite, store: Folder) -> tuple[Prepared, StepRecord]:
    """The validated copy in the store, made once for the same files, and the step's record."""
    begin = time.perf_counter()
    with holding(store, [f"generated/{entry.name}"] if entry.generate is not None else []):
        source = source_of(entry, suite.landscapes_root, store)
    destination = clean_copy_folder(entry, source, store)
    with holding(store, [f"landscapes/{entry.name}/{destination.name}"]):
        return _prepare_in(entry, source, destination, begin, suite.embedding.stall_seconds)


def _prepare_in(
    entry: LandscapeEntry, source: Folder, destination: Folder, begin: float, stall: int
) -> tuple[Prepared, StepRecord]:
    record = StepRecord("prepare", str(entry.name))
    if is_prepared(destination):
        [wrong] = gather([submit(_damaged, Resources(cpus=0.5), destination)], f"check {entry.name}", stall)
        if wrong:
            say(f"{destination}: {_words(wrong)}; the clean copy is made again")
            destination.delete("prepared.json")
    if is_prepared(destination):
        return read_prepared(destination), dataclasses.replace(record, reused=True)
    found = open_parts(source, "patents.parquet")
    rows = rows_per_part(found.rows)
    told = (source, destination, str(entry.name), entry.max_bad_share, rows)
    if found.rows <= SMALL_PATENTS:
        prepared = _prepare(*told)
    else:
        connect()
        needs = Resources(1, 0, TEXT_TIMES * found.bytes)
        [prepared] = gather([submit(_prepare, needs, *told)], f"prepare {entry.name}", stall)
    facts = {"patents": prepared.files["patents.parquet"].read}
    return prepared, dataclasses.replace(record, seconds=time.perf_counter() - begin, facts=facts)


def _check_query_sections(suite: Suite, name: str, truth: Truth) -> None:
    asymmetric = [view.name for view in suite.views if isinstance(view, ViewEntry) and view.query_sections is not None]
    inside = int((truth.query_in_corpus >= 0).sum())
    if asymmetric and inside:
        raise InputError(
            f"view {asymmetric[0]} has query_sections, but {inside} of {len(truth.query_ids)} queries of {name} are "
            "patents of the corpus; it needs query documents of their own (queries.parquet)"
        )


def open_landscape(prepared: Prepared, suite: Suite) -> Landscape:
    """Metadata, truth, slices and splits of a prepared landscape, with the notes that a reader must see."""
    metadata = load_metadata(prepared.folder)
    notes = [f"{prepared.name}: {note}" for note in prepared.notes]
    options = suite.tasks.retrieval
    truth: Truth | None = None
    slices: list[Slice] = []
    query_split = np.zeros(0, np.int8)
    facts = _facts(prepared, metadata, suite.splits)
    if options is not None:
        try:
            truth, counts = build_truth(
                metadata, options.direction, options.exclude_family, options.earlier_only, options.domain_from,
                options.relevant_from, options.cited_by,
            )  # fmt: skip
        except NotSaidError:
            raise
        except InputError as error:
            notes.append(str(error))
        else:
            _check_query_sections(suite, prepared.name, truth)
            # Whatever the suite reports elsewhere: nothing was tuned on the test families of a home, and on them alone.
            reported = "test" if prepared.name in suite.homes else options.queries or "all"
            query_split = split_families(truth.query_family, shares(suite.splits), suite.splits.salt)
            slices, more = reported_slices(truth, query_split, reported, options.slices)
            notes += [f"{prepared.name}: {note}" for note in (*_level_notes(counts, options), *more)]
            facts |= {
                "queries": len(truth.query_ids),
                "pairs": len(truth.query),
                "pairs_in": int((truth.domain == 1).sum()),
                "pairs_out": int((truth.domain == OUT).sum()),
                "truth": dataclasses.asdict(counts),
                "reported_queries": {part.name: int(part.queries.sum()) for part in slices},
            }
    return Landscape(prepared.name, prepared, metadata, truth, slices, query_split, tuple(notes), facts)


def _level_notes(counts: TruthCounts, options: Retrieval) -> list[str]:
    """What `relevant_from`, `relevant` and `origin` do to this landscape's truth."""
    relevant_from, notes = options.relevant_from, list(uncounted(counts))
    if relevant_from > 1 and counts.source == "citations" and options.relevant is None:
        notes.append(
            f"relevant_from {relevant_from} changes nothing here: citations have no grades without `relevant`, each of "
            "them counts"
        )
    if not counts.queries_too_low:
        return notes
    return [
        *notes,
        f"{counts.queries_too_low:,} queries have no relevant patent of grade {relevant_from} or more (relevant_from); "
        f"they are left out, with {counts.pairs_too_low:,} pairs; {counts.queries:,} queries stay",
    ]


def reported_slices(
    truth: Truth, query_split: np.ndarray, queries: str, names: tuple[str, ...]
) -> tuple[list[Slice], list[str]]:
    """The slices, cut to the queries that are reported, and notes on those that are not there."""
    slices, absent = make_slices(truth, names)
    validation, test = SPLITS.index("validation"), SPLITS.index("test")
    allowed = {
        "all": np.ones(len(query_split), dtype=bool),
        "untuned": query_split != validation,
        "test": query_split == test,
    }[queries]
    kept = [Slice(part.name, part.pairs, part.queries & allowed) for part in slices]
    notes = [f"slice {name} is absent: {why}" for name, why in absent.items()]
    notes += [f"slice {part.name} has no query among the {queries} ones" for part in kept if not part.queries.any()]
    return [part for part in kept if part.queries.any()], notes


def label_sets(landscape: Landscape, names: tuple[str, ...]) -> tuple[list[LabelSet], list[str]]:
    """The label sets that a task asks for and this landscape has, and notes on those it has not."""
    available = label_set_names(landscape.metadata)
    wanted = [name for asked in names for name in (sorted(landscape.metadata.labels) if asked == "files" else [asked])]
    sets, notes = [], []
    for name in dict.fromkeys(wanted):
        if name in available:
            sets.append(get_label_set(landscape.metadata, name))
        else:
            notes.append(f"{landscape.name}: there is no label set {name} (no file, or no codes to derive it from)")
    if not wanted:
        notes.append(f"{landscape.name}: there are no label files")
    return sets, notes


def of_test_families(landscape: Landscape, labels: LabelSet, splits: Splits) -> LabelSet:
    """The label set without patents of families that recipes may have learnt from."""
    return labels.keep(family_split(landscape, labels, splits) == SPLITS.index("test"))


def family_split(landscape: Landscape, labels: LabelSet, splits: Splits) -> np.ndarray:
    """(n,) int8: the split of each labelled patent by its family."""
    patents = landscape.metadata.patents
    rows = positions(labels.patent_ids, patents["patent_id"].combine_chunks())
    families = patents["family_id"].take(pa.array(rows)).to_pylist()
    return split_families(families, shares(splits), splits.salt)


def shares(splits: Splits) -> tuple[float, float, float]:
    return splits.train, splits.validation, splits.test


def _facts(prepared: Prepared, metadata: Metadata, splits: Splits) -> dict[str, Any]:
    """What the report says of a landscape."""
    patents = metadata.patents
    families = patents["family_id"]
    parts = split_families(families.to_pylist(), shares(splits), splits.salt)
    offices = patents["jurisdiction"].value_counts().to_pylist()
    chars = prepared.folder.read_table("metadata.parquet")
    sections = [name.removesuffix("_chars") for name in chars.column_names if name.endswith("_chars")]
    quarantined: dict[str, int] = {}
    for _, reason, _, rows in prepared.reasons:
        quarantined[reason] = quarantined.get(reason, 0) + rows
    described = {key: metadata.description.get(key) for key in ("title", "source", "licence", "notes")}
    return {
        **{key: value for key, value in described.items() if value},
        "patents": patents.num_rows,
        "families": pc.count_distinct(families).as_py(),
        "citations": metadata.citations.num_rows if metadata.citations is not None else 0,
        "offices": {str(row["values"]): row["counts"] for row in sorted(offices, key=lambda row: -row["counts"])},
        "fill": {name: pc.mean(pc.greater(chars[f"{name}_chars"], 0)).as_py() for name in sections},
        "quarantined": quarantined,
        "splits": {name: int((parts == at).sum()) for at, name in enumerate(SPLITS)},
        "content": prepared.content_hash,
        "contents": prepared.part_hashes,
        "label_sets": {},
    }
