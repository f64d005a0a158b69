"""Rows of any table as rows of a landscape: cells as printed become ids, numbers, dates, texts and lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.importers.cells import CELL, is_printed_list, printed_text, split_cells, with_subclass
from patray.importers.cited_marks import letters_together, without_marks
from patray.importers.columns import dates, one_text
from patray.importers.dates import DateOrder
from patray.importers.families import known_family, same_application
from patray.importers.headers import CITED_BY, DWPI, is_number_header
from patray.importers.nested import STRINGS, conform, elements, is_blank, take, to_lists, unique_in_rows, whole
from patray.importers.options import Options
from patray.importers.printed import canonical_ids, numbers_apart, offices_of, one_number
from patray.importers.record import CITED_HOW, LABELS, Finding, Rows, at, patents_table
from patray.importers.tidy import (
    LOST_DIGITS,
    is_total,
    is_unit,
    names,
    office_codes,
    plain_breaks,
    plain_spaces,
    unwrap,
    whole_numbers,
    with_parts,
)
from patray.importers.versions import first_version, of_own_publication
from patray.landscapes.absent import LABEL, TEXT, VALUE, without_absent

S = pa.string()
ONE = ("patent_id", "family_id", "jurisdiction", "date", "title", "abstract", "description", "kind", "language")
LISTS = ("claims", "ipc", "cpc", "citations", "labels", "members")
SECTIONS = ("title", "abstract", "description")
COLUMNS = (*ONE, "application", *LISTS, *DWPI)
_PRINTED_CODES = (
    (r"(?i)^\s*(?:int\.?\s*cl\.?|[ic]pc)\s*(?:\([^()]*\))?[\d.:-]*\s*", ""),
    (r"(^|[;,\n]\s*)[1-8]\s?([A-HYa-hy]\d\d[A-Za-z])", r"\1\2"),
    (r"\s*\([^()]*\)(?:[in]\b)?", ""),
    (r"\s*//\s*", ";"),
    (
        r"(/\s*\d{1,6}(?:\s+\d{8}\w*)?(?:\s*\[[^\[\]]*\])?)(?:\s*[/+&•·]\s*|\s+)([A-HYa-hy]\d\d[A-Za-z])",
        r"\1;\2",
    ),
    (r"(/\d{1,6})([A-HY]\d\d[A-Z]\s?\d{1,4}/)", r"\1;\2"),
)
_AROUND = r"""^[\s"'“”]+|[\s"'“”]+$"""
_BEHIND_CODE = r"^([A-HYa-hy]\d\d[A-Za-z]\s?\d{1,4}/\d{2,6})(?:\*|\s*:\s.*)$"
_MARK_OF_CODE = r"^(?:[+•·▪*–-]|\(?\d{1,2}[.)])\s*([A-HYa-hy]\d\d)"
_BRACKETED = r"""^\s*[\[{]([^\[\]{}'",;]*)[\]}]\s*$"""
"""Espacenet's CPC has the offices in brackets behind each code; codes may stand side by side with a blank between."""
_FLAG = r"(?i)^\s*(?:yes|no|true|false)\s*$"
"""What says that there is a text (the old `Full Text` of Lens), and is none."""
_REST = r"(?s)\s*[\r\n;|].*$|\s+(?:19|20)\d{6}\s*$"
"""What stands behind the first number of an application: others, a date."""
_NO_CLAIM = r"(?i)^\s*(?:yes|no|true|false|\d{1,3}(?:\.0+)?)\s*$"
_SCIENTIFIC = r"^\d(?:\.\d+[eE]\+?|[eE]\+)\d{1,2}$"
"""How spreadsheets print long numbers; `1E5` may be an id of the user's own."""


class Converter:
    """Blocks of a source table into rows of a landscape; remembers what the date column proved.

    names, more: as of _Found. between: what stands between the versions of a text, where the export has several in a
    cell.
    """

    def __init__(self, names: dict[str, str], options: Options, more: dict[str, tuple[str, ...]], between: str) -> None:
        self.names, self.options, self.more, self.between = names, options, more, between
        self.order = DateOrder(options.date_format)
        self.table = pa.table({})
        self.numbers = pa.array([], S)

    def _column(self, name: str, kind: pa.DataType) -> pa.Array:
        return self._as(self.names[name], name, kind)

    def _as(self, source: str, name: str, kind: pa.DataType) -> pa.Array:
        column = whole(self.table[source])
        try:
            found = conform(column, kind)
        except pa.ArrowException as error:
            wanted = "a list of texts, or one text" if kind == STRINGS else "one text"
            said = f"column {source!r} has type {column.type}; wanted {wanted} for {name}"
            raise pa.ArrowInvalid(f"{said} ({error})") from error
        return plain_breaks(found) if kind == S else found

    def _has(self, name: str) -> bool:
        return self.names[name] in self.table.column_names

    def _text(self, name: str) -> pa.Array:
        if not self._has(name):
            return pa.nulls(self.table.num_rows, S)
        served = [self._one_text(source, name) for source in (self.names[name], *self.more.get(name, ()))]
        return pc.coalesce(*served) if len(served) > 1 else served[0]

    def _one_text(self, source: str, name: str) -> pa.Array:
        column = unwrap(self._as(source, name, S))
        column = column if name in (*SECTIONS, *DWPI) else plain_spaces(column)
        if name in (*SECTIONS, *DWPI, "date"):
            column = self._version(name, column, self.numbers)
        if name in SECTIONS:
            column = self._unprinted(column)
        if name in ("abstract", "description"):
            flags = pc.fill_null(pc.match_substring_regex(column, pattern=_FLAG), False)
            column = pc.if_else(flags, pa.scalar(None, S), column)
        spellings = TEXT if name in (*SECTIONS, *DWPI) else VALUE
        return without_absent(pc.if_else(is_blank(column), pa.scalar(None, S), column), spellings)

    def _unprinted(self, texts: pa.Array) -> pa.Array:
        printed = pc.fill_null(pc.match_substring_regex(texts, pattern=r"""(?s)^\s*\[\s*[{'"].*\]\s*$"""), False)
        if not pc.any(printed).as_py():
            return texts
        read = [printed_text(text, self.options.prefer) for text in texts.filter(printed).to_pylist()]
        return pc.replace_with_mask(texts, printed, pa.array(read, pa.string()))

    def _version(self, name: str, texts: pa.Array, numbers: pa.Array) -> pa.Array:
        """One of the versions that a cell holds."""
        between = self.between if name == "claims" else self.options.separators.get(name, self.between)
        return of_own_publication(first_version(texts, between), numbers)

    def _list(self, name: str) -> pa.ListArray:
        """Real lists as they are, cells cut at their separators; each element once a row."""
        count = self.table.num_rows
        if not self._has(name):
            return to_lists(np.zeros(0, np.int64), pa.array([], S), count)
        given = whole(self.table[self.names[name]])
        rows, values = elements(self._column(name, STRINGS))
        if _is_text(given.type):
            cells, texts = np.ones(len(values), dtype=bool), values
        else:
            marked = pc.fill_null(pc.starts_with(values, CELL), False)
            cells = marked.to_numpy(zero_copy_only=False)
            texts = pc.utf8_slice_codeunits(values.filter(marked), len(CELL)) if cells.any() else values.slice(0, 0)
        texts = plain_breaks(texts)
        if name != "claims":
            texts = plain_spaces(texts)
        else:
            texts = self._version(name, texts, take(self.numbers, rows[cells]))
        inner, parts = elements(self._split(name, texts))
        rows = np.concatenate([rows[~cells], rows[cells][inner]])
        values = pa.concat_arrays([values.filter(pa.array(~cells)), parts.cast(S)])
        if cells.any() and not cells.all():
            order = np.argsort(rows, kind="stable")
            rows, values = rows[order], values.take(pa.array(order))
        values = without_absent(values, LABEL if name == "labels" else VALUE)
        if name == "claims":
            keep = pc.invert(pc.or_(is_blank(values), pc.fill_null(pc.match_substring_regex(values, _NO_CLAIM), False)))
            return to_lists(rows[keep.to_numpy(zero_copy_only=False)], values.filter(keep), count)
        return unique_in_rows(to_lists(rows, values, count))

    def _split(self, name: str, texts: pa.Array) -> pa.ListArray:
        separator = self.options.separators.get(name, "none" if name == "claims" else "")
        if name in ("ipc", "cpc", "citations", "members", *CITED_BY):
            texts = pc.replace_substring_regex(texts, pattern=_BRACKETED, replacement=r"\1")
        if name in ("ipc", "cpc") and not separator:
            printed, changed = is_printed_list(texts), texts
            for pattern, replacement in _PRINTED_CODES:
                changed = pc.replace_substring_regex(changed, pattern=pattern, replacement=replacement)
            texts = pc.if_else(printed, texts, changed)
        if name in ("citations", "members", *CITED_BY) and not separator:
            texts = letters_together(texts)
        split = split_cells(texts, separator, commas=name != "labels")
        if name in ("labels", "claims"):
            return split
        rows, values = elements(split)
        if name not in ("ipc", "cpc") and not separator:
            inner, values = elements(pc.split_pattern(numbers_apart(values), "\n"))
            rows = rows[inner]
        values = pc.replace_substring_regex(values, pattern=_AROUND, replacement="")
        if name in ("ipc", "cpc"):
            for pattern in (_MARK_OF_CODE, _BEHIND_CODE):
                values = pc.replace_substring_regex(values, pattern=pattern, replacement=r"\1")
        split = to_lists(rows, values, len(split))
        return with_subclass(split) if name in ("ipc", "cpc") else split

    def convert(self, table: pa.Table, lines: np.ndarray, read_rows: int, found: Sequence[Finding]) -> Iterator[Rows]:
        """The patents of a block, then their citations and labels."""
        self.table = table
        count, findings = table.num_rows, list(found)
        self.numbers = pa.nulls(count, S)
        said = pc.utf8_trim_whitespace(self._text("patent_id"))
        numbers = is_number_header(self.names["patent_id"])
        none = pc.or_(is_unit(said), is_total(said)) if numbers else is_unit(said)
        printed = pc.if_else(none, pa.scalar(None, S), said)
        said_office, kind = self._text("jurisdiction"), self._text("kind")
        office = office_codes(said_office)
        cells = self.numbers = numbers_apart(printed)
        own = names(_first_number(names(cells)))
        exact, lost = whole_numbers(own)
        scientific = pc.fill_null(pc.match_substring_regex(own, pattern=_SCIENTIFIC), False)
        own = pc.if_else(scientific, exact, own)
        lost = pc.and_(lost, scientific).to_numpy(zero_copy_only=False)
        findings += at(lines, printed, lost, LOST_DIGITS, "kept")
        ids = with_parts(canonical_ids(own, numbers), office, kind, numbers)
        family, lost = whole_numbers(self._text("family_id"))
        findings += at(lines, ids, lost.to_numpy(zero_copy_only=False), LOST_DIGITS, "kept")
        family = known_family(family)
        listing = pc.fill_null(pc.greater(pc.list_value_length(_publications(family)), 1), False)
        listed = pc.if_else(listing, family, pa.scalar(None, S))
        family = pc.if_else(listing, pa.scalar(None, S), family)
        data = patents_table(
            {
                "patent_id": ids,
                "family_id": family,
                "jurisdiction": pc.coalesce(office, offices_of(own), said_office),
                "date": dates(self._text("date"), lines, ids, findings, self.order),
                "title": self._text("title"),
                "abstract": self._text("abstract"),
                "claims": self._list("claims"),
                "description": self._text("description"),
                "ipc": self._list("ipc"),
                "cpc": self._list("cpc"),
                "kind": kind,
                "language": self._text("language"),
                "source_id": pc.if_else(pc.equal(printed, ids), pa.scalar(None, S), printed),
                "members": self._members(cells, ids, family, pc.coalesce(office, offices_of(own)), listed),
                **{name: self._text(name) for name in DWPI if self._has(name)},
                "line": pa.array(lines),
            },
            count,
        )
        last = max([int(lines[-1]) if count else 0, *(finding.line for finding in findings)])
        yield Rows("patents", data, read_rows, findings, last=last)
        for name, how in (("citations", (None, None)), *CITED_BY.items()):
            if self._has(name):
                rows, cited = elements(self._list(name))
                numbers, category, by = without_marks(names(cited))
                origin, phase = (
                    pa.nulls(len(rows), S).fill_null(word) if word else pa.nulls(len(rows), S) for word in how
                )
                columns = [take(ids, rows), canonical_ids(numbers), cited, pc.coalesce(origin, by), category, phase]
                yield Rows("citations", pa.table(columns, schema=CITED_HOW), len(rows))
        if self._has("labels"):
            labels = self._list("labels")
            labelled = pc.greater(pc.list_value_length(labels), 0)
            whole_table = pa.table([ids, labels, pa.nulls(count, S), pa.array(lines)], schema=LABELS).filter(labelled)
            yield Rows("labels/table", whole_table, whole_table.num_rows)

    def _members(
        self, printed: pa.Array, ids: pa.Array, family: pa.Array, office: pa.Array, listed_family: pa.Array
    ) -> pa.ListArray:
        """The other publications of a cell; without a family the members that are listed (in listed_family too, the
        column of family ids), and what the publications of one application share."""
        changed = pc.fill_null(pc.not_equal(printed, ids), False)
        cells = split_cells(pc.if_else(changed, printed, pa.scalar(None, S)), commas=False)
        rows, others = elements(cells)
        listed, members = elements(self._list("members"))
        more, others_listed = elements(_publications(listed_family))
        listed = np.concatenate([listed, more])
        members = pa.concat_arrays([members.cast(S), others_listed.cast(S)])
        unsaid = family.is_null().to_numpy(zero_copy_only=False)[listed]
        listed, members = listed[unsaid], names(members.filter(pa.array(unsaid)))
        several = pc.greater(pc.list_value_length(cells), 1).fill_null(False).to_numpy(zero_copy_only=False)[rows]
        rows, others = rows[several], others.filter(pa.array(several))
        application = same_application(office, pc.replace_substring_regex(self._text("application"), _REST, ""))
        application = pc.if_else(family.is_null(), application, pa.scalar(None, S))
        kin_rows, kin = elements(one_text(application))
        rows = np.concatenate([rows, listed, kin_rows])
        order = np.argsort(rows, kind="stable")
        values = pa.concat_arrays([canonical_ids(pa.concat_arrays([others.cast(S), members.cast(S)])), kin])
        return to_lists(rows[order], values.take(pa.array(order)), len(ids))


def _first_number(printed: pa.Array) -> pa.Array:
    """The first of several publications in a cell; an id of one's own that holds `;` or `|` stays whole."""
    first = one_number(printed)
    several = pc.or_(pc.match_substring_regex(printed, pattern=r"[\r\n]"), offices_of(first).is_valid())
    return pc.if_else(pc.fill_null(several, False), first, printed)


def _publications(cells: pa.Array) -> pa.ListArray:
    """The publication numbers of each cell; none where something else stands in it."""
    lists = split_cells(numbers_apart(cells))
    rows, values = elements(lists)
    strange = np.bincount(
        rows, weights=offices_of(values).is_null().to_numpy(zero_copy_only=False), minlength=len(cells)
    )
    keep = strange[rows] == 0
    return to_lists(rows[keep], values.filter(pa.array(keep)).cast(S), len(cells))


def _is_text(kind: pa.DataType) -> bool:
    return not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
