"""`patray pool` and `patray judge`: a sheet of what nobody has judged, and the scores once people have."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from patray.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from patray.commands.opened import OpenedRun
    from patray.files import Folder
    from patray.judging.pool import Pool
    from patray.judging.sheet import Judgements
    from patray.steps.landscape import Landscape

POOL_HELP = """\
Write a judging sheet: the first results of every system of a run that nobody has judged, without a word on which
system found them, queries and results in random order. CSV or, by its name, an Excel workbook (.xlsx). Fill in the
column `grade`, from the top; give each judge a copy, or one sheet with names in the column `judge`. Keep the file
SHEET.pool.json beside it: `patray judge` checks the sheet against it.
"""
JUDGE_HELP = """\
Read filled sheets: how far the judges agree, and every system's scores without and with their grades. Queries whose
rows are all graded count; since the sheet's order is random they are a sample of all queries, and the scores are
estimated for all of them. A half-filled sheet is taken, and what is left is told. With --machine, a model's grades in
a sheet of the same form (all rows) narrow the estimate; people's grades keep it unbiased.
"""


def add_judging_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The arguments of `patray pool` and `patray judge`. Imports nothing heavy."""
    pool = commands.add_parser(
        "pool", help="write a sheet of unjudged results for people to judge", description=POOL_HELP
    )
    pool.add_argument("run", help="folder of a finished run, in its work directory")
    pool.add_argument("sheet", help="file to write: NAME.csv or NAME.xlsx")
    pool.add_argument("--landscape", help="[the only one with retrieval]")
    pool.add_argument("--view", help="[the only one]")
    pool.add_argument("--depth", type=int, default=10, help="how many first results of each system [10]")
    pool.add_argument("--queries", type=int, help="how many queries, drawn at random [all that are reported]")
    pool.add_argument("--highest", type=int, help="grades are 0 to this [the highest of the landscape; 1 of citations]")
    pool.add_argument("--seed", type=int, default=0, help="of the random order [0]")
    pool.set_defaults(command=_pool)
    judge = commands.add_parser(
        "judge", help="read filled sheets: agreement, and scores with them", description=JUDGE_HELP
    )
    judge.add_argument("run", help="the run that the sheet was made from")
    judge.add_argument("sheets", nargs="+", metavar="SHEET", help="one or more filled sheets")
    judge.add_argument("--pool", help="the pool's file [the only *.pool.json beside the first sheet]")
    judge.add_argument("--machine", metavar="SHEET", help="a machine's grades of all rows")
    judge.add_argument("--out", metavar="FOLDER", help="write scores.csv and the new judgements, qrels.tsv, there")
    judge.set_defaults(command=_judge)


def _pool(options: argparse.Namespace) -> int:
    from patray.commands.opened import open_run
    from patray.files import Folder
    from patray.judging.sheet import csv_bytes, sheet_rows, xlsx_bytes

    if not options.sheet.lower().endswith((".csv", ".xlsx")):
        raise InputError(f"{options.sheet}: a sheet is NAME.csv or NAME.xlsx")
    opened = open_run(Folder.at(options.run))
    landscape = _landscape(opened, options.landscape)
    pool = make_pool(opened, landscape, options)
    rows = sheet_rows(pool, _texts(landscape, pool))
    target = Folder.at(options.sheet)
    data = xlsx_bytes(rows) if options.sheet.lower().endswith(".xlsx") else csv_bytes(rows)
    target.parent.write_bytes(target.name, data)
    target.parent.write_json(f"{target.name}.pool.json", pool.as_json())
    print(f"{len(pool.pairs):,} pairs of {len(pool.queries):,} queries to judge: {target}")
    print(f"grades {', '.join(map(str, range(pool.highest + 1)))}; then `patray judge {options.run} {options.sheet}`")
    return 0


def _landscape(opened: OpenedRun, name: str | None) -> Landscape:
    """The landscape of that name, or the only one that has queries."""
    if name is not None and name not in opened.names:
        raise InputError(f"{opened.folder}: no landscape {name!r}; there are {', '.join(opened.names)}")
    found = [opened.landscape(one) for one in ([name] if name is not None else opened.names)]
    able = [one for one in found if one.truth is not None]
    if len(able) != 1:
        names = ", ".join(one.name for one in able) or "none"
        raise InputError(f"{opened.folder}: landscapes with retrieval: {names}; name one with --landscape")
    return able[0]


def make_pool(opened: OpenedRun, landscape: Landscape, options: argparse.Namespace) -> Pool:
    """Choose the pairs; InputError for a view or a depth that the run does not have."""
    import numpy as np

    from patray.judging.pool import Pool, choose_pairs
    from patray.runs.resolve import suite_views

    truth = landscape.truth
    assert truth is not None
    views = [view.name for view in suite_views(opened.suite)]
    view = options.view or (views[0] if len(views) == 1 else "")
    if view not in views:
        raise InputError(f"{opened.folder}: view {view or 'not given'}; name one of {', '.join(views)} with --view")
    rankings = _rankings(opened, landscape, view)
    query, patent, grade = _judged(landscape)
    highest = max(1, int(grade.max(initial=1))) if options.highest is None else options.highest
    if highest < 1:
        raise InputError(f"--highest {highest}: it must be 1 or more")
    reported = _reported(landscape)
    order, asked, found = choose_pairs(
        list(rankings.values()), (query, patent), reported, options.depth, options.queries, options.seed
    )
    pairs = zip(truth.query_ids[asked].tolist(), truth.patent_ids[found].tolist(), strict=True)
    return Pool(
        run=opened.folder.name, landscape=landscape.name, view=view, systems=tuple(rankings), depth=options.depth,
        highest=highest, seed=options.seed, reported=int(np.sum(reported)),
        queries=tuple(truth.query_ids[order].tolist()), pairs=tuple(pairs),
    )  # fmt: skip


def _reported(landscape: Landscape) -> np.ndarray:
    part = next((part for part in landscape.slices if part.name == "all"), None)
    if part is None or not part.queries.any():
        raise InputError(f"{landscape.name}: no query is reported, so there is nothing to judge")
    return part.queries


def _rankings(opened: OpenedRun, landscape: Landscape, view: str) -> dict[str, np.ndarray]:
    """(Q, K) patent codes of every system."""
    from patray.artifacts import read_sealed
    from patray.search.table import from_table
    from patray.tables import ranking_file

    truth = landscape.truth
    assert truth is not None
    found = {}
    for system in opened.systems:
        table = read_sealed(opened.folder, ranking_file(landscape.name, view, system))
        depth = int(table["rank"].to_numpy().max(initial=1))
        found[system] = from_table(table, truth.query_ids, truth.patent_ids, depth).patents
    return found


def _judged(landscape: Landscape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Query, patent and grade of all pairs that have a judgement, those of grade 0 too, sorted."""
    import numpy as np

    from patray.judging.scores import in_order

    truth = landscape.truth
    assert truth is not None
    nothing = np.zeros(len(truth.denied_query), np.int64)
    joined = ((truth.query, truth.denied_query), (truth.patent, truth.denied_patent), (truth.relevance, nothing))
    return in_order(*(np.concatenate(pair).astype(np.int64) for pair in joined))


def _texts(landscape: Landscape, pool: Pool) -> dict[str, tuple[str, str]]:
    """Title and abstract of every patent and query of the pool."""
    from patray.landscapes.load import iter_sections

    wanted = {name for pair in pool.pairs for name in pair}
    found: dict[str, tuple[str, str]] = {}
    for which in ("patents", "queries"):  # a query document takes the place of a patent with its id
        for batch in iter_sections(landscape.folder, ("title", "abstract"), which):
            for row in batch.to_pylist():
                if row["patent_id"] in wanted:
                    found[row["patent_id"]] = (row["title"] or "", row["abstract"] or "")
    return found


def _read_pool(options: argparse.Namespace) -> Pool:
    from patray.files import Folder
    from patray.judging.pool import Pool

    if options.pool is not None:
        place = Folder.at(options.pool)
    else:
        folder = Folder.at(options.sheets[0]).parent
        names = [name for name in folder.list() if name.endswith(".pool.json")]
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise InputError(f"{folder}: pools beside the sheet: {listed}; name the one that it belongs to with --pool")
        place = folder / names[0]
    return Pool.of_json(place.parent.read_json(place.name), str(place))


def _judge(options: argparse.Namespace) -> int:
    from patray.commands.opened import open_run
    from patray.files import Folder
    from patray.judging.outcome import judged_rows, table_text, told
    from patray.judging.sheet import read_judgements
    from patray.measures.definitions import parse_measure

    opened = open_run(Folder.at(options.run))
    pool = _read_pool(options)
    if pool.run != opened.folder.name:
        raise InputError(f"{options.run}: the pool is of the run {pool.run!r}")
    people = read_judgements(options.sheets, pool)
    machine = None if options.machine is None else read_judgements([options.machine], pool)
    landscape = _landscape(opened, pool.landscape)
    if machine is not None and machine.graded < len(pool.pairs):
        raise InputError(
            f"{options.machine}: {len(pool.pairs) - machine.graded:,} rows have no grade; a machine grades all"
        )
    if machine is not None and len(pool.queries) < pool.reported:
        # Its grades stand for the scores of all queries; where it saw none, nothing corrects what it does to others.
        raise InputError(
            f"{options.machine}: the pool holds {len(pool.queries):,} of the {pool.reported:,} reported queries, and a "
            "machine's grades count only where it graded all of them: pool without --queries, let the machine grade "
            "the whole sheet, and people a part of it from the top"
        )
    for line in told(pool, people):
        print(line)
    truth = landscape.truth
    assert truth is not None
    assert opened.suite.tasks.retrieval is not None
    measures = [parse_measure(name) for name in opened.suite.tasks.retrieval.measures]
    rankings = _rankings(opened, landscape, pool.view)
    known, reported = _judged(landscape), _reported(landscape)
    rows = judged_rows(pool, people, machine, truth, known, reported, rankings, measures)
    if rows:
        print(table_text(rows))
    if options.out is not None:
        _write(Folder.at(options.out), rows, pool, people)
    return 0


def _write(out: Folder, rows: list[dict[str, Any]], pool: Pool, people: Judgements) -> None:
    """scores.csv and qrels.tsv (query_id, patent_id, relevance), which `patray import` and others read."""
    import csv
    import io

    import numpy as np

    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        out.write_text("scores.csv", text.getvalue())
    graded = [(pair, grade) for pair, grade in zip(pool.pairs, people.combined, strict=True) if not np.isnan(grade)]
    lines = [f"{query}\t{patent}\t{int(grade)}" for (query, patent), grade in graded]
    out.write_text("qrels.tsv", "\n".join(["query_id\tpatent_id\trelevance", *lines]) + "\n")
    print(f"written to {out}")
