"""The `patray` command. Every import that costs time happens inside the command that needs it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from patray import __version__
from patray.errors import PatrayError

RUN_HELP = """\
Run a suite: prepare its landscapes, embed them, search, judge, and write a run folder with a report.

On a laptop this starts a local Ray; under `ray job submit` it uses the cluster. A run that was stopped goes on where
it was when the same command is given again. Embeddings are shared by all runs of one work directory.
"""

EXAMPLES = """\
examples:
  patray run jobs/suites/demo.yaml
  patray run suite.yaml --workdir s3://bucket/patray --name nightly --set statistics.resamples=1000
  patray report patray-work/runs/demo
  patray compare patray-work/runs/monday patray-work/runs/tuesday
  patray landscape describe ~/patents/ultrasound
  patray models minilm
"""


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status: 0 done, 1 the input or the machine was at fault, 130 interrupted."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except PatrayError as error:
        print(f"patray: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("patray: stopped; the same command goes on from here", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="patray",
        description="Which embedding model, fine-tuning recipe and text view to use for your patents, and how sure "
        "you can be.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"patray {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run", help="run a suite", description=RUN_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    run.add_argument("suite", help="a YAML file, see jobs/suites/ and docs/suites.md")
    run.add_argument(
        "--workdir", default="patray-work", help="folder or URI (s3://, gs://) for artifacts and runs [patray-work]"
    )
    run.add_argument("--name", help="name of the run folder [the suite's name]")
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one value of the suite, such as search.depth=200 or landscapes.0.path=/data/x; may be repeated",
    )
    run.set_defaults(command=_run)

    report = commands.add_parser("report", help="write report and tables of a finished run again")
    report.add_argument("run", help="the run's folder or URI")
    report.set_defaults(command=_report)

    compare = commands.add_parser(
        "compare",
        help="compare two runs system by system, with tests",
        description="Compare the systems that two runs share on the items that both judged: paired tests from their "
        "evidence, Holm-corrected. Exit status 3 when a system became significantly worse (for nightly jobs).",
    )
    compare.add_argument("run_a", help="folder or URI of the first run (the baseline)")
    compare.add_argument("run_b", help="folder or URI of the second run")
    compare.set_defaults(command=_compare)

    models = commands.add_parser("models", help="list the models, explain one, or verify a snapshot")
    models.add_argument("name", nargs="?", help="a model's name; without it every model is listed")
    models.add_argument("--verify", metavar="PATH", help="check the record against the files of a snapshot in PATH")
    models.set_defaults(command=_models)

    from patray.importers import command as importing

    importer = commands.add_parser("import", help="make a landscape of an export or a public benchmark")
    importing.add_arguments(importer)
    importer.set_defaults(command=importing.run)
    exporter = commands.add_parser("export-beir", help="write a landscape in BEIR's and mteb's layout")
    importing.add_export_arguments(exporter)
    exporter.set_defaults(command=importing.run_export)

    landscape = commands.add_parser("landscape", help="describe, validate or generate a landscape").add_subparsers(
        required=True, metavar="ACTION"
    )
    describe = landscape.add_parser("describe", help="what a person wants to know first about a landscape")
    describe.add_argument("path", help="the landscape's folder or URI")
    describe.set_defaults(command=_describe)
    validate = landscape.add_parser("validate", help="check every row; list what is wrong and what would be done")
    validate.add_argument("path", help="the landscape's folder or URI")
    validate.add_argument("--quarantine", metavar="FILE", help="write the bad rows to this Parquet file")
    validate.set_defaults(command=_validate)
    generate = landscape.add_parser("generate", help="write a generated landscape, the same for the same seed")
    generate.add_argument("path", help="folder to write")
    generate.add_argument("--patents", type=int, default=600, help="how many [600]")
    generate.add_argument("--seed", type=int, default=0, help="[0]")
    generate.add_argument("--cross-domain", type=float, default=0.25, help="share of citations across domains [0.25]")
    generate.set_defaults(command=_generate)
    return parser


def _run(options: argparse.Namespace) -> int:
    from patray.runs.read import read_suite
    from patray.runs.resolve import resolve

    suite = resolve(read_suite(options.suite, options.set))
    from patray.cluster.execute import execute

    execute(suite, options.workdir, options.name)
    return 0


def _report(options: argparse.Namespace) -> int:
    from patray.files import Folder
    from patray.report.write import write_report

    folder = Folder.at(options.run)
    for name in write_report(folder):
        print(f"{folder}/{name}")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from patray.files import Folder
    from patray.runs.compare import compare_runs, format_comparison

    comparison = compare_runs(Folder.at(options.run_a), Folder.at(options.run_b))
    print(format_comparison(comparison))
    return 3 if comparison.worse else 0


def _models(options: argparse.Namespace) -> int:
    from patray.models.describe import explain, list_models
    from patray.models.registry import find_record

    if options.name is None:
        print(list_models())
        return 0
    record = find_record(options.name)
    if options.verify is None:
        print(explain(record))
        return 0
    from pathlib import Path

    from patray.models.verify import verify

    differences = verify(record, Path(options.verify))
    for difference in differences:
        print(difference)
    print(f"{record.name}: {len(differences)} difference(s) between its record and {options.verify}")
    return 1 if differences else 0


def _describe(options: argparse.Namespace) -> int:
    from patray.files import Folder
    from patray.landscapes.describe import describe, format_description

    print(format_description(describe(Folder.at(options.path))))
    return 0


def _validate(options: argparse.Namespace) -> int:
    import tempfile

    from patray.files import Folder
    from patray.landscapes.validate import prepare

    source = Folder.at(options.path)
    with tempfile.TemporaryDirectory(prefix="patray-validate-") as scratch:
        prepared = prepare(source, Folder.at(scratch), source.name, max_bad_share=1.0)
        table = Folder.at(scratch).read_table("quarantine.parquet")
    for reason, rows in prepared.quarantined.items():
        print(f"{rows:>10,}  {reason}")
    print(f"{table.num_rows:,} row(s) with something wrong")
    if options.quarantine:
        target = Folder.at(options.quarantine)
        Folder.at(target.uri.rsplit("/", 1)[0]).write_table(target.name, table)
        print(f"written to {target}")
    return 1 if table.num_rows else 0


def _generate(options: argparse.Namespace) -> int:
    from patray.files import Folder
    from patray.landscapes.generate import generate

    target = Folder.at(options.path)
    generate(target, seed=options.seed, patents=options.patents, cross_domain=options.cross_domain, name=target.name)
    print(f"{options.patents:,} patents written to {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
