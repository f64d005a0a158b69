"""The sections of the report, in the order of the page: `SECTIONS["cost"](results)`.

A section is one file here: a function from `Results` to a `Section` (`report/page.py`), or to None where it has nothing
to say. Sections of other packages come after these (docs/extending.md).
"""

from __future__ import annotations

from collections.abc import Callable

from patray.kinds import Registry
from patray.report.data import Results
from patray.report.page import Section

SECTIONS: Registry[Callable[[Results], Section | None]] = Registry(
    "sections",
    {
        "recipes": "patray.report.sections.recipes:recipe_section",
        "retrieval": "patray.report.sections.tasks:retrieval_section",
        "classification": "patray.report.sections.tasks:classification_section",
        "clustering": "patray.report.sections.tasks:clustering_section",
        "comparisons": "patray.report.sections.comparisons:comparison_section",
        "map": "patray.report.sections.map:map_section",
        "cost": "patray.report.sections.cost:cost_section",
        "data": "patray.report.sections.data:data_section",
        "models": "patray.report.sections.models:model_section",
    },
)


def sections(results: Results) -> list[Section]:
    """All sections that have something to say of a run: those of patray, then those of other packages."""
    return [built for make in SECTIONS.values() if (built := make(results)) is not None]
