"""The formats by name. Their modules are loaded when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from patray.errors import InputError
from patray.kinds import Registry

if TYPE_CHECKING:
    from patray.importers.format import Format

FORMATS = {
    "lens": "Lens.org exports, CSV, Excel or JSON",
    "bigquery": "Google Patents Public Data, JSON lines or Parquet",
    "patentsview": "PatentsView bulk tables (TSV, zipped or not), grants and pre-grant publications",
    "uspto-xml": "USPTO weekly full text (ipg/ipa), concatenated XML",
    "uspto-old": "USPTO full text before 2005: APS text, PATDOC (SGML, XML v2), applications in XML v1",
    "ops": "EPO Open Patent Services (OPS): saved answers, XML or JSON, biblio and full text",
    "docdb": "EPO DOCDB exchange documents, XML, zipped or not",
    "ep-xml": "EPO publications in full text (ep-patent-document), XML, weekly zip or tar files",
    "uspto-odp": "USPTO Open Data Portal, answers of its patent search (JSON)",
    "hupd": "Harvard USPTO Patent Dataset, JSON files or tar archives of them",
    "table": "any CSV, TSV, Excel sheet, JSON or Parquet; --map COLUMN=SOURCE for names that are not known",
    "beir": "BEIR folders, mteb retrieval layouts, NanoDAPFAM",
    "clef-ip": "CLEF-IP 2010 to 2013: corpus, topics and qrels, EN, DE and FR",
    "dapfam": "DAPFAM: corpus, queries and relations as published",
    "patenteb": "one PatenTEB task (class_text2ipc3, clusters_..., retrieval_...)",
    "office-actions": "citations of USPTO office actions (Enriched Citation v3, Office Action Citations v2), into a "
    "landscape that exists",
    "trec": "TREC qrels and runs, into a landscape that exists",
}
"""Name -> one line of help: the only list of the formats (docs/import has a page for each)."""
INTO = ("trec", "office-actions")
"""Those that add to a landscape that exists; each has a function of its own instead of a `Format`."""
OF_OTHERS: Registry[Format] = Registry("formats", {})
"""Formats of other packages (entry points `patray.formats`, each a `format.Format`)."""


def format_lines() -> dict[str, str]:
    """Name -> one line of help, of all formats; those of other packages say what they are in `Format.says`."""
    return {**FORMATS, **{name: OF_OTHERS[name].says for name in OF_OTHERS.names() if name not in FORMATS}}


def load_format(name: str) -> Format:
    """The format of that name. Raises InputError when there is none."""
    if name not in FORMATS:
        if name not in OF_OTHERS:
            raise InputError(f"unknown format {name!r}; allowed are {', '.join(format_lines())}")
        return OF_OTHERS[name]
    module = import_module(f"patray.importers.{name.replace('-', '_')}")
    found: Format = module.FORMAT
    return found
