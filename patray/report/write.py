"""Writes a run's report: report.html, tables/*.md, tables/*.tex."""

from __future__ import annotations

from patray.files import Folder
from patray.progress import say
from patray.report.answer import answers_for
from patray.report.baselines import with_baselines
from patray.report.data import Results, load_results
from patray.report.flat import with_flat
from patray.report.html import render_page
from patray.report.layouts import study_layouts, unique_names
from patray.report.sections.frequency import frequency_layouts
from patray.report.sections.recipe_layouts import verdict_layouts
from patray.report.sections.retention import retention_layouts
from patray.report.studies import with_studies
from patray.report.tables_latex import latex_table
from patray.report.tables_md import markdown_table
from patray.runs.run_files import check_run

PAGE = "report.html"


def results_of(run: Folder) -> Results:
    """Read all that a report is made of."""
    return with_baselines(run, with_flat(run, with_studies(run, load_results(run))))


def write_report(run: Folder) -> list[str]:
    """Build the report from the run's files and write it beside them; returns the names written.

    The same files give the same bytes. Raises InputError where a file is missing, unreadable, lacks a column, or is
    not the one that the run wrote.
    """
    for note in check_run(run):
        say(f"note: {note}")
    results = results_of(run)
    names = [PAGE]
    by_frequency = frequency_layouts(results, answers_for(results, "classification"))
    for layout in unique_names(
        [*study_layouts(results), *by_frequency, *retention_layouts(results), *verdict_layouts(results)]
    ):
        run.write_text(f"tables/{layout.name}.md", markdown_table(layout))
        run.write_text(f"tables/{layout.name}.tex", latex_table(layout))
        names += [f"tables/{layout.name}.md", f"tables/{layout.name}.tex"]
    run.write_text(PAGE, render_page(results))  # the last: where it is, all is
    return names
