"""What makes a run another one: an option that came later and is off does not, its other values do."""

from patray.runs.identity import differences

OLD = {"models": [{"name": "a", "record": {"pooling": "mean"}}], "statistics": {"correction": "holm"}}


def changed(**record: object) -> dict:
    return {**OLD, "models": [{"name": "a", "record": {"pooling": "mean", **record}}]}


def test_an_option_of_a_later_patray_that_is_off_makes_no_other_run() -> None:
    assert differences(OLD, changed(query_table=False, adapters={}, spans=[], note=None)) == []
    assert differences(changed(query_table=False), OLD) == []


def test_an_option_that_is_on_or_was_said_makes_another_run() -> None:
    assert differences(OLD, changed(query_table=True)) == ["models.0.record.query_table: absent -> True"]
    assert differences(changed(query_table=True), changed(query_table=False)) == [
        "models.0.record.query_table: True -> False"
    ]
    assert differences(changed(native=None), changed(native=False)) == ["models.0.record.native: None -> False"]
    other = {**OLD, "statistics": {"correction": "auto"}}
    assert differences(OLD, other) == ["statistics.correction: 'holm' -> 'auto'"]
    assert differences({**OLD, "statistics": {}}, other) == ["statistics.correction: absent -> 'auto'"]
