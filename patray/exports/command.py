"""`patray export {beir,mteb,tables,eval-results,tracker,vectors}`: what patray made, as other tools read it."""

from __future__ import annotations

import argparse


def add_export_arguments(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    """The arguments of `patray export`, to which other rooms may add. Imports nothing heavy."""
    kinds = parser.add_subparsers(required=True, metavar="WHAT")

    beir = kinds.add_parser("beir", help="a landscape in BEIR's and mteb's layout")
    beir.add_argument("landscape", help="landscape folder or URI")
    beir.add_argument("destination", metavar="DEST", help="folder to write")
    beir.add_argument("--view", default="ta", help="view of the documents [ta]")
    beir.add_argument("--query-view", help="view of the queries [as the documents]")
    beir.add_argument("--split", default="test", help="name of the qrels' split [test]")
    beir.set_defaults(command=_beir)

    mteb = kinds.add_parser("mteb", help="the numbers of a run as mteb's result files")
    mteb.add_argument("run", help="folder or URI of a finished run")
    mteb.add_argument("destination", metavar="DEST", nargs="?", help="folder to write [RUN/mteb]")
    mteb.set_defaults(command=_mteb)

    tables = kinds.add_parser("tables", help="systems by measures with intervals, as LaTeX and CSV")
    tables.add_argument("run", help="folder or URI of a finished run")
    tables.add_argument("destination", metavar="DEST", help="folder to write")
    tables.set_defaults(command=_tables)

    scores = kinds.add_parser("eval-results", help="scores of a run's models as .eval_results of their repositories")
    scores.add_argument("run", help="folder or URI of a finished run")
    scores.add_argument("destination", metavar="DEST", help="folder to write, one folder a model")
    scores.add_argument(
        "--dataset", action="append", default=[], metavar="LANDSCAPE=OWNER/NAME", help="its dataset on the Hub; repeat"
    )
    scores.add_argument("--tuned", action="store_true", help="fine-tuned models alone")
    scores.set_defaults(command=_eval_results)

    tracker = kinds.add_parser("tracker", help="a run, its trainings or a sweep into wandb or trackio")
    tracker.add_argument("folder", help="folder or URI of a finished run or sweep")
    tracker.add_argument("--project", default="patray", help="project of the tracker [patray]")
    tracker.add_argument("--tracker", default="wandb", help="wandb or trackio, which must be installed [wandb]")
    tracker.set_defaults(command=_tracker)

    vectors = kinds.add_parser("vectors", help="a model's vectors as Parquet or as a FAISS index with ids")
    vectors.add_argument("workdir", help="work directory of `patray run`")
    vectors.add_argument("landscape", help="name of the landscape")
    vectors.add_argument("view", help="name of the view")
    vectors.add_argument("model", help="name of the model in the suite")
    vectors.add_argument("destination", metavar="DEST", help="folder to write")
    vectors.add_argument("--format", default="parquet", help="parquet or faiss [parquet]")
    vectors.add_argument("--role", default="document", help="document, query, classification or clustering [document]")
    vectors.add_argument("--key", default="", help="of the artifact, where there are several")
    vectors.set_defaults(command=_vectors)
    return kinds


def _beir(options: argparse.Namespace) -> int:
    import tempfile

    from patray.exports.beir import export_beir
    from patray.files import Folder
    from patray.landscapes.validate import prepare

    with tempfile.TemporaryDirectory(prefix="patray-export-") as scratch:
        prepare(Folder.at(options.landscape), Folder.at(scratch))
        done = export_beir(
            Folder.at(scratch), Folder.at(options.destination), options.view, options.query_view, options.split
        )
    print(
        f"{done.patents:,} documents, {done.queries:,} queries, {done.pairs:,} pairs written to {options.destination}"
    )
    return 0


def _tables(options: argparse.Namespace) -> int:
    from patray.exports.tables import export_tables
    from patray.files import Folder

    count = export_tables(Folder.at(options.run), Folder.at(options.destination))
    print(f"{count:,} files written to {options.destination}")
    return 0


def _eval_results(options: argparse.Namespace) -> int:
    from patray.errors import InputError
    from patray.exports.eval_results import export_eval_results
    from patray.files import Folder

    pairs = [text.partition("=") for text in options.dataset]
    for landscape, equals, dataset in pairs:
        if not equals:
            raise InputError(f"--dataset {landscape}{dataset}: expected LANDSCAPE=OWNER/NAME of a dataset on the Hub")
    datasets = {landscape: dataset for landscape, _, dataset in pairs}
    written = export_eval_results(Folder.at(options.run), Folder.at(options.destination), datasets, options.tuned)
    print("\n".join(f"{options.destination}/{path}" for path in written))
    return 0


def _tracker(options: argparse.Namespace) -> int:
    from patray.exports.tracker import export_to_tracker
    from patray.files import Folder

    names = export_to_tracker(Folder.at(options.folder), options.project, options.tracker)
    print(f"{len(names):,} entries logged to project {options.project}: {', '.join(names[:5])}")
    return 0


def _mteb(options: argparse.Namespace) -> int:
    from patray.exports.mteb import export_mteb
    from patray.files import Folder

    run = Folder.at(options.run)
    destination = run / "mteb" if options.destination is None else Folder.at(options.destination)
    written = export_mteb(run, destination)
    print(f"{len(written):,} results written to {destination}")
    return 0


def _vectors(options: argparse.Namespace) -> int:
    from patray.exports.vectors import export_vectors, find_vectors
    from patray.files import Folder

    artifact = find_vectors(
        Folder.at(options.workdir), options.landscape, options.view, options.model, options.role, options.key
    )
    count = export_vectors(artifact, Folder.at(options.destination), options.format)
    print(f"{count:,} vectors of {artifact} written to {options.destination}")
    return 0
