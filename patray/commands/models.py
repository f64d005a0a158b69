"""`patray models [NAME]`, `patray models verify | record | parity | mirror`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patray.models.record import ModelRecord

ACTIONS = ("list", "show", "verify", "record", "parity", "mirror")

EXAMPLES = """\
examples:
  patray models                                   every model of the registry
  patray models qwen3-embedding-0.6b              everything that is known about one
  patray models verify minilm                     its record against the files of its snapshot
  patray models verify patembed-base --path ~/models/patembed-base
  patray models verify /mirror/Qwen--Qwen3-Embedding-0.6B/b22da495047858cce924d27d76261e96be6febc0
  patray models record ~/models/ours              write the record of a folder from its files
  patray models parity minilm                     do all installed engines give the same vectors?
  patray models mirror minilm qwen3-embedding-0.6b s3://bucket/models
"""


def spelled_out(arguments: Sequence[str]) -> list[str]:
    """`models` as `models list` and `models NAME` as `models show NAME`, which people write."""
    words = list(arguments)
    if not words or words[0] != "models" or (len(words) > 1 and (words[1] in ACTIONS or words[1].startswith("-"))):
        return words
    return ["models", "list"] if len(words) == 1 else ["models", "show", *words[1:]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `patray models`. Imports nothing heavy."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(required=True, metavar="NAME | ACTION")
    actions.add_parser("list", help="every model, one a line (also without any word)").set_defaults(command=_list)
    show = actions.add_parser("show", help="everything that is known about one (also without the word show)")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(command=_show)

    verifying = actions.add_parser(
        "verify",
        help="check a record against the files of a snapshot",
        description="Check a model's record against a snapshot's config, modules, tokenizer and weights; exit status "
        "1 when they differ. Reads no weights and needs no torch.",
    )
    verifying.add_argument(
        "model", metavar="NAME|PATH", help="a model's name, a snapshot of a registered model, or a tuned one"
    )
    _add_places(verifying)
    verifying.set_defaults(command=_verify)

    recording = actions.add_parser(
        "record",
        help="write a model's record from the files of its folder",
        description="Write a complete record from config.json, modules.json, the tokenizer and the weights' headers of "
        "a snapshot, as YAML for a suite's `record` (or, in the folder, as record.yaml, which is then taken as it is). "
        "What no file states is listed under `unknown`; what is missing is asked for, all of it in one message.",
    )
    recording.add_argument("folder", metavar="FOLDER", help="a snapshot, as sentence-transformers saves it")
    recording.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="a field of the record, in YAML; repeatable"
    )
    recording.add_argument("--out", metavar="FILE", help="write here [print it]")
    recording.set_defaults(command=_record)

    parity = actions.add_parser(
        "parity",
        help="embed a fixed sample with each engine and compare",
        description="Embed a fixed sample in float32 with each engine that the record allows and that is installed, "
        "and with a plain forward pass; exit status 1 when a cosine is below 0.9999. Where scores of the model are "
        "published, they are compared too.",
    )
    parity.add_argument("name", metavar="NAME")
    _add_places(parity)
    parity.add_argument("--engine", action="append", default=[], help="only this engine; may be repeated")
    parity.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of the engines [cpu]")
    parity.add_argument("--threads", type=int, default=2, help="CPU threads of an engine [2]")
    parity.add_argument(
        "--remote-code", action="store_true", help="run the Python code that the record pins; read it first"
    )
    parity.set_defaults(command=_parity)

    mirroring = actions.add_parser(
        "mirror",
        help="copy snapshots into a folder or bucket, from which runs need no hub",
        description="Copy each model into DEST/org--name/REVISION/, safetensors only, with sha256.json beside the "
        "files. What is there is kept; a stopped call goes on. Suites name DEST as models_from.mirror.",
    )
    mirroring.add_argument("names", nargs="+", metavar="NAME")
    mirroring.add_argument("destination", metavar="DEST", help="folder or URI (s3://, gs://)")
    mirroring.add_argument("--path", help="a downloaded snapshot of the one model that is named")
    mirroring.add_argument("--offline", action="store_true", help="do not ask the hub; installed packages only")
    mirroring.set_defaults(command=_mirror)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--path", help="the snapshot [found in the mirror, an installed package, or the hub's cache]")
    parser.add_argument("--mirror", help="a mirror to look into, folder or URI")
    parser.add_argument("--hub", action="store_true", help="fetch the pinned revision from the hub where it is needed")


def _list(options: argparse.Namespace) -> int:
    from patray.models.describe import list_models

    print(list_models())
    return 0


def _show(options: argparse.Namespace) -> int:
    from patray.models.announced import announced
    from patray.models.describe import explain, explain_announced
    from patray.models.registry import find_record

    model = announced().get(options.name)
    print(explain(find_record(options.name)) if model is None else explain_announced(model))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from patray.models.announced import named_record
    from patray.models.verify import compare

    if _is_path(options.model):
        folder = Path(options.model).expanduser().absolute()
        record = record_of(folder)
    else:
        record = named_record(options.model, options.path)
        folder = _snapshot(record, options)
    found = compare(record, folder)
    differences = [item for item in found if not item.note]
    for item in found:
        print(f"note: {item}" if item.note else item)
    print(f"{record.name}: {len(differences)} difference(s) between its record and {folder}")
    return 1 if differences else 0


def _record(options: argparse.Namespace) -> int:

    from patray.errors import InputError
    from patray.models.derive import derive_record, record_yaml
    from patray.yaml_source import load_yaml

    known = {}
    for told in options.set:
        key, equals, value = told.partition("=")
        if not equals or not key:
            raise InputError(f"--set {told}: must be FIELD=VALUE, such as --set pooling=mean")
        known[key] = load_yaml(value)
    text = record_yaml(derive_record(Path(options.folder).expanduser().absolute(), known))
    if options.out is None:
        print(text, end="")
    else:
        Path(options.out).write_text(text, encoding="utf-8")
        print(f"{options.out}: written; read what it lists under `unknown`")
    return 0


def _is_path(text: str) -> bool:
    return "/" in text or text.startswith(("~", "."))


def record_of(folder: Path) -> ModelRecord:
    """The record for the snapshot in `folder`: a tuned checkpoint's own, or one of the registry.

    The latter is told by the folder's name, as mirrors and the hub's cache lay it out; else it is the one record that
    agrees with its files. InputError, with what to do, when none or several could be meant.
    """

    from patray.errors import InputError
    from patray.models.registry import parse_record, registry
    from patray.models.verify import verify
    from patray.yaml_source import load_yaml

    own = folder / "record.yaml"
    if own.is_file():
        return parse_record(load_yaml(own.read_text(encoding="utf-8")), str(own))
    by_repo = {record.repo.replace("/", "--"): record for record in registry().values()}
    for part in reversed(folder.resolve().parts):
        name = part.removeprefix("models--")
        if name in by_repo:
            return by_repo[name]
    fitting = [record for record in registry().values() if not verify(record, folder)]
    if len(fitting) == 1:
        return fitting[0]
    which = "no record agrees with its files"
    if fitting:
        which = f"the records of {', '.join(record.name for record in fitting)} all agree with its files"
    raise InputError(f"{folder}: {which}; say which model it is: patray models verify NAME --path {folder}")


def _snapshot(record: ModelRecord, options: argparse.Namespace) -> Path:
    """The local folder of the model's files, where the options say."""
    import tempfile

    from patray.models.content import identify
    from patray.models.resolve import find_snapshot, localise

    found = find_snapshot(record, options.path, options.mirror, options.hub)
    if "://" in found.location and not found.location.startswith("hub:"):
        found = identify(record, found)  # so that a copy of what lay there before is not taken for it
    return localise(found, record, Path(tempfile.gettempdir()) / "patray-models")


def _parity(options: argparse.Namespace) -> int:
    from patray.encoders.parity import check_parity, format_parity, runnable_engines
    from patray.models.announced import named_record

    record = named_record(options.name, options.path)
    engines = runnable_engines(record, tuple(options.engine))
    snapshot = _snapshot(record, options)
    parity = check_parity(record, snapshot, engines, options.remote_code, options.device, options.threads)
    print(format_parity(parity))
    return 0 if parity.agrees else 1


def _mirror(options: argparse.Namespace) -> int:
    from patray.errors import InputError
    from patray.models.announced import announced, named_record
    from patray.models.mirror import mirror_model
    from patray.models.registry import find_record
    from patray.models.resolve import fetch_from_hub

    if options.path is not None and len(options.names) != 1:
        raise InputError(f"--path is the snapshot of one model, but {len(options.names)} are named")
    for name in options.names:
        model = announced().get(name)
        if model is None:
            record = find_record(name)
        else:  # its record is made from the files that are mirrored
            record = named_record(name, options.path or str(fetch_from_hub(model)))
        done = mirror_model(record, options.destination, options.path, options.offline)
        for remark in done.remarks:
            print(f"{record.name}: note: {remark}")
        print(
            f"{record.name}: {done.folder}: {done.copied} files copied from {done.source}, {done.kept} were there "
            f"({done.size / 1e6:,.1f} MB)",
            flush=True,
        )
    return 0
