"""`patray store list|size|clean`: what a work directory holds, for whom, and what can go."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from patray.progress import in_bytes

if TYPE_CHECKING:
    from patray.steps.store_care import Thing

EXPLAINED = """\
A work directory holds runs, and what runs make and share: clean copies of landscapes, embeddings, checkpoints and the
like. Nothing in it is ever deleted by a run. `list` says what belongs to which run, `size` adds it up, `clean` says
what no run needs any more, and deletes it with --yes:

  - things that no run lists (a finished run's uses.json; an unfinished or older run needs all of its landscapes and
    models), such as the embeddings of a run whose folder you deleted;
  - what dead drivers left: temporary files, markers and leases.

What a living driver holds is never touched, nor are runs and sweeps: delete their folders yourself.
"""
EXAMPLES = """\
examples:
  patray store list patray-work
  patray store size s3://bucket/patray
  rm -r patray-work/runs/old && patray store clean patray-work          what would go now
  patray store clean patray-work --yes
"""


def add_store_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `patray store`. Imports nothing heavy."""
    parser.description, parser.epilog = EXPLAINED, EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, what, command in (
        ("list", "every thing, its size, and the runs that need it", _list),
        ("size", "bytes by kind, and what a clean would free", _size),
        ("clean", "what no run needs; deletes it with --yes", _clean),
    ):
        action = actions.add_parser(name, help=what, description=what)
        action.add_argument("workdir", nargs="?", default="patray-work", help="folder or URI [patray-work]")
        action.set_defaults(command=command)
        if name == "clean":
            action.add_argument("--yes", action="store_true", help="delete it; without this it is only said")


def _line(thing: Thing) -> str:
    state = "" if thing.whole else "unfinished; "
    needed = f"needed by {', '.join(thing.needed_by)}" if thing.needed_by else thing.why_kept or "no run needs it"
    needed = "a run" if thing.kind == "runs" and thing.whole else needed
    return f"{in_bytes(thing.bytes):>10}  {thing.path}  ({state}{needed})"


def _list(options: argparse.Namespace) -> int:
    from patray.files import Folder
    from patray.steps.store_care import take_stock

    found = take_stock(Folder.at(options.workdir))
    for thing in found.things:
        print(_line(thing))
    for name, size in found.leftovers.items():
        print(f"{in_bytes(size):>10}  {name}  (left over)")
    return 0


def _size(options: argparse.Namespace) -> int:
    from patray.files import Folder
    from patray.steps.store_care import take_stock

    found = take_stock(Folder.at(options.workdir))
    kinds = dict.fromkeys(thing.kind for thing in found.things)
    for kind in kinds:
        of_kind = [thing for thing in found.things if thing.kind == kind]
        free = sum(thing.bytes for thing in of_kind if thing.is_free)
        told = f", {in_bytes(free)} of them needed by no run" if free else ""
        print(f"{in_bytes(sum(thing.bytes for thing in of_kind)):>10}  {kind}: {len(of_kind):,}{told}")
    total = sum(thing.bytes for thing in found.things) + sum(found.leftovers.values())
    print(f"{in_bytes(total):>10}  in all; `patray store clean` would free {in_bytes(found.freed_bytes)}")
    return 0


def _clean(options: argparse.Namespace) -> int:
    from patray.files import Folder
    from patray.steps.store_care import clean, take_stock

    store = Folder.at(options.workdir)
    found = take_stock(store)
    for thing in found.free:
        print(_line(thing))
    for name, size in found.leftovers.items():
        print(f"{in_bytes(size):>10}  {name}  (left over)")
    if options.yes:
        print(f"{in_bytes(clean(store, found))} freed")
    else:
        print(f"{in_bytes(found.freed_bytes)} would be freed; nothing was deleted (--yes deletes it)")
    return 0
