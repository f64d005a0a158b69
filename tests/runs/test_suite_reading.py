"""A wrong suite says which file, line and key, what was wrong and what is allowed there."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.errors import InputError
from patray.runs.read import dump_suite, parse_suite, read_suite
from patray.runs.resolve import resolve
from patray.yaml_source import set_value

GOOD = """\
name: small
landscapes:
  - path: a
  - name: made
    generate: {seed: 3, patents: 50}
views:
  - ta
  - {name: mine, sections: [title, claim1]}
models: [minilm]
systems:
  - dense: minilm
  - lexical: bm25
tasks:
  retrieval:
    direction: both
statistics:
  resamples: 500
"""


def test_a_good_suite_reads_and_its_dump_reads_back_equal() -> None:
    suite = parse_suite(GOOD, "good.yaml", [])
    assert suite.models[0].model == "minilm"
    assert suite.tasks.retrieval is not None
    assert suite.tasks.retrieval.direction == "both"
    assert parse_suite(dump_suite(suite), "again.yaml", []) == suite


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("direction: both", "directoin: both",
         ["bad.yaml, line 15, key tasks.retrieval.directoin", "did you mean direction?", "exclude_family"]),
        ("direction: both", "direction: sideways",
         ["bad.yaml, line 15, key tasks.retrieval.direction", "'cited', 'citing' or 'both'", "sideways"]),
        ("resamples: 500", "resamples: many", ["bad.yaml, line 17, key statistics.resamples", "integer", "many"]),
        ("resamples: 500", "resamples: 5", ["statistics.resamples", "greater than or equal to 100"]),
        ("name: small", "title: small", ["key name: this key is missing"]),
        ("name: small", "name: 'with blank'", ["line 1, key name", "with blank"]),
        ("  - path: a", "  - {path: a, generate: {}}", ["line 3, key landscapes.0", "either `path` or `generate`"]),
        ("seed: 3", "sed: 3", ["line 5, key landscapes.1.generate.sed", "did you mean seed?", "patents"]),
        ("sections: [title, claim1]", "section: [title]", ["line 8, key views.1.section", "did you mean sections?"]),
        ("  - dense: minilm", "  - dens: minilm", ["line 11, key systems.0.dens", "did you mean dense?", "lexical"]),
        ("  - dense: minilm", "  - {dense: minilm, k1: 2}", ["line 11, key systems.0", "`k1` has no meaning"]),
        ("models: [minilm]", "models: [minilm]\nmodels: [other]", ["line 10", "the key models stands there twice"]),
        ("views:", "views: [", ["not valid YAML"]),
        ("views:\n  - ta", "views:\n  - 7", ["line 7, key views.0"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_key_and_what_is_allowed(old: str, new: str, words: list[str]) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        parse_suite(GOOD.replace(old, new, 1), "bad.yaml", [])
    for word in words:
        assert word in str(caught.value)


def test_every_mistake_is_listed_at_once() -> None:
    text = GOOD.replace("resamples: 500", "resamples: 5\n  levle: 0.9").replace("seed: 3", "seed: -1")
    with pytest.raises(InputError) as caught:
        parse_suite(text, "bad.yaml", [])
    assert len(str(caught.value).splitlines()) == 3


def test_a_set_option_changes_one_value_and_its_mistake_names_the_option() -> None:
    suite = parse_suite(GOOD, "good.yaml", ["statistics.resamples=900", "landscapes.0.path=/x", "views=[tac]"])
    assert suite.statistics.resamples == 900
    assert suite.landscapes[0].path == "/x"
    assert suite.views == ("tac",)
    with pytest.raises(InputError, match=r"--set statistics\.resamples=few: input should be a valid integer"):
        parse_suite(GOOD, "good.yaml", ["statistics.resamples=few"])
    with pytest.raises(InputError, match="write it as key=value"):
        parse_suite(GOOD, "good.yaml", ["statistics.resamples"])
    with pytest.raises(InputError, match="there is no"):
        parse_suite(GOOD, "good.yaml", ["landscapes.7.path=x"])


@given(st.dictionaries(st.sampled_from("abc"), st.integers()), st.sampled_from("abc"), st.integers())
def test_set_value_sets_exactly_that_value(value: dict[str, int], key: str, new: int) -> None:
    before = dict(value)
    set_value(value, f"{key}={new}")
    assert value == {**before, key: new}


def test_a_missing_an_empty_and_a_binary_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such suite file"):
        read_suite(tmp_path / "none.yaml")
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(InputError, match="a suite is a mapping of keys; allowed: name"):
        read_suite(tmp_path / "empty.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a readable UTF-8 file"):
        read_suite(tmp_path / "binary.yaml")


def test_a_depth_that_a_measure_cannot_be_computed_from_is_refused_before_anything_runs() -> None:
    text = "name: s\nlandscapes: [{generate: {seed: 1, patents: 50}, name: g}]\nmodels: [minilm]\nsearch: {depth: 20}\n"
    with pytest.raises(InputError, match=r"search.depth: 20 is too short for nDCG@100 of .* set at least 100"):
        resolve(parse_suite(text, "s.yaml", []))


@pytest.mark.parametrize(
    "path",
    [
        "/data/tools/", "s3://bucket/tools", "s3://bucket/deep/tools/",
        "s3://bucket/tools?endpoint_override=127.0.0.1:9000&scheme=http",
    ],
)  # fmt: skip
def test_a_landscape_without_a_name_is_called_after_its_folder(path: str) -> None:
    suite = resolve(parse_suite(f"name: x\nlandscapes: [{{path: '{path}'}}]\nmodels: [minilm]\n", "x.yaml", []))
    assert suite.landscapes[0].name == "tools"
