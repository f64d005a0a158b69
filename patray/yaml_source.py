"""YAML with positions, so that an error can name the file, the line and the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from patray.errors import InputError

Location = tuple[str | int, ...]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it: the same values, ten times as fast."""


def load_yaml(text: str) -> Any:
    """The value of one document, tags of Python refused: load_yaml("a: [1]") is {"a": [1]}. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_LOADER)


@dataclass(frozen=True)
class YamlSource:
    """Parsed YAML. `lines` maps the place of a value (keys and list positions from the top) to its line, from 1."""

    name: str
    value: Any
    lines: dict[Location, int]

    def where(self, location: Location) -> str:
        """`file.yaml, line 12, key views.3` for the deepest place of `location` that stands in the file."""
        for size in range(len(location), -1, -1):
            if location[:size] in self.lines:
                line = self.lines[location[:size]]
                key = ".".join(map(str, location)) or "the file"
                return f"{self.name}, line {line}, key {key}"
        return f"{self.name}, key {'.'.join(map(str, location))}"


def parse_yaml(text: str, name: str) -> YamlSource:
    """Parse one document; InputError for bad syntax, a key written twice, or a key that is not a string."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise InputError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from error
    lines: dict[Location, int] = {}
    if node is not None:
        _walk(node, (), lines, name)
    return YamlSource(name, load_yaml(text), lines)


def _walk(node: yaml.Node, location: Location, lines: dict[Location, int], name: str) -> None:
    lines[location] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key_node, value_node in node.value:
            key = key_node.value
            line = key_node.start_mark.line + 1
            if key in seen:
                raise InputError(f"{name}, line {line}: the key {key} stands there twice")
            seen.add(key)
            _walk(value_node, (*location, key), lines, name)
            lines[(*location, key)] = line
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _walk(item, (*location, position), lines, name)


def set_value(value: Any, assignment: str) -> Location:
    """Apply `a.b.0.c=VALUE` (VALUE is YAML) to nested dicts and lists in place; returns the place that was set."""
    path, separator, text = assignment.partition("=")
    if not separator or not path:
        raise InputError(f"--set {assignment}: write it as key=value, for example statistics.resamples=1000")
    try:
        new = load_yaml(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {assignment}: {text!r} is not valid YAML: {' '.join(str(error).split())}") from error
    location: Location = tuple(int(part) if part.isdigit() else part for part in path.split("."))
    target = value
    for part in location[:-1]:
        if isinstance(target, dict) and isinstance(part, str):
            if target.get(part) is None:
                target[part] = {}
            target = target[part]
        elif isinstance(target, list) and isinstance(part, int) and part < len(target):
            target = target[part]
        else:
            raise InputError(f"--set {assignment}: there is no {part!r} at that place")
    last = location[-1]
    in_list = isinstance(target, list) and isinstance(last, int) and last < len(target)
    if not in_list and not (isinstance(target, dict) and isinstance(last, str)):
        raise InputError(f"--set {assignment}: there is no place {last!r} there")
    target[last] = new
    return location
