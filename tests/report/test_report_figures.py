from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from patray.report.data import Dot
from patray.report.figures import Curve, Model, Slope, pareto, slopes, speed_against_quality, spread, weight_curves
from patray.report.sections.map_figure import MOST_DOTS, draw_map
from patray.report.svg import axis_over

numbers = st.lists(st.floats(-1e3, 1e3, allow_nan=False), min_size=1, max_size=20)


@given(numbers, st.integers(3, 6))
def test_an_axis_holds_every_value_and_has_few_round_ticks(values: list[float], ticks: int) -> None:
    axis = axis_over(values, 10, 200, ticks)
    assert all(10 <= axis.at(value) <= 200 for value in values)
    assert len(axis.ticks) <= ticks
    assert all(9.99 <= axis.at(tick) <= 200.01 for tick in axis.ticks)


@given(st.floats(0, 0.99), st.floats(0.001, 1))
def test_axis_labels_tell_ticks_apart_and_are_what_they_say(low: float, width: float) -> None:
    axis = axis_over([low, low + width], 0, 150, 4)
    labels = [axis.label(tick) for tick in axis.ticks]
    assert len(set(labels)) == len(labels) >= 1
    for tick, label in zip(axis.ticks, labels, strict=True):
        assert abs(float(label.replace("−", "-")) - tick) < 1e-9


@given(st.lists(st.floats(0, 200), min_size=1, max_size=8))
def test_spread_labels_do_not_overlap_and_keep_their_order(wanted: list[float]) -> None:
    placed = spread(wanted, 14, 20, 300)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    stacked = [placed[index] for index in order]
    assert all(b - a >= 14 - 1e-6 for a, b in itertools.pairwise(stacked))
    assert all(20 - 1e-6 <= place <= 300 + 1e-6 for place in placed)


models = st.lists(
    st.builds(Model, st.text("abc", min_size=1), st.floats(0.1, 1e4), st.floats(0, 1)), min_size=1, max_size=12
)


@given(models)
def test_the_front_is_what_no_other_model_beats_in_both(found: list[Model]) -> None:
    def beaten(one: Model) -> bool:
        return any(
            other.speed >= one.speed
            and other.score >= one.score
            and (other.speed, other.score) != (one.speed, one.score)
            for other in found
        )

    expected = {(one.speed, one.score) for one in found if not beaten(one)}
    assert {(one.speed, one.score) for one in pareto(found)} == expected


def test_slopes_name_six_systems_and_say_how_many_more_there_are() -> None:
    drawing = slopes([Slope(f"system {i}", 0.3 - i / 100, 0.1 - i / 200) for i in range(9)], "nDCG@10")
    texts = [node.text or "" for node in ET.fromstring(str(drawing)).iter() if node.tag == "text"]
    assert sum("system" in text and "more" not in text for text in texts) == 6
    assert "3 more systems in grey" in texts
    assert sum(node.get("class", "").endswith("slope") for node in ET.fromstring(str(drawing)).iter("g")) == 9


def test_the_chosen_weight_and_no_other_carries_a_star() -> None:
    curve = Curve("linear(a,b)", (0.0, 0.5, 1.0), (0.1, 0.3, 0.2), 0.5)
    drawing = str(weight_curves([curve], "nDCG@10"))
    assert re.findall(r"weight ([\d.]+) chosen", drawing) == ["0.5"]
    assert "M0-6.4" in drawing
    assert "M0-6.4" not in str(weight_curves([Curve("x", (0.0, 1.0), (0.1, 0.2), None)], "nDCG@10"))


def test_a_large_map_shows_an_even_sample_and_counts_everything() -> None:
    dots = [Dot(f"P{i}", f"label {i % 20}", f"title {i}", i % 97, i % 89) for i in range(5000)]
    drawn = draw_map(dots)
    assert (drawn.shown, drawn.total) == (MOST_DOTS, 5000)
    assert sum(count for _, _, count in drawn.legend) == 5000
    assert len(drawn.legend) == 8
    assert str(drawn.figure).count("<circle") == MOST_DOTS
    shown = [int(text) for text in re.findall(r"title (\d+) ", str(drawn.figure))]
    assert max(b - a for a, b in itertools.pairwise(sorted(shown))) <= 5


def test_figures_are_well_formed_whatever_the_names() -> None:
    bad = "</title><script>alert(1)</script>&\x00\u202e\"'"
    drawings = [
        slopes([Slope(bad, 0.2, 0.1)], bad),
        weight_curves([Curve(bad, (0.0, 1.0), (0.1, 0.1), 1.0)], bad),
        speed_against_quality([Model(bad, 10, 0.1), Model(bad, 20, 0.2)], bad),
        draw_map([Dot(bad, bad, bad, 0, 0)]).figure,
    ]
    for drawing in drawings:
        assert not [node for node in ET.fromstring(str(drawing)).iter() if node.tag == "script"]
