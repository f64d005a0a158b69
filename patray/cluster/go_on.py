"""Go on after a damaged file of the store: it is made again, and the phases find all else done."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Protocol

from patray.cluster.errors import cause_of
from patray.errors import DamagedError
from patray.files import Folder
from patray.runs.mend import mend
from patray.runs.provenance import Provenance


class Going(Protocol):
    """An execution of a suite."""

    provenance: Provenance

    def go(self, reembed: bool) -> Folder: ...


def go_on(begin: Callable[[], Going], store: Folder, reembed: bool) -> Folder:
    """Go through the phases, and again after each damaged file of the store that can be made again."""
    mended: list[str] = []
    while True:
        going = begin()
        for name in mended:
            going.provenance.note(f"{name} of the work directory was damaged, and was made again")
        try:
            return going.go(reembed)
        except Exception as error:
            cause = cause_of(error)
            damaged = mend(cause, store) if isinstance(cause, DamagedError) else None
            if damaged is not None and damaged not in mended:
                mended.append(damaged)
            elif cause is error:
                raise
            else:
                raise cause from error
        del going
        gc.collect()  # actors of what failed hold their room until nothing refers to them
