"""Read a suite file: every mistake is told with file, line, key, what was wrong and what is allowed there."""

from __future__ import annotations

from pathlib import Path

import yaml

from patray.errors import InputError
from patray.runs.suite import Suite
from patray.yaml_model import read_text, validate
from patray.yaml_source import parse_yaml, set_value


def read_suite(path: str | Path, assignments: list[str] | None = None) -> Suite:
    """The suite in `path` with `key=value` assignments (from --set) applied; InputError lists every mistake."""
    return parse_suite(read_text(path, "suite"), str(path), assignments or [])


def parse_suite(text: str, name: str, assignments: list[str]) -> Suite:
    """As `read_suite`, from the text of a file called `name`."""
    source = parse_yaml(text, name)
    if not isinstance(source.value, dict):
        raise InputError(f"{name}: a suite is a mapping of keys; allowed: {', '.join(Suite.model_fields)}")
    placed = {set_value(source.value, assignment): assignment for assignment in assignments}
    return validate(Suite, source, placed)


def dump_suite(suite: Suite) -> str:
    """A suite as YAML with every default written out; reading it back gives an equal suite."""
    return yaml.safe_dump(suite.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True, width=120)
