"""The assistive-technology tree: areas, their conventional and emerging products, and the technologies across them.

The words lie in `tree/*.yaml`. Every concept (a part, a function, a problem, ...) has several surface forms, the plain
one first; here they get integer ids, so that inventions are arrays of concepts and texts are arrays of forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from patray.yaml_source import load_yaml

AREAS = ("mobility", "cognition", "communication", "hearing", "self-care", "built-environment", "vision")


@dataclass(frozen=True)
class Choices:
    """A ragged table of ids: row r offers ids[r, :count[r]] (ids of shape (rows, widest), count of shape (rows,))."""

    ids: np.ndarray
    count: np.ndarray

    @staticmethod
    def of(rows: Sequence[Sequence[int]]) -> Choices:
        ids = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int32)
        for position, row in enumerate(rows):
            ids[position, : len(row)] = row
        return Choices(ids, np.array([len(row) for row in rows], dtype=np.int64))


@dataclass(frozen=True)
class Tree:
    """All concepts and who owns them.

    forms: every surface form; concept c owns forms[start[c] : start[c] + count[c]].
    products, technologies: names; product_area (P,), product_emerging (P,) bool.
    name, parts, functions, problems: concepts of the products. tech_*: of the technologies. area_*: of the areas.
    symbols: IPC symbols; ipc3 (symbols,) the number of each one's 3-character class. product_ipc: symbols of each
    product, the first one is always used. tech_ipc (T,): symbol of each technology.
    tech_pool: technologies that conventional (row 0) and emerging (row 1) products mostly use.
    """

    forms: tuple[str, ...]
    start: np.ndarray
    count: np.ndarray
    products: tuple[str, ...]
    technologies: tuple[str, ...]
    product_area: np.ndarray
    product_emerging: np.ndarray
    name: np.ndarray
    parts: Choices
    functions: Choices
    problems: Choices
    area_users: np.ndarray
    area_generic: np.ndarray
    area_parts: Choices
    area_problems: Choices
    area_effects: Choices
    tech_name: np.ndarray
    tech_parts: Choices
    tech_functions: Choices
    tech_problems: Choices
    tech_effects: Choices
    tech_pool: Choices
    symbols: tuple[str, ...]
    ipc3: np.ndarray
    product_ipc: Choices
    tech_ipc: np.ndarray


class _Collector:
    """Numbers concepts and IPC symbols in the order in which they are met."""

    def __init__(self) -> None:
        self.forms: list[str] = []
        self.start: list[int] = []
        self.count: list[int] = []
        self.symbols: dict[str, int] = {}

    def concept(self, line: str) -> int:
        forms = [form.strip() for form in line.split("|")]
        self.start.append(len(self.forms))
        self.count.append(len(forms))
        self.forms += forms
        return len(self.start) - 1

    def concepts(self, lines: Sequence[str]) -> list[int]:
        return [self.concept(line) for line in lines]

    def ipc(self, line: str) -> list[int]:
        return [self.symbols.setdefault(symbol, len(self.symbols)) for symbol in line.split()]


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(f"tree/{name}.yaml").read_text(encoding="utf-8")
    return dict(load_yaml(text))


@cache
def tree() -> Tree:
    """The whole tree, read once a process."""
    found = _Collector()
    areas = [_read(area) for area in AREAS]
    products = [
        (name, position, value) for position, area in enumerate(areas) for name, value in area["products"].items()
    ]
    technologies = _read("technologies")
    kinds = [str(value["kind"]) for value in technologies.values()]
    product_values = [value for _, _, value in products]
    technology_values = list(technologies.values())

    def table(values: Sequence[dict[str, Any]], key: str) -> Choices:
        return Choices.of([found.concepts(value[key]) for value in values])

    def column(values: Sequence[dict[str, Any]], key: str) -> np.ndarray:
        return np.array([found.concept(value[key]) for value in values], dtype=np.int32)

    owned: dict[str, Any] = {
        "name": column(product_values, "names"),
        "parts": table(product_values, "parts"),
        "functions": table(product_values, "functions"),
        "problems": table(product_values, "problems"),
        "area_users": column(areas, "users"),
        "area_generic": column(areas, "generic"),
        "area_parts": table(areas, "parts"),
        "area_problems": table(areas, "problems"),
        "area_effects": table(areas, "effects"),
        "tech_name": column(technology_values, "names"),
        "tech_parts": table(technology_values, "parts"),
        "tech_functions": table(technology_values, "functions"),
        "tech_problems": table(technology_values, "problems"),
        "tech_effects": table(technology_values, "effects"),
        "product_ipc": Choices.of([found.ipc(value["ipc"]) for value in product_values]),
        "tech_ipc": np.array([found.ipc(value["ipc"])[0] for value in technology_values], dtype=np.int32),
    }
    classes = {code: number for number, code in enumerate(sorted({symbol[:3] for symbol in found.symbols}))}
    return Tree(
        forms=tuple(found.forms),
        start=np.array(found.start, dtype=np.int32),
        count=np.array(found.count, dtype=np.int64),
        products=tuple(name for name, _, _ in products),
        technologies=tuple(technologies),
        product_area=np.array([area for _, area, _ in products], dtype=np.int16),
        product_emerging=np.array([value["kind"] == "emerging" for value in product_values]),
        tech_pool=Choices.of(
            [[t for t, found_kind in enumerate(kinds) if found_kind in (kind, "both")] for kind in _KINDS]
        ),
        symbols=tuple(found.symbols),
        ipc3=np.array([classes[symbol[:3]] for symbol in found.symbols], dtype=np.int64),
        **owned,
    )


_KINDS = ("conventional", "emerging")
