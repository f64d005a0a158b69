"""Names, columns and types of a run folder's tables. Other tools read these: a change here is a change of format."""

from __future__ import annotations

import pyarrow as pa


def _schema(text: str, floats: str = "", ints: str = "", bools: str = "") -> pa.Schema:
    kinds = {**dict.fromkeys(floats.split(), pa.float64()), **dict.fromkeys(ints.split(), pa.int64())}
    kinds.update(dict.fromkeys(bools.split(), pa.bool_()))
    return pa.schema([(name, kinds.get(name, pa.string())) for name in text.split()])


EVIDENCE = _schema("task landscape view system slice metric item_id value", floats="value")
SUMMARY = _schema(
    "task landscape view system slice metric mean ci_low ci_high n labels",
    floats="mean ci_low ci_high",
    ints="n labels",
)
"""Every mean. n: items; labels: how many an F1 is about (of several label sets together), null for other metrics."""
COMPARISONS = _schema(
    "family task landscape view slice metric system_a system_b mean_a mean_b diff ci_low ci_high "
    "ci_low_all ci_high_all p_permutation p_t p_wilcoxon p_adjusted correction p_equivalent effect_size wins ties "
    "losses n min_detectable",
    floats="mean_a mean_b diff ci_low ci_high ci_low_all ci_high_all p_permutation p_t p_wilcoxon p_adjusted "
    "p_equivalent effect_size min_detectable",
    ints="wins ties losses n",
)
"""Every paired difference. ci_low, ci_high hold this one; ci_low_all, ci_high_all hold all of the family at once."""
ACROSS = _schema(
    "family task view slice metric system_a system_b landscapes above fewest diff sd ci_low ci_high new_low new_high",
    floats="diff sd ci_low ci_high new_low new_high",
    ints="landscapes above fewest",
)
"""Every pair over the landscapes on which it met: diff is their mean, above counts those where it is over 0, fewest is
the smallest n; new_low, new_high hold the difference on a landscape not yet seen (null below three)."""
CONTAMINATION = _schema(
    "task landscape view system metric released reference before after same_time undated mean_before mean_after change "
    "reference_mean_before reference_mean_after reference_change interaction ci_low ci_high p p_adjusted correction",
    floats="mean_before mean_after change reference_mean_before reference_mean_after reference_change interaction "
    "ci_low ci_high p p_adjusted",
    ints="before after same_time undated",
)
"""Queries dated before and after the release of a system's models, and how much more it changes than a reference."""
STANDINGS = _schema(
    "family task landscape view slice metric system mean rank rank_low rank_high may_win shortfall not_worse picked "
    "held_out winner_held_out n",
    floats="mean shortfall picked held_out winner_held_out",
    ints="rank rank_low rank_high n",
    bools="may_win not_worse",
)
"""Who may be the best of a task, landscape and view: `statistics/best.py`."""
VERDICTS = _schema(
    "family task landscape view slice metric base recipe home place mean_base mean_tuned diff ci_low ci_high "
    "p_permutation p_adjusted standard_error n seeds seed_sd seed_component ci_low_seeds ci_high_seeds "
    "min_detectable verdict",
    floats="mean_base mean_tuned diff ci_low ci_high p_permutation p_adjusted standard_error seed_sd seed_component "
    "ci_low_seeds ci_high_seeds min_detectable",
    ints="n seeds",
)
"""What tuning a base by a recipe did to a task on a landscape: place is `home` or `foreign`; mean_tuned and diff are of
the mean over seeds, seed_sd is the standard deviation of the seeds' differences (null with one seed), seed_component
what of it is the seeds' own and not chance of these queries; ci_low_seeds, ci_high_seeds hold the difference over other
queries and other seeds (null below three), verdict is `improved`, `no difference seen` or `degraded`."""
TRENDS = _schema(
    "family view metric home bases cells tau ci_low ci_high p", floats="tau ci_low ci_high p", ints="bases cells"
)
"""Whether tuning does more abroad for stronger or weaker bases: Kendall's tau of base score and mean foreign change."""
TRAINING = _schema(
    "model base recipe home seed step source loss learning_rate gradient_norm validation seconds pairs_per_s",
    floats="loss learning_rate gradient_norm validation seconds pairs_per_s",
    ints="seed step",
)
"""The log of every training, a row a step; step 0 is the base. validation: null where none was taken."""
QUARANTINE = _schema("landscape file row id reason action", ints="row")
RANKING = pa.schema(
    [("query_id", pa.string()), ("patent_id", pa.string()), ("rank", pa.int32()), ("score", pa.float64())]
)
ITEMS = _schema("landscape item_id family_id")
"""Which family an item belongs to: resamples are drawn by family."""
DATED_ITEMS = ITEMS.append(pa.field("date", pa.string()))
"""As a run writes it: date is ISO text, null where unknown; a run of before has no such column."""
TUNING = _schema(
    "task landscape view system parameter value metric mean n chosen", floats="value mean", ints="n", bools="chosen"
)
"""One row per tried value of everything that was tuned on validation: fusion weight, k of k-NN, C of the probe. The
ends of the chosen fusion weight's interval stand as `fusion.weight.ci_low` and `fusion.weight.ci_high`."""
MAP = _schema("landscape view system patent_id label title x y", floats="x y")
"""A 2-D map of the patents, for the report."""


ADDED = frozenset(
    {
        "ci_low_all",
        "ci_high_all",
        "correction",
        "p_equivalent",
        "labels",
        "reference_mean_before",
        "reference_mean_after",
        "seed_component",
        "ci_low_seeds",
        "ci_high_seeds",
    }
)
"""Columns that runs of patray 0.1 lack: they are read as null."""


def ranking_file(landscape: str, view: str, system: str) -> str:
    """Where a ranking lies in a run folder."""
    return f"rankings/{landscape}/{view}/{system}.parquet"
