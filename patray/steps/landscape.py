"""What a run knows of a landscape once its clean copy is there: truth, slices, splits, label sets, notes.

landscape = open_landscape(read_prepared(folder), suite)
len(landscape.truth.query_ids), [part.name for part in landscape.slices], landscape.notes
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.labels import LabelSet, get_label_set, label_set_names
from patray.landscapes.load import load_metadata
from patray.landscapes.positions import positions
from patray.landscapes.records import OUT, Metadata, Slice, Truth
from patray.landscapes.slices import make_slices
from patray.landscapes.splits import SPLITS, split_families
from patray.landscapes.truth import NotSaidError, TruthCounts, build_truth, uncounted
from patray.landscapes.validate import Prepared
from patray.runs.suite import Retrieval, Splits, Suite, ViewEntry


@dataclass(frozen=True)
class Landscape:
    """A landscape as the steps of a run need it. truth and slices are None and [] where retrieval is not possible.

    query_split (Q,) int8: position in SPLITS of each query's family. notes: what a reader must see; facts: for the
    provenance.
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


def label_names(landscape: Landscape, names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The names of the label sets that a task asks for and this landscape has, and notes on those it has not."""
    available = label_set_names(landscape.metadata)
    wanted = [name for asked in names for name in (sorted(landscape.metadata.labels) if asked == "files" else [asked])]
    wanted = list(dict.fromkeys(wanted))
    notes = [
        f"{landscape.name}: there is no label set {name} (no file, or no codes to derive it from)"
        for name in wanted
        if name not in available
    ]
    if not wanted:
        notes.append(f"{landscape.name}: there are no label files")
    return [name for name in wanted if name in available], notes


def label_sets(landscape: Landscape, names: tuple[str, ...]) -> tuple[list[LabelSet], list[str]]:
    """The label sets themselves, as `label_names`."""
    found, notes = label_names(landscape, names)
    return [get_label_set(landscape.metadata, name) for name in found], notes


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
