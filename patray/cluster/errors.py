"""From what Ray raises to what a user reads."""

from __future__ import annotations

import re

from patray import errors
from patray.errors import PatrayError, WorkerDiedError
from patray.filesystems import storage_trouble

DEATHS = {
    "ActorDiedError",
    "ActorUnavailableError",
    "LocalRayletDiedError",
    "NodeDiedError",
    "ObjectLostError",
    "OutOfDiskError",
    "OutOfMemoryError",
    "WorkerCrashedError",
}


def cause_of(error: BaseException) -> BaseException:
    """The PatrayError inside a Ray error, or a WorkerDiedError for a dead worker, or the error itself."""
    seen: dict[int, BaseException] = {}
    todo: list[BaseException | None] = [error]
    while todo:
        current = todo.pop()
        if current is None or id(current) in seen:
            continue
        seen[id(current)] = current
        if isinstance(current, PatrayError) and type(current).__module__ == "patray.errors":
            return current
        stored = storage_trouble(current)
        if stored is not None:
            return stored
        todo += [getattr(current, "cause", None), current.__cause__, current.__context__]
    told = re.findall(r"patray\.errors\.(\w+): (.+)", str(error))  # all that Ray keeps of an actor that did not start
    if told:
        kind, message = told[-1]
        return getattr(errors, kind, PatrayError)(message.strip())
    for found in seen.values():  # also inside a RayTaskError: a task that waited for what died
        named = [one.__name__ for one in type(found).__mro__ if one.__name__ in DEATHS]
        if named:
            return WorkerDiedError(f"a worker died ({named[0]}): {' '.join(str(found).split())[:1000]}")
    return error
