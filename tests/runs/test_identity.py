"""What makes a run another one: an option that came later and is off does not, its other values do."""

import re
from pathlib import Path

import pytest

from patray.errors import ConflictError
from patray.files import Folder
from patray.runs.identity import claim_run, differences
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve

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


@pytest.mark.parametrize("own", [False, True])
def test_what_was_written_comes_first_and_the_comparisons_that_follow_are_counted(tmp_path: Path, own: bool) -> None:
    text = "name: s\nlandscapes: [{name: a, generate: {patents: 50}}]\nsystems: [{lexical: bm25}]\nviews: [ta]\n"
    family = "{name: NAME, task: retrieval, metric: nDCG@10}"
    ours = f"statistics: {{comparisons: [{family}]}}\n" if own else ""
    run = Folder.at(tmp_path).make()
    claim_run(run, resolve(parse_suite(text + ours.replace("NAME", "mine"), "s.yaml", [])))
    other = parse_suite(
        text + ours.replace("NAME", "other"), "s.yaml", ["views=[ta,abstract]", "landscapes.0.max_bad_share=0.5"]
    )
    with pytest.raises(ConflictError) as told:
        claim_run(run, resolve(other))
    lines = str(told.value).splitlines()
    assert lines[1] == "  landscapes.0.max_bad_share: 0.05 -> 0.5"
    assert all(line.startswith("  views.1.") for line in lines[2:-2])
    assert len(lines) > 4
    if own:
        assert lines[-2] == "  statistics.comparisons.0.name: 'mine' -> 'other'"
    else:
        assert re.fullmatch(r"  and \d+ of statistics\.comparisons, which follow from these", lines[-2])
