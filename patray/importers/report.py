"""The import's account: every row that was read is kept, quarantined or filtered, and the sums are checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from patray.importers.assemble import Assembled
from patray.importers.citations import OUTSIDE
from patray.importers.format import Format
from patray.importers.part import TableCount
from patray.landscapes.claims import ClaimRule


def build_report(
    fmt: Format, records: Sequence[dict[str, Any]], assembled: Assembled, scattered: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Counts by table, claims, languages, offices. Raises AssertionError when a row is not accounted for."""
    tables: dict[str, TableCount] = {}
    for record in records:
        for name, one in record["tables"].items():
            count = tables.setdefault(name, TableCount())
            count.read += one["read"]
            count.dropped += one["dropped"]
            count.filtered.update(one["filtered"])
            count.kept += one["kept"]
    for name, late in assembled.counts.items():
        count = tables[name]
        if late.read != count.kept:
            raise AssertionError(f"{name}: the parts hold {count.kept} rows, {late.read} were assembled")
        count.kept = late.kept
        count.dropped += late.dropped
        count.filtered.update(late.filtered)
    for name, count in tables.items():
        filtered = sum(count.filtered.values())
        if count.read != count.kept + count.dropped + filtered:
            raise AssertionError(
                f"{name}: {count.read} read, {count.kept} kept, {count.dropped} quarantined, {filtered} filtered"
            )
    claims: Counter[str] = Counter()
    joined: Counter[str] = Counter()
    for record in records:
        claims.update(record["claims"])
    for record in scattered:
        joined.update(record.get("scattered", {}))
    report: dict[str, Any] = {
        "tables": {
            name: {
                "read": count.read,
                "kept": count.kept,
                "quarantined": count.dropped,
                "filtered": sum(count.filtered.values()),
                "filtered_by": dict(count.filtered.most_common()),
            }
            for name, count in tables.items()
        },
        "files": sorted({record["file"] for record in [*records, *scattered]}),
        **assembled.facts,
        **_claims(claims),
    }
    if joined:
        report["source_rows"] = dict(joined)
    return report


def _claims(rules: Counter[str]) -> dict[str, Any]:
    with_claims = sum(number for rule, number in rules.items() if rule != str(ClaimRule.NONE))
    if not with_claims:
        return {}
    unsplit = rules[str(ClaimRule.WHOLE)] / with_claims
    return {"claims_told_apart": dict(rules.most_common()), "claims_not_split_share": round(unsplit, 4)}


def format_report(report: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    lines = [f"{'rows':24}{'read':>12}{'kept':>12}{'quarantined':>13}{'filtered':>12}"]
    for name, one in report["tables"].items():
        lines.append(f"{name:24}{one['read']:12,}{one['kept']:12,}{one['quarantined']:13,}{one['filtered']:12,}")
    outside = report.get("citations outside, such as")
    such = {OUTSIDE: f", such as {', '.join(map(repr, outside))}"} if outside else {}
    for name, one in report["tables"].items():
        for reason, number in one["filtered_by"].items():
            lines.append(f"  {number:12,}  {name} filtered: {reason}{such.get(reason, '')}")
    lines += [f"  {number:12,}  {reason}" for reason, number in report.get("quarantine", {}).items()]
    ignored = report["files_not_read"]
    if ignored:
        rest = f" and {len(ignored) - 8} more" if len(ignored) > 8 else ""
        lines.append(f"files that this format does not read: {', '.join(ignored[:8])}{rest}")
    patents = report.get("patents", {})
    if patents:
        lines.append(f"families: {patents['families']:,}; dates {' to '.join(patents['dates'])}")
        for name in ("jurisdiction", "language"):
            shown = [f"{value} {number:,}" for value, number in list(patents[name].items())[:12]]
            more = len(patents[name]) - len(shown)
            lines.append(f"{name}: {', '.join(shown)}" + (f", and {more} more" if more > 0 else ""))
    lines += [f"note: {note}" for note in patents.get("notes", [])]
    if "claims_not_split_share" in report:
        lines.append(f"claims that could not be told apart: {report['claims_not_split_share']:.1%} (of a sample)")
    return "\n".join(lines)
