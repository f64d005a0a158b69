"""What an import that went wrong says: the most frequent reasons, each with its number and an example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import DroppedError, InputError
from patray.files import Folder
from patray.importers.assemble import Assembled
from patray.importers.columns import BAD_DATE
from patray.importers.dates import AMBIGUOUS
from patray.importers.part import TableCount

SHOWN = 5


def reasons(findings: pa.Table, action: str = "dropped") -> list[str]:
    """`2 id holds white space, such as 'US 1' (x.csv, line 2)`, most frequent first, at most SHOWN."""
    counts: Counter[str] = Counter()
    example: dict[str, dict[str, Any]] = {}
    for row in findings.to_pylist():
        kind = row["reason"].split(": ")[0]
        if row["action"] == action:
            counts[kind] += 1
            example.setdefault(kind, row)
    lines = []
    for kind, number in counts.most_common(SHOWN):
        row = example[kind]
        said = row["reason"].partition(": ")[2] or (repr(row["id"]) if row["id"] else "")
        where = f" ({row['file']}, line {row['line']})"
        lines.append(f"{number:,} {kind}" + (f", such as {said}" if said else "") + where)
    return lines + ([f"{len(counts) - SHOWN} more reasons"] if len(counts) > SHOWN else [])


def nothing_left(format_name: str, records: Sequence[dict[str, Any]], findings: pa.Table, target: Folder) -> InputError:
    """The error of an import of which no patent is left."""
    count, filtered = TableCount(), Counter[str]()
    for record in records:
        one = record["tables"].get("patents", {"read": 0, "kept": 0, "dropped": 0, "filtered": {}})
        count.read += one["read"]
        count.dropped += one["dropped"]
        filtered.update(one["filtered"])
    why = "; ".join(f"{number} {reason}" for reason, number in filtered.most_common())
    said = f"{format_name}: no patent is left of {count.read:,} rows read ({count.dropped:,} quarantined, "
    text = said + f"see {target}/quarantine.parquet; filtered: {why or 'none'})"
    dropped = reasons(findings)
    return DroppedError(f"{text}. Reasons: {'; '.join(dropped)}") if dropped else InputError(text)


def check_dates(format_name: str, assembled: Assembled, findings: pa.Table) -> None:
    """Raise InputError when dates stand in the source and not one could be read."""
    facts: Any = assembled.facts.get("patents", {})
    kept = assembled.counts["patents"].kept
    if facts["without date"] < kept or (format_name != "table" and kept < 2):
        return
    bad = findings.filter(pc.starts_with(findings["reason"], BAD_DATE))
    if bad.num_rows == 0 or 2 * bad.num_rows < kept:
        return
    unclear = pc.any(pc.match_substring(bad["reason"], AMBIGUOUS)).as_py()
    hint = "the order, as DD/MM/YYYY or MM/DD/YYYY" if unclear else "how they are written"
    said = "; ".join(reasons(bad, "kept"))
    raise InputError(f"{format_name}: none of {bad.num_rows:,} dates could be read; --date-format says {hint}. {said}")


def dropped_share(assembled: Assembled, report: dict[str, Any]) -> float:
    """Share of the patents' rows that were dropped; copies of a publication and filtered rows do not count."""
    one = report["tables"]["patents"]
    copies = assembled.counts["patents"].dropped
    usable = one["read"] - one["filtered"] - copies
    return round((one["quarantined"] - copies) / usable, 4) if usable else 0.0
