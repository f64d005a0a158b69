"""Queries newer than a model: counts by hand, the interaction against a dummy regression, dates that lack a day."""

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from patray.errors import InputError
from patray.models.record import ModelRecord
from patray.models.registry import find_record
from patray.runs.resolve import resolve
from patray.runs.suite import Suite
from patray.runs.tuned import Tuned
from patray.runs.tuned_systems import lexical_systems, released_systems
from patray.statistics.draws import Draws
from patray.statistics.exposure import FEWEST
from patray.tables import CONTAMINATION, DATED_ITEMS
from patray.tasks.contamination import contamination, dates_of, period_of
from patray.tasks.populations import Catalogue
from patray.tasks.scores import MeanScore, Where

COUNT = 200
IDS = np.array([f"q{at:03}" for at in range(COUNT)], object)
DATES = [None if at % 20 == 19 else f"{2015 + at % 10}-06-15" for at in range(COUNT)]
ITEMS = pa.table([["l"] * COUNT, list(IDS), [None] * COUNT, DATES], schema=DATED_ITEMS)
FEW = Draws(resamples=500, seed=2)
TUNED = Tuned(base="minilm", recipe="R1", home="l", seed=0)


def scores(loss: float = 0.0, seed: int = 0) -> list[MeanScore]:
    """Model and keyword search, both worse on newer queries, the model by `loss` more from 2022 on."""
    rng = np.random.default_rng(seed)
    newer = np.array([text is not None and text >= "2022" for text in DATES])
    base = rng.beta(2, 2, COUNT) - 0.1 * newer
    columns = {"m": base - loss * newer + rng.normal(0, 0.1, COUNT), "bm25": base + rng.normal(0, 0.1, COUNT)}
    return [
        MeanScore(Where("retrieval", "l", "ta", name, "all"), "nDCG@10", IDS, values)
        for name, values in columns.items()
    ]


def judged(
    loss: float = 0.0, released: str | None = "2021-12", reference: str | None = "bm25", items: pa.Table = ITEMS
):
    catalogue = Catalogue.of(items)
    table = contamination(scores(loss), catalogue, dates_of(items, catalogue), {"m": released}, reference, FEW)
    assert table.schema == CONTAMINATION
    (row,) = table.to_pylist()
    return row


def test_counts_means_and_the_interaction_are_those_of_a_regression_with_an_interaction() -> None:
    row = judged(0.2)
    known = np.array([text is not None for text in DATES])
    newer = np.array([text is not None and text >= "2022" for text in DATES])
    assert (row["before"], row["after"], row["undated"], row["same_time"]) == (
        int((known & ~newer).sum()), int(newer.sum()), int((~known).sum()), 0,
    )  # fmt: skip
    of = {score.where.system: score.values[known] for score in scores(0.2)}
    after = newer[known].astype(float)
    values = np.concatenate([of["m"], of["bm25"]])
    system = np.repeat([1.0, 0.0], known.sum())
    design = np.column_stack([np.ones(len(values)), system, np.tile(after, 2), system * np.tile(after, 2)])
    assert row["interaction"] == pytest.approx(sm.OLS(values, design).fit().params[3])
    assert row["change"] == pytest.approx(of["m"][after == 1].mean() - of["m"][after == 0].mean())
    # The interval is that of the paired difference, whose error by Welch's formula is the jackknife's nearly.
    difference = of["m"] - of["bm25"]
    error = np.sqrt(sum(difference[after == side].var(ddof=1) / (after == side).sum() for side in (0, 1)))
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 2.0 * error, rel=0.1)
    assert row["ci_high"] < 0
    assert row["p_adjusted"] < 0.01


def test_a_fall_that_the_keyword_search_shares_is_no_contamination() -> None:
    row = judged(0.0)
    assert row["change"] < -0.05
    assert row["ci_low"] < 0 < row["ci_high"]
    assert row["p_adjusted"] > 0.05


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"released": None}, ("before", "mean_before", "interaction", "p")),
        ({"reference": None}, ("reference_change", "interaction", "p")),
        ({"released": "2030"}, ("mean_after", "change", "interaction", "p")),
        ({"items": ITEMS.drop_columns(["date"])}, ("mean_before", "change", "p")),
    ],
)
def test_what_cannot_be_known_is_null(change: dict[str, object], missing: tuple[str, ...]) -> None:
    row = judged(**change)  # type: ignore[arg-type]
    assert [row[name] for name in missing] == [None] * len(missing)


def test_few_newer_queries_have_a_value_and_no_test() -> None:
    row = judged(0.5, released="2023-12-31")
    assert 0 < row["after"] < FEWEST
    assert row["interaction"] < -0.1
    assert row["p"] is None
    assert row["ci_low"] is None


def test_queries_of_the_days_of_release_are_on_neither_side() -> None:
    row = judged(released="2021")
    assert row["same_time"] == sum(text is not None and text.startswith("2021") for text in DATES)
    assert row["before"] + row["after"] + row["same_time"] + row["undated"] == COUNT


@given(st.dates(date(1990, 1, 1), date(2099, 12, 31)))
def test_a_date_lies_in_its_month_and_year(day: date) -> None:
    for text in (str(day), str(day)[:7], str(day)[:4]):
        period = period_of(text)
        assert period.first <= np.datetime64(day) <= period.last
    assert period_of(str(day)).first == period_of(str(day)).last
    assert (period_of(str(day)[:7]).last + 1).astype("datetime64[M]") != np.datetime64(day, "M")


@pytest.mark.parametrize("text", ["", "March 2024", "2024-13", "2024-02-30", "24-01"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected YYYY"):
        period_of(text)


def test_a_system_is_as_young_as_the_last_of_its_models() -> None:
    suite = resolve(
        Suite.model_validate(
            {
                "name": "x",
                "landscapes": [{"name": "l", "generate": {"patents": 600}}],
                "models": ["minilm", {"model": "minilm", "name": "dated"}],
                "systems": [
                    {"dense": "minilm"}, {"dense": "dated"}, {"lexical": "bm25"}, {"linear": ["minilm", "bm25"]},
                ],
            }
        )
    )  # fmt: skip
    tuned = suite.model_copy(
        update={
            "models": [one.model_copy(update={"tuned": TUNED}) if one.name == "dated" else one for one in suite.models]
        }
    )
    assert released_systems(tuned)["dated"] is None
    released = {str(entry.name): entry.record.released for entry in suite.models if entry.record}
    assert lexical_systems(suite) == ["bm25"]
    assert released_systems(suite) == {
        "minilm": released["minilm"], "dated": released["dated"], "linear(minilm,bm25)": released["minilm"],
    }  # fmt: skip


@pytest.mark.parametrize("text", ["2024-Q1", "March", "2024-02-30", "20240301", "24"])
def test_a_record_whose_release_is_no_date_is_refused_when_it_is_read(text: str) -> None:
    record = find_record("minilm").model_dump(mode="json")
    with pytest.raises(ValidationError, match="expected YYYY, YYYY-MM or YYYY-MM-DD"):
        ModelRecord.model_validate(record | {"released": text})
    assert ModelRecord.model_validate(record | {"released": "2024-02"}).released == "2024-02"
