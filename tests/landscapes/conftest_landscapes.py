"""Small landscapes written to a temporary folder, one line per thing that matters in a test."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patray.files import Folder


def patent(id: str | None, **changes: Any) -> dict[str, Any]:
    """A patent without a fault, with some of its columns changed."""
    row: dict[str, Any] = {
        "patent_id": id,
        "family_id": None,
        "jurisdiction": "US",
        "date": datetime.date(2001, 2, 3),
        "title": f"Folding brush {id}",
        "abstract": "A brush that folds.",
        "claims": ["A brush comprising a hinge.", "The brush of claim 1, wherein it folds."],
        "description": None,
        "ipc": ["A46B5/02"],
        "cpc": [],
    }
    row.update(changes)
    return row


TYPES = {
    **dict.fromkeys(("patent_id", "family_id", "jurisdiction", "title", "abstract", "description"), pa.string()),
    **dict.fromkeys(("claims", "ipc", "cpc"), pa.list_(pa.string())),
    "date": pa.date32(),
}


def patents_table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()})


def citations_table(*pairs: tuple[str | None, str | None]) -> pa.Table:
    return pa.table(
        {
            "citing_id": pa.array([a for a, _ in pairs], pa.string()),
            "cited_id": pa.array([b for _, b in pairs], pa.string()),
        }
    )


Write = Callable[..., Folder]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write(patents=..., citations=table, labels={name: table}, yaml=text, ...) -> the landscape's folder."""

    def make(
        patents: pa.Table | list[dict[str, Any]],
        labels: dict[str, pa.Table] | None = None,
        yaml: str | None = None,
        name: str = "small",
        **tables: pa.Table,
    ) -> Folder:
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        whole = patents if isinstance(patents, pa.Table) else patents_table(patents)
        pq.write_table(whole, path / "patents.parquet")
        for file, table in tables.items():
            pq.write_table(table, path / f"{file}.parquet")
        for label, table in (labels or {}).items():
            (path / "labels").mkdir(exist_ok=True)
            pq.write_table(table, path / "labels" / f"{label}.parquet")
        if yaml is not None:
            (path / "landscape.yaml").write_text(yaml, encoding="utf-8")
        return Folder.at(path)

    return make


@pytest.fixture
def clean(tmp_path: Path) -> Folder:
    return Folder.at(tmp_path / "clean")
