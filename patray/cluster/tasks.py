"""Run functions as Ray tasks that outlive a lost node, and wait for them with a word on what is waited for.

A task that dies with its node or its process is done again elsewhere by Ray, at most TRIES times; what was put into it
is remembered by its owner, the driver. An error of the function itself is raised at once. Small work may also run in
this very process, where no Ray is up: same functions, same results.

    found = gather([submit(search, Resources(cpus=2), run, place) for place in places], "search", 1800)
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from patray.cluster.growth import SAY_SECONDS, demand
from patray.cluster.held_up import LostNodes, no_room, working
from patray.cluster.meters import count, running
from patray.cluster.placement import Resources
from patray.cluster.start import is_up
from patray.errors import LostNodeError, ResourceError
from patray.kinds import Added, added, take_over
from patray.progress import Progress, warn

TRIES = 5
"""How often a task is done again when its node or process dies."""
LOOK_SECONDS = 5.0


class Done:
    """The result of a task that ran in this process."""

    def __init__(self, value: Any) -> None:
        self.value = value


_here = False


@contextmanager
def in_this_process(here: bool) -> Iterator[None]:
    """Run tasks in this process while inside, where `here` says so: small work is done before a worker would be up."""
    global _here
    before, _here = _here, here
    try:
        yield
    finally:
        _here = before


def works_here() -> bool:
    """Whether tasks run in this process just now."""
    return _here


def submit(function: Callable[..., Any], needs: Resources, *arguments: Any) -> Any:
    """Start a plain function on a node that has what it needs; a reference to its result.

    References among the arguments are waited for and replaced by their values. Inside `in_this_process`, and where no
    Ray is up, it runs here and now.
    """
    given = _values(arguments)
    if _here or not is_up():
        return Done(function(*_fetched(given)))
    remote = _remote(_at_work).options(**needs.options(), max_retries=TRIES, name=function.__name__)
    return remote.remote(added(), function, *given)


def _at_work(things: Added, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function in a process that has not seen what a notebook added, and say meanwhile that it works."""
    take_over(things)
    with working():
        return function(*arguments)


def _values(arguments: Sequence[Any]) -> list[Any]:
    """Ray knows its own references alone."""
    return [one.value if isinstance(one, Done) else one for one in arguments]


def _fetched(arguments: Sequence[Any]) -> list[Any]:
    """Arguments with the values of Ray's references in their place, as Ray itself would hand them to a task: what runs
    in this process can be given what workers made."""
    if not is_up():
        return list(arguments)
    import ray

    return [ray.get(one) if isinstance(one, ray.ObjectRef) else one for one in arguments]


@functools.cache
def _remote(function: Callable[..., Any]) -> Any:
    import ray

    return ray.remote(max_calls=0)(function)  # a process that has loaded its libraries is kept, on GPUs too


def shared(value: Any) -> Any:
    """A reference to a value that many tasks take, stored once a node."""
    if _here or not is_up():
        return Done(value)
    import ray

    return ray.put(value)


def value_of(reference: Any) -> Any:
    """The value of a reference that a task was given inside a list, where Ray leaves it as it is."""
    if isinstance(reference, Done):
        return reference.value
    import ray

    return ray.get(reference)


def beside_driver(kind: type) -> Any:
    """An actor class without CPUs on the driver's node, which is lost with the driver alone."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    strategy = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    remote: Any = ray.remote(kind)
    return remote.options(num_cpus=0, scheduling_strategy=strategy)


class _AtWork:
    """An object in a process that has not seen what a notebook added; it says that it works while a method runs."""

    def __init__(self, things: Added, kind: type, *arguments: Any) -> None:
        take_over(things)
        self._own = kind(*arguments)

    def of(self, method: str, *arguments: Any) -> Any:
        with working():
            return getattr(self._own, method)(*arguments)


class Beside:
    """An object that lives beside the driver, as an actor or in this process. Its calls run one after another."""

    def __init__(self, kind: type, *arguments: Any) -> None:
        self._local = self._actor = None
        if _here or not is_up():
            self._local = kind(*arguments)
        else:
            self._actor = beside_driver(_AtWork).remote(added(), kind, *arguments)

    def call(self, method: str, *arguments: Any) -> Any:
        """A reference to the result of one of its methods."""
        given = _values(arguments)
        if self._actor is not None:
            return self._actor.of.remote(method, *given)
        return Done(getattr(self._local, method)(*given))


def gather(
    references: Sequence[Any], label: str, stall_seconds: float, unit: str = "tasks", fetch: bool = True
) -> list[Any]:
    """The results in their order, once all are there; the first error that comes stops the wait. Without `fetch` they
    are left where they are, and None is returned for each.

    Says what is waited for when nothing was done for a while, and when a node was lost. ResourceError where nothing was
    done for `stall_seconds` because no node has room for what is asked; LostNodeError where a lost node holds it up.
    """
    results: dict[Any, Any] = {}
    todo = []
    for reference in references:
        if isinstance(reference, Done):
            results[reference] = reference.value
        else:
            todo.append(reference)
    if todo:
        watch = _Wait(label, stall_seconds)
        with running(label), Progress(label, len(set(todo)), unit) as progress, _readable(watch.nodes):
            _wait(todo, results, progress, watch, fetch)
    return [results[reference] for reference in references]


def _wait(todo: list[Any], results: dict[Any, Any], progress: Progress, watch: _Wait, fetch: bool) -> None:
    import ray

    pending = list(dict.fromkeys(todo))
    while pending:
        ready, pending = ray.wait(pending, num_returns=1, timeout=LOOK_SECONDS, fetch_local=fetch)
        if pending and ready:
            more, pending = ray.wait(pending, num_returns=len(pending), timeout=0, fetch_local=fetch)
            ready += more
        for reference in ready:
            results[reference] = ray.get(reference) if fetch else None
        progress.move(len(ready))
        count(watch.label, {"tasks": float(len(ready))})
        watch.look(bool(ready), len(pending))


@contextmanager
def _readable(nodes: LostNodes) -> Iterator[None]:
    """Raise what a user can read in place of what Ray raises."""
    try:
        yield
    except LostNodeError:
        raise
    except Exception as error:
        nodes.look(True)  # a worker may have died with a node that nobody has missed yet
        cause = nodes.cause(error)
        if cause is error:
            raise
        raise cause from error


class _Wait:
    """Says what a wait waits for, and ends one that cannot end."""

    def __init__(self, label: str, stall_seconds: float) -> None:
        self.label, self.stall_seconds = label, stall_seconds
        self.done = self.said = self.looked = time.monotonic()
        self.nodes, self._came = LostNodes(label, stall_seconds), False

    def look(self, moved: bool, left: int) -> None:
        now = time.monotonic()
        if moved:
            self.done, self.said, self._came = now, now, True
        if left and now - self.looked >= LOOK_SECONDS:
            self.looked = now
            self.nodes.look(self._came)
            self._came = False
        if not left or now - self.said < SAY_SECONDS:
            return
        self.said = now
        state = demand()
        warn(f"{self.label}: nothing done for {now - self.done:.0f} s, {left} left, {state}")
        without = no_room(state)
        if without is not None and now - self.done > self.stall_seconds:
            raise ResourceError(
                f"{self.label}: no node had {without} for {self.stall_seconds:g} s (embedding.stall_seconds), and none "
                "came. Add nodes, or ask for less in the suite."
            )
