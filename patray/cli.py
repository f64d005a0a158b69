"""The `patray` command. Every import that costs time happens inside the command that needs it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from patray import __version__
from patray.stop import stoppable

RUN_HELP = """\
Run a suite: prepare its landscapes, embed them, search, judge, and write a run folder with a report.

On a laptop this starts a local Ray; under `ray job submit` it uses the cluster. A run that was stopped goes on where
it was when the same command is given again. Embeddings are shared by all runs of one work directory.
"""

CERTIFY_HELP = """\
Encode a sample of the texts of every set of vectors of a finished run again, with what is installed now, and compare.

Why: a new torch, transformers, engine or patray, another machine, a driver can change vectors in their last digits,
which does not matter, or make other vectors, which ruins every number without a word. `patray run` does the same by
itself for vectors that other versions made, before it uses them; this command does it for a whole run at any time.

The sample: the 32 longest texts of each set and 64 others, chosen by the data alone. A set agrees when
- each cosine of old and new vector is at least 0.99999 (0.9999 for models in float16, 0.999 in bfloat16), and
- each text keeps its 10 nearest texts of the sample, but for places that change among near-ties: similarities that
  rounding of the size that was seen can exchange.

You get a line a set: lowest cosine, the text where it was, neighbours changed, versions then and now. The run folder
keeps them (certificates.json), and its report shows them. Exit status 3 when a set does not agree: then make its
vectors again with `patray run SUITE --reembed`, or go back to the versions that made them.
"""

EXAMPLES = """\
examples:
  patray run jobs/suites/demo.yaml
  patray plan jobs/suites/paper.yaml --landscape ~/patents/ultrasound
  patray run suite.yaml --workdir s3://bucket/patray --name nightly --set statistics.resamples=1000
  patray report patray-work/runs/demo
  patray certify patray-work/runs/demo
  patray compare patray-work/runs/monday patray-work/runs/tuesday
  patray landscape describe ~/patents/ultrasound
  patray models minilm
"""


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status.

    0 done; 1 the input or the machine was at fault; 2 the command line was wrong (argparse); 3 of `compare`, `certify`
    and `calibrate`: something is worse, or off; 4 of `compare`: something could not be compared; 5 of `import`: too
    many rows were dropped; 130 Ctrl-C; 143 SIGTERM; 141 nobody reads the output any more (`| head`).
    """
    from patray.commands.models import spelled_out
    from patray.kinds import plain_warnings
    from patray.progress import be_quiet

    with plain_warnings():
        options = _parser().parse_args(spelled_out(sys.argv[1:] if arguments is None else arguments))
        command: Callable[[argparse.Namespace], int] = options.command
        be_quiet(getattr(options, "quiet", False))
        return stoppable(lambda: command(options))


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
    run.add_argument("--quiet", action="store_true", help="show no progress; warnings and errors stay")
    run.set_defaults(command=_run)

    run.add_argument(
        "--reembed",
        action="store_true",
        help="make every vector and reranker score of this run again, and the run with them, finished or not; the "
        "store keeps the new ones (a stopped one goes on with that)",
    )

    plan = commands.add_parser(
        "plan",
        help="what a suite would do: steps, tokens, memory, hours, money, disk",
        description="Print every step of a suite, what exists already, tokens, GPU memory, hours, money and disk, and "
        "where each estimate comes from. Needs no GPU, no hub and no model files, and writes nothing but --json.",
    )
    plan.add_argument("suite", help="a YAML file, as for `patray run`")
    plan.add_argument(
        "--landscape",
        action="append",
        default=[],
        metavar="NAME|PATH",
        help="plan for this one instead of the suite's: a name of the suite, a folder or URI, or a folder inside "
        "landscapes_root; may be repeated",
    )
    plan.add_argument("--workdir", default="patray-work", help="where `patray run` would keep its work [patray-work]")
    plan.add_argument("--name", help="name of the run folder [the suite's name]")
    plan.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for `patray run`")
    plan.add_argument("--accelerator", metavar="NAME", help="plan for this one [the cheapest that holds each model]")
    plan.add_argument("--estimates", metavar="FILE", help="your own table of throughputs and prices (docs/plan.md)")
    plan.add_argument("--json", metavar="FILE", help="write the plan as JSON too")
    plan.set_defaults(command=_plan)

    certify = commands.add_parser(
        "certify",
        help="check that today's versions still make the vectors of a run",
        description=CERTIFY_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    certify.add_argument("run", help="folder or URI of a finished run, in its work directory")
    certify.set_defaults(command=_certify)

    report = commands.add_parser("report", help="write report and tables of a finished run again")
    report.add_argument("run", help="the run's folder or URI")
    report.set_defaults(command=_report)

    compare = commands.add_parser(
        "compare",
        help="compare two runs system by system, with tests",
        description="Compare the systems that two runs share on the items that both judged: paired tests from their "
        "evidence, corrected over all rows together (Holm up to 50 rows, max-T beyond). What else differs between the "
        "runs is told first; rows whose landscape or measure differs are not compared. Exit status 3 when a system "
        "became significantly worse, 4 when none did but a row could not be compared (docs/compare.md).",
    )
    compare.add_argument("run_a", help="folder or URI of the first run (the baseline)")
    compare.add_argument("run_b", help="folder or URI of the second run")
    compare.add_argument(
        "--margin", type=float, default=0.0, help="losses up to this, in units of the measure, do not matter [0]"
    )
    compare.set_defaults(command=_compare)

    from patray.commands import models as model_commands

    models = commands.add_parser("models", help="list or explain models; verify, compare engines, fill a mirror")
    model_commands.add_arguments(models)

    from patray.importers import command as importing

    importer = commands.add_parser("import", help="make a landscape of an export or a public benchmark")
    importing.add_arguments(importer)
    importer.set_defaults(command=importing.run)
    from patray.commands.export_trec import add_trec_arguments
    from patray.exports.command import add_export_arguments

    export = commands.add_parser("export", help="landscapes, rankings, numbers and vectors in other tools' forms")
    add_trec_arguments(add_export_arguments(export))

    from patray.commands.judging import add_judging_arguments

    add_judging_arguments(commands)
    from patray.commands.store import add_store_arguments

    add_store_arguments(commands.add_parser("store", help="what a work directory holds, for whom, and what can go"))

    calibrate = commands.add_parser(
        "calibrate",
        help="compare models with their published values on DAPFAM",
        description="Run the models that have published values on a benchmark and compare. Exit status 3 when a value "
        "is further off than the tolerance; models that cannot be found are named and left out.",
    )
    calibrate.add_argument("benchmark", choices=["dapfam"])
    calibrate.add_argument(
        "--landscape", default="landscapes/dapfam", help="the imported benchmark [landscapes/dapfam]"
    )
    calibrate.add_argument("--workdir", default="patray-work", help="as of `patray run` [patray-work]")
    calibrate.add_argument("--models", default="", metavar="A,B", help="only these [all that have values]")
    calibrate.add_argument("--values", metavar="FILE", help="other published values [the packaged ones]")
    calibrate.add_argument("--tolerance", type=float, help="relative [0.02]")
    calibrate.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="change a value of the suite, such as models_from.hub=true, models_from.mirror=/models, embedding.gpus=1",
    )  # fmt: skip
    calibrate.set_defaults(command=_calibrate)

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

    execute(suite, options.workdir, options.name, reembed=options.reembed)
    return 0


def _certify(options: argparse.Namespace) -> int:
    from patray.cluster.certify_run import certify_run, format_certified
    from patray.files import Folder

    found = certify_run(Folder.at(options.run))
    print(format_certified(found))
    return 3 if any(one.certificate is not None and not one.certificate.agrees for one in found) else 0


def _plan(options: argparse.Namespace) -> int:
    import json
    from pathlib import Path

    from patray.planning.estimates import read_estimates
    from patray.planning.plan import make_plan
    from patray.report.plan_text import format_plan, plan_data
    from patray.runs.read import read_suite
    from patray.runs.resolve import resolve
    from patray.runs.sources import pick_landscapes

    suite = resolve(pick_landscapes(read_suite(options.suite, options.set), options.landscape))
    plan = make_plan(suite, options.workdir, options.name, read_estimates(options.estimates), options.accelerator)
    print(format_plan(plan))
    if options.json:
        Path(options.json).write_text(json.dumps(plan_data(plan), indent=2) + "\n", encoding="utf-8")
    return 0


def _report(options: argparse.Namespace) -> int:
    from patray.files import Folder
    from patray.progress import warn
    from patray.report.write import write_report
    from patray.runs.provenance import not_here

    folder = Folder.at(options.run)
    for gone in not_here(folder):
        warn(f"note: {gone} is not here: the report says less of it than the one that the run wrote")
    for name in write_report(folder):
        print(f"{folder}/{name}")
    return 0


def _compare(options: argparse.Namespace) -> int:
    from patray.files import Folder
    from patray.runs.compare import compare_runs, format_comparison

    comparison = compare_runs(Folder.at(options.run_a), Folder.at(options.run_b), options.margin)
    print(format_comparison(comparison))
    return comparison.status


def _calibrate(options: argparse.Namespace) -> int:
    from patray.importers.calibration import format_rows, read_published

    chosen = [name.strip() for name in options.models.split(",") if name.strip()]
    published = read_published(options.benchmark, options.values).choose(chosen)
    tolerance = published.tolerance if options.tolerance is None else options.tolerance
    from patray.cluster.calibrate import calibrate

    found = calibrate(published, options.landscape, options.workdir, tolerance, options.set)
    print(format_rows(found.rows, tolerance))
    for name, text in published.sources.items():
        print(f"{name}: {text}")
    for name, why in found.missing.items():
        print(f"not run: {name}: {why}")
    print(f"{len(found.wrong)} of {len(found.rows)} values are off by more than {tolerance:.1%}")
    return 3 if found.wrong else 0


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
    for note in prepared.notes:
        print(f"note: {note}")
    print(f"{table.num_rows:,} row(s) with something wrong")
    if options.quarantine:
        target = Folder.at(options.quarantine)
        target.parent.write_table(target.name, table)
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
