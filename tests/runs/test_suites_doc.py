"""docs/suites.md is complete and true: its example parses, and every key of the schema stands in it."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import BaseModel

from patray.measures.definitions import DEFINITIONS
from patray.runs import suite as schema
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve
from patray.systems.functions import ENCODERS

DOC = (Path(__file__).resolve().parents[2] / "docs" / "suites.md").read_text()
EXAMPLE = re.search(r"```yaml\n(.*?)```", DOC, re.DOTALL).group(1)
WRITTEN_BY_RESOLVE = {"content", "tuned"}


def test_the_example_of_the_documentation_is_a_valid_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENCODERS._added, "letters", lambda texts, role: np.ones((len(texts), 2)))  # a script gives it
    assert resolve(parse_suite(EXAMPLE, "docs/suites.md", [])).name == "example"


def test_every_key_of_the_schema_is_documented() -> None:
    parts = [item for item in vars(schema).values() if isinstance(item, type) and issubclass(item, BaseModel)]
    keys = {key for part in parts if part.__module__ == schema.__name__ for key in part.model_fields}
    words = set(re.findall(r"[A-Za-z_0-9]+", EXAMPLE))
    assert keys - words - WRITTEN_BY_RESOLVE == set()


def test_the_defaults_in_the_documentation_are_those_of_the_schema() -> None:
    shown = yaml.safe_load(EXAMPLE)
    defaults = schema.Suite(name="x", landscapes=[{"path": "x"}]).model_dump(mode="json")
    for section in ("splits", "embedding", "training", "search", "models_from", "prices"):
        assert shown[section] == defaults[section]
    retrieval = {**shown["tasks"]["retrieval"], "queries": None}
    assert retrieval == defaults["tasks"]["retrieval"]
    for task in ("classification", "clustering"):
        assert shown["tasks"][task] == defaults["tasks"][task]
    assert {**shown["statistics"], "comparisons": None} == defaults["statistics"]


def test_the_table_of_measures_is_that_of_the_definitions() -> None:
    rows = re.findall(r"^\| `([^`|]+?)(?:@K)?` \| (\w+) \| (\S+) to (\S+) \| (.*?) \|(.*)\|$", DOC, re.MULTILINE)
    assert [row[0] for row in rows] == [definition.name for definition in DEFINITIONS]
    for (_, task, low, high, says, called), definition in zip(rows, DEFINITIONS, strict=True):
        assert (task, float(low), float(high)) == (definition.task, definition.low, definition.high)
        assert says.startswith(definition.says)
        names = [name.strip().strip("`") for name in called.split("|")]
        others = (definition.trec_eval, definition.ir_measures, definition.mteb)
        assert names == [name.format(k="K") for name in others]
