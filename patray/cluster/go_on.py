"""Go on after a damaged file of the store, which is made again, or a lost node, whose cluster is joined again.

One rule for all that has a cluster under it: what is done lies in the store, so the whole of it is begun anew and finds
all else done. A run, a certification and a sweep are given to `go_on`; trainings, mining, embedding and search are
steps of those.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from patray.cluster.errors import cause_of
from patray.cluster.start import connect, leave
from patray.errors import DamagedError, LostNodeError
from patray.files import Folder
from patray.progress import warn
from patray.steps.mend import mend

Made = TypeVar("Made")
REJOINS = 5
"""How often a cluster that lost a node is joined again in one run."""


@dataclass
class Setbacks:
    """What befell a piece of work so far. mended: files that were made again; rejoined: how often a cluster was."""

    mended: list[str] = field(default_factory=list)
    rejoined: int = 0

    @property
    def notes(self) -> list[str]:
        """What its provenance says of them."""
        told = [f"{name} of the work directory was damaged, and was made again" for name in self.mended]
        if self.rejoined:
            told.append(f"a lost node held up the run, so the cluster was joined again: {self.rejoined} time(s)")
        return told


def go_on(work: Callable[[Setbacks], Made], store: Folder | None) -> Made:
    """Do the work, and again after each damaged file of the store that can be made again; None: it makes none.

    So too when a lost node has held it up, REJOINS times at most; only on a cluster of RAY_ADDRESS, which can be joined
    again. The work is given what befell it before: `go_on(lambda before: sweep(before.notes), store)`.
    """
    before = Setbacks()
    while True:
        try:
            return work(before)
        except Exception as error:
            cause = cause_of(error)
            joinable = before.rejoined < REJOINS and bool(os.environ.get("RAY_ADDRESS"))
            lost = isinstance(cause, LostNodeError) and joinable
            damaged = mend(cause, store) if store is not None and isinstance(cause, DamagedError) else None
            if lost:
                before.rejoined += 1
                warn(f"{cause}; the cluster is left and joined again, and what is not done is begun anew")
            elif damaged is not None and damaged not in before.mended:
                before.mended.append(damaged)
            elif cause is error:
                raise
            else:
                raise cause from error
        gc.collect()  # actors of what failed hold their room until nothing refers to them
        if lost:
            leave()
            connect()
