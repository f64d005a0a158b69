"""What patray can be extended by: built-ins and things from other packages, by one and the same path.

A package adds a kind of system, a measure, a format, an engine, a loss, a pair source or a section of the report
through an entry point; nothing of patray is edited:

    [project.entry-points."patray.systems"]
    newest-first = "my_package.newest:NewestFirst"

A package that cannot be loaded, or whose name is taken, is named in a warning and left out. `docs/extending.md` has
one example of each.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from patray.errors import InputError

Thing = TypeVar("Thing")
GROUPS = ("systems", "measures", "formats", "engines", "losses", "sources", "sections", "rankers", "encoders")
"""Groups of entry points, each `patray.GROUP`."""


_REGISTRIES: dict[str, Registry[Any]] = {}
_FROM_ELSEWHERE: dict[str, dict[str, Any]] = {}
Added = dict[str, dict[str, Any]]
"""Group -> name -> thing, of what was added by hand."""


def added() -> Added:
    """What was added in this process, by group; a task elsewhere is given it with its work."""
    return {group: dict(one._added) for group, one in _REGISTRIES.items() if one._added}


def take_over(things: Added) -> None:
    """Add what another process had added; its tasks run here."""
    for group, by_name in things.items():
        _FROM_ELSEWHERE.setdefault(group, {}).update(by_name)
        if group in _REGISTRIES:
            _REGISTRIES[group]._added.update(by_name)


class Registry(Generic[Thing]):
    """Finds things of one kind by name: `Registry("systems", {"dense": "patray.systems.dense:Dense"}, type)["dense"]`.

    builtin: name -> `module:attribute`, loaded when asked for. wanted: what a thing must be an instance of. made: makes
    it of the name and what an entry point names.
    """

    def __init__(
        self, group: str, builtin: Mapping[str, str], wanted: type | tuple[type, ...] = object,
        made: Callable[[str, Any], Any] = lambda name, thing: thing,
    ) -> None:  # fmt: skip
        self.group, self.wanted, self._made = group, wanted, made
        self._builtin = dict(builtin)
        self._loaded: dict[str, Any] = {}
        self._added: dict[str, Thing] = dict(_FROM_ELSEWHERE.get(group, {}))
        _REGISTRIES.setdefault(group, self)

    @cached_property
    def _found(self) -> dict[str, EntryPoint]:
        """Entry points of other packages that load and are what they should be."""
        kept: dict[str, EntryPoint] = {}
        for point in sorted(entry_points(group=f"patray.{self.group}"), key=lambda one: one.name):
            if point.name in self._builtin or point.name in kept:
                self._skip(point, "the name is taken")
                continue
            try:
                thing: Any = self._made(point.name, point.load())
            except Exception as error:  # whatever another package raises while it is imported
                self._skip(point, f"it cannot be loaded ({type(error).__name__}: {error})")
                continue
            if not isinstance(thing, self.wanted):
                self._skip(point, f"{point.value} is a {type(thing).__name__}")
                continue
            kept[point.name] = point
            self._loaded[point.name] = thing
        return kept

    def _skip(self, point: EntryPoint, why: str) -> None:
        package = "a package" if point.dist is None else f"{point.dist.name} {point.dist.version}"
        warnings.warn(f"{package}: patray.{self.group} {point.name!r} is left out: {why}", stacklevel=4)

    def names(self) -> tuple[str, ...]:
        """All names, those of patray first."""
        return (*self._builtin, *self._found, *self._added)

    def add(self, name: str, thing: Thing) -> None:
        """Add a thing to this process and to the tasks that it starts, as a notebook does; a cell may run again.

        Raises InputError where a built-in or a package has the name.
        """
        if name in self._builtin or name in self._found:
            raise InputError(f"{self.group}: there is a {name!r} already")
        self._added[name] = thing

    def __contains__(self, name: object) -> bool:
        return name in self._builtin or name in self._found or name in self._added

    def __getitem__(self, name: str) -> Thing:
        """The thing of that name. Raises InputError, listing what there is, for any other."""
        if name not in self:
            known = f"there are {', '.join(self.names())}" if self.names() else "there are none"
            raise InputError(f"{self.group}: there is no {name!r}; {known}")
        if name in self._added:
            return self._added[name]
        if name not in self._loaded:
            module, _, attribute = self._builtin[name].partition(":")
            self._loaded[name] = getattr(import_module(module), attribute)
        thing: Thing = self._loaded[name]
        return thing

    def get(self, name: str) -> Thing | None:
        """The thing of that name, None where there is none."""
        return self[name] if name in self else None  # noqa: SIM401

    def values(self) -> list[Thing]:
        return [self[name] for name in self.names()]

    def origins(self) -> dict[str, str]:
        """Where what is not patray's own comes from: {"newest-first": "my-package 1.2"}."""
        made_by = {name: point.dist for name, point in self._found.items()}
        return {name: "" if dist is None else f"{dist.name} {dist.version}" for name, dist in made_by.items()}


def installed() -> dict[str, dict[str, str]]:
    """What other packages add, for the provenance: group -> name -> package and version. Nothing is loaded."""
    found: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        for point in entry_points(group=f"patray.{group}"):
            package = "" if point.dist is None else f"{point.dist.name} {point.dist.version}"
            found.setdefault(group, {})[point.name] = package
    return found
