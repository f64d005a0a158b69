"""`patray import FORMAT SOURCE... DEST [options]`."""

from __future__ import annotations

import argparse

from patray.importers.formats import INTO, format_lines

DESCRIPTION = """\
Make a landscape of an export or a public benchmark.

SOURCE is one or more files, folders, zip archives or URIs (s3://, gs://), compressed or not. DEST is the folder to
write. An import that was stopped goes on when the same command is given again. Every row is kept, quarantined
(DEST/quarantine.parquet names file and line) or filtered, and the report adds them up (DEST/import.json).
"""

EPILOG = """\
formats:
{formats}

examples:
  patray import lens lens-export.jsonl landscapes/brushes
  patray import bigquery shards/ landscapes/brushes --office EP,US --since 2010-01-01 --codes A46B
  patray import lens lens-export.jsonl landscapes/small --representative earliest --sample 20000
  patray import table my.csv landscapes/mine --map patent_id=pn --map title=ti --map abstract=ab
  patray import trec judged.qrels landscapes/brushes
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `patray import`. Imports nothing heavy."""
    known = format_lines()
    formats = "\n".join(f"  {name:12} {what}" for name, what in known.items())
    parser.description, parser.epilog = DESCRIPTION, EPILOG.format(formats=formats)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("format", choices=tuple(known), metavar="FORMAT", help="one of the formats below")
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="files, folders, archives or URIs")
    parser.add_argument("destination", metavar="DEST", help="landscape folder to write")
    parser.add_argument("--quiet", action="store_true", help="show no progress")

    about = parser.add_argument_group("what landscape.yaml says")
    about.add_argument("--name", default="", help="[the folder's name]")
    about.add_argument("--title", default="")
    about.add_argument("--licence", default="", help="[what the source is known to be under]")
    about.add_argument("--version", dest="source_version", default="", help="version or date of the source")

    reading = parser.add_argument_group("reading")
    reading.add_argument("--prefer", default="en", metavar="LANGUAGES", help="text languages, first found wins [en]")
    reading.add_argument("--date", default="publication", help="publication, filing or priority [publication]")
    reading.add_argument("--map", action="append", default=[], metavar="COLUMN=SOURCE", help="table: column mapping")
    reading.add_argument(
        "--separator", action="append", default=[], metavar="COLUMN=TEXT",
        help="table: what stands between the values of a cell (of texts: their versions), or newline, space, none",
    )  # fmt: skip
    reading.add_argument(
        "--date-format", default="", metavar="DD/MM/YYYY", help="table, lens CSV: where dates do not tell"
    )
    reading.add_argument("--sheet", default="", help="of a workbook [the one with known column names]")
    reading.add_argument("--delimiter", default="", help="of CSV and TSV files [by the format]")
    reading.add_argument("--encoding", default="utf-8", help="of CSV and TSV files [utf-8]")
    reading.add_argument("--task", default="", help="patenteb: the task; beir: the subset")
    reading.add_argument("--split", default="", help="beir: the split, where there are several")
    reading.add_argument("--whole-text", action="store_true", help="patenteb: keep texts as published, as abstract")
    reading.add_argument("--keep-truncated", action="store_true", help="keep the rows of a file that is cut off")
    reading.add_argument(
        "--max-dropped", type=float, default=0.5, metavar="SHARE",
        help="end with status 5 when more of the patents' rows cannot be used [0.5]",
    )  # fmt: skip
    reading.add_argument("--processes", type=int, help="how many work at once [one a core]")

    chosen = parser.add_argument_group("what enters")
    chosen.add_argument("--office", default="", metavar="EP,US", help="only these offices")
    chosen.add_argument("--since", default="", metavar="YYYY-MM-DD", help="only dates from here on")
    chosen.add_argument("--until", default="", metavar="YYYY-MM-DD", help="only dates up to here")
    chosen.add_argument("--languages", default="", metavar="en,de", help="only texts in these ('unknown' is one too)")
    chosen.add_argument(
        "--codes", default="", metavar="A61B,G06T7", help="only with IPC or CPC codes of these prefixes"
    )
    chosen.add_argument("--all-kinds", action="store_true", help="also search reports, corrections, designs, plants")
    chosen.add_argument(
        "--representative", default="", help="one publication a family: earliest, longest, or offices such as EP,US,WO"
    )
    chosen.add_argument("--sample", type=int, default=0, metavar="N", help="this many, kept dense in citations")
    chosen.add_argument("--seed", type=int, default=0, help="of the sample [0]")


def run(options: argparse.Namespace) -> int:
    """`patray import`; prints the report."""
    if options.format in INTO:
        return _into(options)
    from patray.errors import DroppedError
    from patray.importers.options import Options, Selection
    from patray.importers.report import format_report
    from patray.importers.run import import_landscape

    report = import_landscape(
        options.format,
        options.sources,
        options.destination,
        Options(
            name=options.name,
            title=options.title,
            licence=options.licence,
            version=options.source_version,
            prefer=_list(options.prefer.lower()),
            date=options.date,
            delimiter="\t" if options.delimiter == "\\t" else options.delimiter,
            encoding=options.encoding,
            columns=_mapping("--map", options.map),
            separators=_mapping("--separator", options.separator),
            date_format=options.date_format,
            sheet=options.sheet,
            keep_truncated=options.keep_truncated,
            task=options.task,
            split=options.split,
            whole_text=options.whole_text,
            selection=Selection(
                offices=_list(options.office),
                since=options.since,
                until=options.until,
                languages=_list(options.languages.lower()),
                codes=_list(options.codes),
                all_kinds=options.all_kinds,
                representative=options.representative,
                sample=options.sample,
                seed=options.seed,
            ),
        ),
        options.processes,
    )
    print(format_report(report))
    if report["dropped_share"] > options.max_dropped:
        reasons = [f"{number:,} {reason}" for reason, number in report["quarantine"].items() if "(dropped)" in reason]
        raise DroppedError(
            f"{report['dropped_share']:.1%} of the rows of patents were dropped, at most {options.max_dropped:.0%} may "
            f"be (--max-dropped): {'; '.join(reasons[:5])}. What is left is in {options.destination}"
        )
    print(f"landscape written to {options.destination}; next: patray landscape describe {options.destination}")
    return 0


def _into(options: argparse.Namespace) -> int:
    """Into a landscape that exists."""
    if options.format == "trec":
        from patray.importers.trec import import_trec

        report = import_trec(options.sources, options.destination)
    else:
        from patray.importers.office_actions import import_office_actions

        report = import_office_actions(options.sources, options.destination)
    for file, one in report.items():
        filtered = f", {one['filtered']:,} filtered" if "filtered" in one else ""
        print(
            f"{file}: {one['kind']}, {one['read']:,} lines read, {one['kept']:,} kept{filtered}, "
            f"{one['quarantined']:,} not"
        )
        for reason, number in one["reasons"].items():
            print(f"  {number:12,}  {reason}")
    return 0


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _mapping(option: str, pairs: list[str]) -> dict[str, str]:
    from patray.errors import InputError

    found: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name or not value:
            example = "COLUMN=SOURCE, such as --map title=ti" if option == "--map" else "COLUMN=TEXT, such as labels=;"
            raise InputError(f"{option} {pair}: write it as {example}")
        if name in found:
            raise InputError(f"{option} {pair}: {name} is {'mapped' if option == '--map' else 'given'} twice")
        found[name] = value
    return found
