"""Scores of queries dated before and after a model's release, and whether it falls more than a keyword search does."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from patray.errors import InputError
from patray.statistics.corrections import adjust, procedure
from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.statistics.exposure import Change, ChangeStatistic, change
from patray.statistics.max_t import Null, max_t, shift_null
from patray.statistics.resample import bootstrap_weights, recompute
from patray.tables import CONTAMINATION
from patray.tasks.adjusting import ALPHA
from patray.tasks.populations import Catalogue, Placed, Population
from patray.tasks.scores import MeanScore

Dates = Mapping[str, np.ndarray]
"""Date of every item of a landscape, (N,) datetime64[D] in the order of the catalogue's ids, NaT where unknown."""

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


@dataclass(frozen=True)
class Period:
    """First and last day on which something may have been: `2024-03` is the 1st to the 31st of March."""

    first: np.datetime64
    last: np.datetime64


def period_of(text: str) -> Period:
    """Read a date that may lack day or month. Raises InputError for anything else."""
    found = _DATE.fullmatch(text)
    if not found:
        raise InputError(f"date {text!r}: expected YYYY, YYYY-MM or YYYY-MM-DD")
    year, month, day = (int(part) if part else 0 for part in found.groups())
    try:
        first = date(year, month or 1, day or 1)
    except ValueError as error:
        raise InputError(f"date {text!r}: expected YYYY, YYYY-MM or YYYY-MM-DD ({error})") from error
    last = first if day else date(year, month or 12, monthrange(year, month or 12)[1])
    return Period(np.datetime64(first), np.datetime64(last))


def dates_of(items: pa.Table, catalogue: Catalogue) -> Dates:
    """Dates from the column `date` of a run's items (ISO text, null where unknown); all unknown where there is none."""
    dates = {
        name: np.full(len(ids), np.datetime64("NaT"), dtype="datetime64[D]") for name, ids in catalogue.ids.items()
    }
    if "date" not in items.column_names:
        return dates
    known = items.filter(pc.is_valid(items["date"]))
    for name, column in dates.items():
        own = known.filter(pc.equal(known["landscape"], name))
        place = pc.index_in(own["item_id"].combine_chunks(), value_set=catalogue.ids[name]).to_numpy()
        column[place] = own["date"].to_numpy().astype("datetime64[D]")
    return dates


@dataclass(frozen=True)
class _Asked:
    """A system beside a reference: which of their common queries are before and after."""

    row: dict[str, object]
    population: Population
    difference: ChangeStatistic
    value: float


def contamination(
    scores: Sequence[MeanScore],
    catalogue: Catalogue,
    dates: Dates,
    released: Mapping[str, str | None],
    reference: str | None,
    draws: Draws = DEFAULT_DRAWS,
) -> pa.Table:
    """The table `tables.CONTAMINATION`: a row for each score of a system that uses models.

    scores: of one metric, slice `all`. released: when the last of a system's models came out, None where nobody knows;
    a system that is not there uses no model. reference: a system that learned nothing from patents, such as BM25; None
    leaves the interaction out. Queries of the very days on which a model may have come out are neither before nor
    after, and counted. Intervals and p are of the shared resamples (`Draws`), p corrected over all rows together.
    """
    placed = {(_place(score), score.where.system): catalogue.place(score) for score in scores}
    rows: list[dict[str, object]] = []
    asked: list[_Asked] = []
    for (place, system), own in placed.items():
        if system not in released:
            continue
        row = {**_where(own), "released": released[system], "reference": reference, **dict.fromkeys(_NUMBERS)}
        rows.append(row)
        when = released[system]
        if when is not None:
            other = placed.get((place, reference)) if reference is not None else None
            found = _split(row, own, other, period_of(when), catalogue, dates)
            asked += [found] if found is not None else []
    _judge(asked, draws)
    columns = [pa.array([row[field.name] for row in rows], field.type, from_pandas=True) for field in CONTAMINATION]
    return pa.Table.from_arrays(columns, schema=CONTAMINATION)


_NUMBERS = (
    *("before", "after", "same_time", "undated", "mean_before", "mean_after", "change"),
    *("reference_mean_before", "reference_mean_after", "reference_change"),
    *("interaction", "ci_low", "ci_high", "p", "p_adjusted", "correction"),
)


def _place(score: MeanScore) -> tuple[str, str]:
    return score.where.landscape, score.where.view


def _where(placed: Placed) -> dict[str, object]:
    score = placed.score
    assert isinstance(score, MeanScore)
    names = ("task", "landscape", "view", "system")
    return {**{name: getattr(score.where, name) for name in names}, "metric": score.metric}


def _values(placed: Placed, population: Population) -> np.ndarray:
    assert isinstance(placed.score, MeanScore)
    return placed.score.values[placed.rows(population)]


def _split(
    row: dict[str, object], own: Placed, other: Placed | None, when: Period, catalogue: Catalogue, dates: Dates
) -> _Asked | None:
    """Fill in what is known of one row; what is left to be judged, where both sides and a reference are there."""
    population = own.population if other is None else catalogue.common(own.population, other.population)
    dated = dates[population.landscape][population.positions]
    before, after, undated = dated < when.first, dated > when.last, np.isnat(dated)
    row["before"], row["after"], row["undated"] = int(before.sum()), int(after.sum()), int(undated.sum())
    row["same_time"] = int((~before & ~after & ~undated).sum())
    values = _values(own, population)
    row["mean_before"], row["mean_after"] = (float(values[at].mean()) if at.any() else None for at in (before, after))
    if not before.any() or not after.any():
        return None
    row["change"] = float(values[after].mean() - values[before].mean())
    if other is None:
        return None
    reference = _values(other, population)
    row["reference_mean_before"], row["reference_mean_after"] = (float(reference[at].mean()) for at in (before, after))
    row["reference_change"] = float(reference[after].mean() - reference[before].mean())
    difference = values - reference
    value = float(difference[after].mean() - difference[before].mean())
    row["interaction"] = value
    statistic = ChangeStatistic.of(difference[:, None], population.families, before, after)
    return _Asked(row, population, statistic, value)


def _judge(asked: Sequence[_Asked], draws: Draws) -> None:
    """Intervals and p of every row, from one draw for all rows of the same queries, corrected together."""
    groups: dict[tuple[str, bytes], list[_Asked]] = {}
    for one in asked:
        groups.setdefault(one.population.key, []).append(one)
    nulls: list[Null] = []
    judged: list[tuple[_Asked, Change]] = []
    for group in groups.values():
        count = group[0].population.families.count
        blocks = bootstrap_weights(count, draws.resamples, draws.seed)
        replicates = np.concatenate(recompute(blocks, [one.difference for one in group]), axis=1)
        seen = [
            change(one.difference, one.value, column, draws.level)
            for one, column in zip(group, replicates.T, strict=True)
        ]
        judged += list(zip(group, seen, strict=True))
        # The last column is zero throughout: every change meets no change.
        wide = np.concatenate([replicates, np.zeros((len(replicates), 1))], axis=1)
        pairs = np.array([[at, len(group)] for at in range(len(group))])
        estimates = np.array([*(one.value for one in seen), 0.0])
        nulls.append(shift_null(wide, estimates, pairs, np.array([one.error for one in seen])))
    p = np.array([one.p for _, one in judged])
    size = int(np.sum(~np.isnan(p)))
    correction = procedure(draws.correction, size)
    adjusted = max_t(nulls, ALPHA, draws.level).p if correction == "max-t" else adjust(p, correction)
    for (one, seen_one), corrected in zip(judged, adjusted, strict=True):
        one.row["ci_low"], one.row["ci_high"], one.row["p"] = seen_one.low, seen_one.high, seen_one.p
        one.row["p_adjusted"] = float(corrected) if not np.isnan(seen_one.p) else None
        one.row["correction"] = correction
