"""From scores to the summary and the comparisons of a run: every number with its interval, every comparison paired.

`summarise` is here; `compare` and its declared families are in `tasks/comparisons.py`. Both draw the same resamples for
the same items, whoever asks: see `docs/statistics.md` for what is computed and when to trust it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from patray.measures.definitions import AGREEMENT, F1
from patray.statistics.bootstrap import interval, jackknife_error
from patray.statistics.draws import DEFAULT_DRAWS, Draws
from patray.statistics.ratio import DropStatistic, relative_drop
from patray.statistics.resample import Statistic, block_size, bootstrap_weights, cached_block, leave_out, recompute
from patray.tables import SUMMARY
from patray.tasks.comparisons import ComparisonFamily, compare
from patray.tasks.populations import Catalogue, Placed, Population
from patray.tasks.resampled import (
    RANGES,
    Average,
    label_statistic,
    mean_statistic,
    metrics_of,
    seed_statistics,
    shared_labels,
    values_of,
    whole,
)
from patray.tasks.scores import ClusterScore, LabelScore, MeanScore, Score, Where

__all__ = ["ComparisonFamily", "compare", "summarise", "verdict"]

COLUMNS = 256
"""Systems whose per-item values are copied at once."""


@dataclass(frozen=True)
class _Line:
    """A row of the summary to be. at: its place in the table. bounds: of a metric that is not a mean."""

    at: tuple[int, ...]
    where: Where
    metric: str
    estimate: float
    n: int
    bounds: tuple[float, float] | None = None
    labels: int | None = None


SummaryRow = tuple[_Line, float, float]
"""A row of the summary with the ends of its interval."""
OWN, DROP, POOLED = range(3)
"""Rows of one score come first, then those of two slices, then those of several label sets."""


@dataclass(frozen=True)
class _Job:
    """A statistic to recompute on the resamples of a population, and the lines that its columns become."""

    population: Population
    statistic: Statistic
    lines: tuple[_Line, ...]

    @property
    def of_counts(self) -> bool:
        """Whether the metric is a function of counts, not a mean (or a ratio of means)."""
        return self.lines[0].bounds is not None


def summarise(scores: Sequence[Score], items: pa.Table, draws: Draws = DEFAULT_DRAWS) -> pa.Table:
    """The table `tables.SUMMARY`: mean, interval and n of every metric of every score, in the order of the scores.

    After them: `MEASURE.drop` in slice `out` (1 - mean out / mean in) where a measure has both slices, and task
    `classification:*`, the mean over the label sets where a system has several. `V-measure.seed_sd` and its like hold
    the standard deviation over k-means seeds and have no interval; with one seed there is none. `labels` of an F1
    counts the labels that it is about.

    items: table of the schema `tables.ITEMS`. Raises InputError for an item that is not in it, a repeated item, or
    a value that is not a number. A missing interval (one family; more than 1% of resamples without a value) is null.
    """
    return summary_table(summary_rows(scores, Catalogue.of(items), draws))


def summary_rows(
    scores: Sequence[Score], catalogue: Catalogue, draws: Draws, positions: Sequence[int] | None = None
) -> list[SummaryRow]:
    """What `summarise` says of some of a run's scores, for `summary_table` to put together with what it says of others.

    positions: of the scores among all of the run. Scores that make one row have to come together: slices `in` and `out`
    of a metric and system, and a system's label sets.
    """
    placed = [catalogue.place(score) for score in scores]
    at = range(len(placed)) if positions is None else positions
    jobs: list[_Job] = []
    spreads: list[_Line] = []
    jobs += _means(placed, at)
    jobs += _drops(placed, catalogue, at)
    jobs += _agreements(placed, spreads, at)
    jobs += _labels(placed, catalogue, at)
    by_population: dict[tuple[object, ...], list[_Job]] = {}
    for job in jobs:
        by_population.setdefault((*job.population.key, job.of_counts), []).append(job)
    rows: list[SummaryRow] = [(line, np.nan, np.nan) for line in spreads]
    for group in by_population.values():
        count = group[0].population.families.count
        statistics = [job.statistic for job in group]
        block = cached_block(count) if group[0].of_counts else block_size(count)
        replicates = recompute(bootstrap_weights(count, draws.resamples, draws.seed, block), statistics)
        left_out = recompute([leave_out(count)], statistics)
        for job, drawn, left in zip(group, replicates, left_out, strict=True):
            rows += _intervals(job, drawn, left, count, draws.level)
    return rows


def verdict(row: Mapping[str, object], alpha: float = 0.05) -> Literal["better", "worse", "no difference seen"]:
    """What a row of the comparisons says of `system_a`: `better` or `worse` where p_adjusted is below alpha.

    Anything else, a comparison without a p among it, is `no difference seen`: read `min_detectable` beside it.
    """
    p, diff = row["p_adjusted"], row["diff"]
    if not isinstance(p, float) or not isinstance(diff, float) or not p < alpha or diff == 0:
        return "no difference seen"
    return "better" if diff > 0 else "worse"


def _intervals(
    job: _Job, replicates: np.ndarray, left_out: np.ndarray, families: int, level: float
) -> Iterable[SummaryRow]:
    error = jackknife_error(left_out) if job.of_counts else None
    estimates = np.array([line.estimate for line in job.lines])
    low, high = interval(replicates, estimates, families, level, error)
    for line, one, other in zip(job.lines, low, high, strict=True):
        bounds = line.bounds or (-np.inf, np.inf)
        yield line, float(np.clip(one, *bounds)), float(np.clip(other, *bounds))


def _means(placed: Sequence[Placed], at: Sequence[int]) -> list[_Job]:
    groups: dict[tuple[str, bytes], list[int]] = {}
    for position, member in enumerate(placed):
        if isinstance(member.score, MeanScore):
            groups.setdefault(member.population.key, []).append(position)
    jobs = []
    for positions in groups.values():
        for start in range(0, len(positions), COLUMNS):
            chunk = positions[start : start + COLUMNS]
            members = [placed[position] for position in chunk]
            population = members[0].population
            estimates = [_mean(member) for member in members]
            lines = tuple(
                _Line((OWN, at[position]), member.score.where, metrics_of(member)[0], estimate, len(member.order))
                for position, member, estimate in zip(chunk, members, estimates, strict=True)
            )
            jobs.append(_Job(population, mean_statistic(members, population, population), lines))
    return jobs


def _mean(member: Placed) -> float:
    """One column at a time, so that a mean does not depend on which systems it was computed beside."""
    return float(values_of([member], member.population)[:, 0].mean())


def _drops(placed: Sequence[Placed], catalogue: Catalogue, at: Sequence[int]) -> list[_Job]:
    halves: dict[tuple[Where, str], dict[str, Placed]] = {}
    first: dict[tuple[Where, str], int] = {}
    for position, member in zip(at, placed, strict=True):
        score = member.score
        if isinstance(score, MeanScore) and score.where.slice in ("in", "out"):
            half = (replace(score.where, slice="out"), score.metric)
            halves.setdefault(half, {})[score.where.slice] = member
            first.setdefault(half, position)
    groups: dict[tuple[bytes, bytes], list[tuple[int, Where, str, Placed, Placed]]] = {}
    for (where, metric), sides in halves.items():
        if len(sides) == 2:
            inside, outside = sides["in"], sides["out"]
            key = (inside.population.key[1], outside.population.key[1])
            groups.setdefault(key, []).append((first[where, metric], where, metric, inside, outside))
    jobs = []
    for members in groups.values():
        insides, outsides = [member[3] for member in members], [member[4] for member in members]
        within = catalogue.union([insides[0].population, outsides[0].population])
        statistic = DropStatistic(
            mean_statistic(insides, insides[0].population, within),
            mean_statistic(outsides, outsides[0].population, within),
        )
        lines = tuple(
            _Line(
                (DROP, position),
                where,
                f"{metric}.drop",
                float(relative_drop(np.array(_mean(inside)), np.array(_mean(outside)))),
                len(outside.order),
            )
            for position, where, metric, inside, outside in members
        )
        jobs.append(_Job(within, statistic, lines))
    return jobs


def _agreements(placed: Sequence[Placed], spreads: list[_Line], at: Sequence[int]) -> list[_Job]:
    jobs = []
    for position, member in zip(at, placed, strict=True):
        if not isinstance(member.score, ClusterScore):
            continue
        population, where = member.population, member.score.where
        seeds = seed_statistics(member, population)
        by_seed = np.stack([whole(statistic, population) for statistic in seeds])
        lines = tuple(
            _Line(
                (OWN, position, 0, column),
                where,
                name,
                float(by_seed[:, column].mean()),
                len(member.order),
                RANGES[name],
            )
            for column, name in enumerate(AGREEMENT)
        )
        jobs.append(_Job(population, Average(seeds), lines))
        if len(seeds) > 1:
            spread = by_seed.std(axis=0, ddof=1)
            spreads += [
                _Line((OWN, position, 1, column), where, f"{name}.seed_sd", float(spread[column]), len(member.order))
                for column, name in enumerate(AGREEMENT)
            ]
    return jobs


def _labels(placed: Sequence[Placed], catalogue: Catalogue, at: Sequence[int]) -> list[_Job]:
    jobs = []
    sets: dict[tuple[Where, str], list[Placed]] = {}
    first: dict[tuple[Where, str], int] = {}
    for position, member in zip(at, placed, strict=True):
        score = member.score
        if isinstance(score, LabelScore):
            jobs.append(_label_job([member], member.population, score.where, (OWN, position)))
            pooled = (replace(score.where, task="classification:*"), score.probe)
            sets.setdefault(pooled, []).append(member)
            first.setdefault(pooled, position)
    for (where, probe), members in sets.items():
        if len(members) > 1:
            within = catalogue.union([member.population for member in members])
            jobs.append(_label_job(members, within, where, (POOLED, first[where, probe])))
    return jobs


def _label_job(members: Sequence[Placed], within: Population, where: Where, at: tuple[int, ...]) -> _Job:
    statistic = Average(tuple(label_statistic(member, within) for member in members))
    estimates = whole(statistic, within)
    labels, n = sum(len(shared_labels([member])) for member in members), len(within.positions)
    lines = tuple(
        _Line((*at, column), where, name, float(estimates[column]), n, RANGES[F1[column]], labels)
        for column, name in enumerate(metrics_of(members[0]))
    )
    return _Job(within, statistic, lines)


def summary_table(rows: Iterable[SummaryRow]) -> pa.Table:
    """The table `tables.SUMMARY` of rows from any number of calls of `summary_rows`."""
    rows = sorted(rows, key=lambda row: row[0].at)
    columns = {
        "task": [line.where.task for line, _, _ in rows],
        "landscape": [line.where.landscape for line, _, _ in rows],
        "view": [line.where.view for line, _, _ in rows],
        "system": [line.where.system for line, _, _ in rows],
        "slice": [line.where.slice for line, _, _ in rows],
        "metric": [line.metric for line, _, _ in rows],
        "mean": [line.estimate for line, _, _ in rows],
        "ci_low": [low for _, low, _ in rows],
        "ci_high": [high for _, _, high in rows],
        "n": [line.n for line, _, _ in rows],
        "labels": [line.labels for line, _, _ in rows],
    }
    arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in SUMMARY]
    return pa.Table.from_arrays(arrays, schema=SUMMARY)
