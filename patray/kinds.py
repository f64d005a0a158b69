"""What patray can be extended by: built-ins and things from other packages, by one and the same path.

A package adds a kind of system, a measure, a format, an engine, a loss, a pair source or a section of the report
through an entry point; nothing of patray is edited:

    [project.entry-points."patray.systems"]
    newest-first = "my_package.newest:NewestFirst"

A package that cannot be loaded, or whose name is taken, is named in a warning and left out. `docs/extending.md` has
one example of each.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

from patray.errors import InputError
from patray.progress import warn

Thing = TypeVar("Thing")
CALLED = {"type": "a class", "ABCMeta": "a class", "FunctionType": "a function"}
"""What a thing must be, in the words of a warning."""
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


class LeftOut(UserWarning):
    """Something of another package cannot be had."""


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Say what is left out in a line of stderr each, without Python's file and source line, as commands do."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, LeftOut):
            warn(f"warning: {' '.join(str(message).split())}")
        else:
            before(message, category, *place, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


def _package(point: EntryPoint) -> str:
    """Who made an entry point: `my-package 1.2`; "" where that is not known."""
    return "" if point.dist is None else f"{point.dist.name} {point.dist.version}"


class Registry(Generic[Thing]):
    """Finds things of one kind by name: `Registry("systems", {"dense": "patray.systems.dense:Dense"}, type)["dense"]`.

    builtin: name -> `module:attribute`, loaded when asked for. wanted: what a thing must be an instance of, and its
    name in a sentence. made: makes it of the name and what an entry point names; what it raises says why the thing is
    left out. taken: why a name that is not built in cannot be had, "" where it can.
    """

    def __init__(
        self, group: str, builtin: Mapping[str, str], wanted: type | tuple[type, ...] = object,
        made: Callable[[str, Any], Any] = lambda name, thing: thing, taken: Callable[[str], str] = lambda name: "",
    ) -> None:  # fmt: skip
        self.group, self.wanted, self._made, self._taken = group, wanted, made, taken
        self._loading = False
        self._builtin = dict(builtin)
        self._loaded: dict[str, Any] = {}
        self._added: dict[str, Thing] = dict(_FROM_ELSEWHERE.get(group, {}))
        _REGISTRIES.setdefault(group, self)

    @cached_property
    def _found(self) -> dict[str, EntryPoint]:
        """Entry points of other packages that load and are what they should be."""
        kept: dict[str, EntryPoint] = {}
        self._loading = True  # a module that is loaded here may add what its entry point names
        try:
            for point in sorted(entry_points(group=f"patray.{self.group}"), key=lambda one: one.name):
                why = "the name is taken, by patray itself" if point.name in self._builtin else ""
                if point.name in kept:
                    why = f"the name is taken, by {_package(kept[point.name]) or 'a package'}"
                why = why or self._taken(point.name) or self._load(point)
                if why:
                    self._skip(point, why)
                else:
                    kept[point.name] = point
        finally:
            self._loading = False
        return kept

    def _load(self, point: EntryPoint) -> str:
        """Why the thing of an entry point cannot be had; "" where it is loaded."""
        try:
            named = point.load()
        except Exception as error:  # whatever another package raises while it is imported
            return f"it cannot be loaded ({type(error).__name__}: {error})"
        try:
            thing: Any = self._made(point.name, named)
        except InputError as error:
            return str(error)
        if not isinstance(thing, self.wanted):
            kinds = self.wanted if isinstance(self.wanted, tuple) else (self.wanted,)
            wanted = " or ".join(dict.fromkeys(CALLED.get(kind.__name__, kind.__name__) for kind in kinds))
            return f"{point.value} is a {type(thing).__name__}, wanted is {wanted}"
        self._loaded[point.name] = thing
        return ""

    def _skip(self, point: EntryPoint, why: str) -> None:
        package = _package(point) or "a package"
        warnings.warn(f"{package}: patray.{self.group} {point.name!r} is left out: {why}", LeftOut, stacklevel=4)

    def names(self) -> tuple[str, ...]:
        """All names, those of patray first."""
        return (*self._builtin, *self._found, *self._added)

    def add(self, name: str, thing: Thing) -> None:
        """Add a thing to this process and to the tasks that it starts, as a notebook does; a cell may run again.

        A function that an entry point names comes by that: adding it is no second one. Raises InputError where a
        built-in or another package has the name, or it is none (letters, digits, `.`, `_`, `-`).
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise InputError(f"{self.group}: {name!r} is no name; allowed are letters, digits, `.`, `_` and `-`")
        made_of = getattr(thing, "made_of", None) or thing
        whole = f"{getattr(made_of, '__module__', '')}:{getattr(made_of, '__qualname__', '')}"
        if any((point.name, point.value) == (name, whole) for point in entry_points(group=f"patray.{self.group}")):
            return
        why = "there is one already" if name in self._builtin else self._taken(name)
        if not why and not self._loading and name in self._found:
            why = f"{self.origins()[name] or 'a package'} has one"
        if why:
            raise InputError(f"{self.group}: the name {name!r} cannot be had: {why}")
        self._added[name] = self._made(name, thing)

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
        return {name: _package(point) for name, point in self._found.items()}


def installed() -> dict[str, dict[str, str]]:
    """What is not patray's own, for the provenance: group -> name -> package and version, or function and file.

    What a group that was looked through leaves out is not among it. Nothing is loaded.
    """
    found: dict[str, dict[str, str]] = {}
    source_of = cache(code_of)  # a package may add many things
    for group in GROUPS:
        looked = vars(_REGISTRIES[group]).get("_found") if group in _REGISTRIES else None
        for point in entry_points(group=f"patray.{group}"):
            if looked is None or point.name in looked:
                parts = [part for part in (_package(point), source_of(point.module.partition(".")[0])) if part]
                found.setdefault(group, {})[point.name] = ", ".join(parts)
        for name, thing in _REGISTRIES[group]._added.items() if group in _REGISTRIES else ():
            found.setdefault(group, {})[name] = described(thing)
    return found


def code_of(module: str) -> str:
    """A hash of the source of the package that a module is of, without loading it: `source 3f0c9a12`, "" where there is
    none. A version alone does not tell: it is seldom raised at each edit, and may be that of another install."""
    try:
        spec = find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return ""
    folders = [Path(one) for one in spec.submodule_search_locations or ()]
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))] or [Path(spec.origin or "")]
    total = hashlib.blake2b(digest_size=4)
    for file in files:
        if file.is_file():
            total.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"source {total.hexdigest()}"


def place_of(function: object) -> str:
    """Where a function of others stands, for a sentence: ` (mine.py, line 7)`; "" where that is not known."""
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return "" if code is None else f" ({Path(code.co_filename).name}, line {code.co_firstlineno})"


def described(thing: object) -> str:
    """A function, its file, and a hash of its source: `first_half of measures.py, source 3f0c9a12`.

    The hash is of the function alone, not of what it calls; of bytecode where the source is not at hand.
    """
    made_of = getattr(thing, "made_of", None) or thing
    code = getattr(made_of, "__code__", None)
    try:
        source = inspect.getsource(made_of).encode()  # type: ignore[arg-type]
    except (OSError, TypeError):
        source = repr(made_of).encode() if code is None else code.co_code + repr(code.co_consts).encode()
    where = "" if code is None else f" of {Path(code.co_filename).name}"
    name = getattr(made_of, "__qualname__", type(made_of).__name__)
    return f"{name}{where}, source {hashlib.blake2b(source, digest_size=4).hexdigest()}"
