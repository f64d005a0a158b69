"""Go on after a damaged file of the store, which is made again, or a lost node, whose cluster is joined again.

The phases find all else done.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Protocol

from patray.cluster.errors import cause_of
from patray.cluster.start import leave
from patray.errors import DamagedError, LostNodeError
from patray.files import Folder
from patray.progress import warn
from patray.runs.provenance import Provenance
from patray.steps.mend import mend

REJOINS = 5
"""How often a cluster that lost a node is joined again in one run."""


class Going(Protocol):
    """An execution of a suite."""

    provenance: Provenance

    def go(self, reembed: bool) -> Folder: ...


def go_on(begin: Callable[[], Going], store: Folder, reembed: bool) -> Folder:
    """Go through the phases, and again after each damaged file of the store that can be made again.

    So too when a lost node has held up a step, REJOINS times at most; only on a cluster of RAY_ADDRESS, which can be
    joined again.
    """
    mended: list[str] = []
    rejoined = 0
    while True:
        going = begin()
        for name in mended:
            going.provenance.note(f"{name} of the work directory was damaged, and was made again")
        if rejoined:
            going.provenance.note(f"a lost node held up the run, so the cluster was joined again: {rejoined} time(s)")
        try:
            return going.go(reembed)
        except Exception as error:
            cause = cause_of(error)
            lost = isinstance(cause, LostNodeError) and rejoined < REJOINS and bool(os.environ.get("RAY_ADDRESS"))
            damaged = mend(cause, store) if isinstance(cause, DamagedError) else None
            if lost:
                rejoined += 1
                warn(f"{cause}; the cluster is left and joined again, and what is not done is begun anew")
            elif damaged is not None and damaged not in mended:
                mended.append(damaged)
            elif cause is error:
                raise
            else:
                raise cause from error
        del going
        gc.collect()  # actors of what failed hold their room until nothing refers to them
        if lost:
            leave()
