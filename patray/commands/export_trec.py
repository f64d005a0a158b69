"""`patray export trec RUN [DEST]`: a finished run's rankings and truth as TREC files, made when they are asked for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from patray.errors import InputError

if TYPE_CHECKING:
    from patray.files import Folder


def add_trec_arguments(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The arguments of `patray export trec`. Imports nothing heavy."""
    trec = kinds.add_parser("trec", help="rankings and qrels of a run, for trec_eval and others")
    trec.add_argument("run", help="folder or URI of a finished run")
    trec.add_argument("destination", metavar="DEST", nargs="?", help="folder to write [RUN/trec]")
    trec.set_defaults(command=_trec)


def _trec(options: argparse.Namespace) -> int:
    from patray.files import Folder

    run = Folder.at(options.run)
    destination = run / "trec" if options.destination is None else Folder.at(options.destination)
    files = export_trec(run, destination)
    print(f"{files:,} files written to {destination}")
    return 0


def export_trec(run: Folder, destination: Folder) -> int:
    """Write runs and qrels of every landscape, view and system of a run; returns the number of files.

    The landscapes' clean copies are read from the run's work directory. Raises InputError where the run is not
    finished, is no part of a work directory, or its clean copies are gone.
    """
    from patray.commands.opened import open_run
    from patray.runs.resolve import suite_views
    from patray.runs.trec import write_trec

    opened = open_run(run)
    count = 0
    for name in opened.names:
        landscape = opened.landscape(name)
        if landscape.truth is None:
            continue
        for view in suite_views(opened.suite):
            place = name, view.name, opened.systems
            count += write_trec(run, destination, *place, landscape.truth, landscape.slices)
    if not count:
        raise InputError(f"{run}: it ranked nothing, so there is nothing to export")
    return count
