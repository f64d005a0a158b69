"""`patray export {beir,mteb,tables,vectors}`: what patray made, in the forms that other tools read."""

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
