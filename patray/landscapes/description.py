"""What `patray landscape describe` found, and its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from patray.landscapes.truth import TruthCounts

CHARS_PER_TOKEN = 4.0
TOKEN_LIMITS = (256, 512, 8192)

_OFFICES_SHOWN = 12
_PROBLEMS_SHOWN = 20


@dataclass(frozen=True)
class SectionFill:
    """How many patents have a section, and its characters among those that do."""

    name: str
    filled: int
    median_chars: int
    p95_chars: int
    max_chars: int


@dataclass(frozen=True)
class TokenLength:
    """Tokens of a view among the patents with text in it. over: limit -> patents with more tokens than that."""

    view: str
    texts: int
    median: int
    p95: int
    total: int
    over: dict[int, int]


@dataclass(frozen=True)
class SliceSize:
    name: str
    queries: int
    pairs: int


@dataclass(frozen=True)
class LabelSummary:
    name: str
    patents: int
    labels: int
    per_patent: float
    most_frequent: tuple[tuple[str, int], ...]
    unknown_codes: int


@dataclass(frozen=True)
class Description:
    """All that `describe` finds. tokens_exact is False where tokens are characters / 4.

    duplicates: patents whose title and abstract, case and white space aside, are those of an earlier patent;
    duplicates_across_families: those of them in another family than that patent. problems: (file, reason, action,
    rows). cited: `origin` and `category` -> word -> citations, where they are said. notes say why something is absent.
    """

    name: str
    patents: int
    query_documents: int
    families: int
    without_family: int
    largest_family: tuple[str, int]
    dates: tuple[str, str] | None
    dated: int
    offices: tuple[tuple[str, int], ...]
    sections: tuple[SectionFill, ...]
    claim_rules: dict[str, int]
    with_codes: dict[str, int]
    unknown_codes: dict[str, tuple[int, tuple[str, ...]]]
    tokens: tuple[TokenLength, ...]
    tokens_exact: bool
    citations: int | None
    qrels: int | None
    cited: dict[str, dict[str, int]]
    truth: TruthCounts | None
    slices: tuple[SliceSize, ...]
    label_sets: tuple[LabelSummary, ...]
    duplicates: int
    duplicates_across_families: int
    rows_read: dict[str, int]
    rows_dropped: dict[str, int]
    problems: tuple[tuple[str, str, str, int], ...]
    notes: tuple[str, ...]


def format_description(found: Description) -> str:
    """A description as plain text of at most about 110 columns."""
    blocks = [_head(found), _sections(found), _tokens(found), _truth(found), _label_sets(found), _problems(found)]
    return "\n\n".join(block for block in blocks if block)


def _head(found: Description) -> str:
    family, size = found.largest_family
    lines = [
        f"Landscape {found.name}",
        f"  patents      {found.patents:,} in {found.families:,} families"
        + (f", the largest {family} with {size:,}" if size > 1 else ", none with more than one patent"),
    ]
    if found.without_family:
        lines.append(f"               {found.without_family:,} without a family id, each taken as a family of its own")
    if found.query_documents:
        lines.append(f"  queries      {found.query_documents:,} documents outside the corpus")
    if found.dates:
        lines.append(f"  dates        {found.dates[0]} to {found.dates[1]}, {_share(found.dated, found.patents)} dated")
    else:
        lines.append("  dates        none")
    shown = ", ".join(f"{office} {n:,}" for office, n in found.offices[:_OFFICES_SHOWN])
    more = f", and {len(found.offices) - _OFFICES_SHOWN} more" if len(found.offices) > _OFFICES_SHOWN else ""
    lines.append(f"  offices      {shown}{more}")
    codes = ", ".join(f"{scheme.upper()} {_share(n, found.patents)}" for scheme, n in found.with_codes.items())
    lines.append(f"  codes        patents with {codes}")
    for scheme, (n, examples) in found.unknown_codes.items():
        lines.append(
            f"               {n:,} {scheme.upper()} codes not readable, such as {', '.join(map(repr, examples))}"
        )
    lines.append(
        f"  duplicates   {found.duplicates:,} patents repeat the title and abstract of an earlier one, "
        f"{found.duplicates_across_families:,} of them in another family"
    )
    return "\n".join(lines)


def _sections(found: Description) -> str:
    rows = [
        (
            one.name,
            _share(one.filled, found.patents),
            f"{one.median_chars:,}",
            f"{one.p95_chars:,}",
            f"{one.max_chars:,}",
        )
        for one in found.sections
    ]
    table = _table(("section", "filled", "median chars", "95%", "longest"), rows)
    rules = ", ".join(f"{rule} {n:,}" for rule, n in sorted(found.claim_rules.items(), key=lambda item: -item[1]))
    return f"{table}\n  claim 1 found by: {rules}"


def _tokens(found: Description) -> str:
    how = "" if found.tokens_exact else f" (estimate: characters / {CHARS_PER_TOKEN:g})"
    rows = [
        [
            *(one.view, f"{one.texts:,}", f"{one.median:,}", f"{one.p95:,}", f"{one.total:,}"),
            *(_share(one.over[limit], one.texts) for limit in TOKEN_LIMITS),
        ]
        for one in found.tokens
    ]
    head = ("view", "texts", "median", "95%", "total", *(f"over {limit}" for limit in TOKEN_LIMITS))
    return f"Tokens per text{how}\n{_table(head, rows)}"


def _truth(found: Description) -> str:
    links = [
        f"{n:,} {what}" for n, what in ((found.citations, "citations inside"), (found.qrels, "qrels")) if n is not None
    ]
    lines = [f"Truth: {', '.join(links) or 'no citations and no qrels'}"]
    for name, counted in found.cited.items():
        shown = ", ".join(f"{word} {n:,}" for word, n in list(counted.items())[:_OFFICES_SHOWN])
        more = f", and {len(counted) - _OFFICES_SHOWN} more" if len(counted) > _OFFICES_SHOWN else ""
        lines.append(f"  {name + ' of citations':<23} {shown}{more}")
    if found.truth is not None:
        lost = found.truth
        lines.append(
            f"  removed: {lost.pairs_family:,} pairs inside a family, {lost.pairs_same_patent:,} of a patent with "
            f"itself, {lost.pairs_outside:,} outside the corpus, {lost.pairs_not_relevant:,} not relevant; "
            f"{lost.queries_only_family:,} queries lost to their own family"
        )
        rows = [(one.name, f"{one.queries:,}", f"{one.pairs:,}") for one in found.slices]
        lines.append(_table(("slice", "queries", "pairs"), rows))
    return "\n".join(lines)


def _label_sets(found: Description) -> str:
    if not found.label_sets:
        return "Label sets: none"
    rows = [
        (
            one.name,
            f"{one.patents:,}",
            f"{one.labels:,}",
            f"{one.per_patent:.2f}",
            ", ".join(f"{label} {n:,}" for label, n in one.most_frequent),
        )
        for one in found.label_sets
    ]
    return _table(("label set", "patents", "labels", "per patent", "most frequent"), rows, left=(0, 4))


def _problems(found: Description) -> str:
    lines = ["Rows"]
    for file, read in found.rows_read.items():
        dropped = found.rows_dropped[file]
        lines.append(f"  {file}: {read:,} read, {read - dropped:,} kept, {dropped:,} dropped")
    for file, reason, action, n in found.problems[:_PROBLEMS_SHOWN]:
        lines.append(f"    {n:,} {action} in {file}: {reason}")
    if len(found.problems) > _PROBLEMS_SHOWN:
        lines.append(f"    and {len(found.problems) - _PROBLEMS_SHOWN} more kinds of problems")
    lines += [f"  note: {note}" for note in found.notes]
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    """Never rounded to 0% or 100% when it is neither."""
    if whole == 0:
        return "0%"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "<0.1%"
    if 99.9 < share < 100:
        return ">99.9%"
    return f"{share:.1f}%" if share % 1 else f"{share:.0f}%"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)
