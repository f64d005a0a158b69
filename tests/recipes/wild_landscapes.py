"""Landscapes with everything that could give a test away, and plain-Python answers about them.

Texts repeat across families, families cross splits of label files, query documents share ids and families with patents,
citations join everything with everything.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from patray.files import Folder
from patray.landscapes.validate import prepare

STRING, LIST = pa.string(), pa.list_(pa.string())
TYPES = {
    "patent_id": STRING, "family_id": STRING, "title": STRING, "abstract": STRING, "claims": LIST, "ipc": LIST,
    "dwpi_title": STRING, "dwpi_abstract": STRING,
}  # fmt: skip
SECTIONS = {
    "ta": ("title", "abstract"),
    "abstract": ("abstract",),
    "claims": ("claims",),
    "dwpi-ta": ("dwpi_title", "dwpi_abstract"),
}


@dataclass(frozen=True)
class Wild:
    """A clean copy, and the rows that were written, as dictionaries."""

    folder: Folder
    patents: list[dict[str, Any]]
    queries: list[dict[str, Any]]
    citations: list[tuple[str, str]]
    qrels: list[tuple[str, str, int]]
    labels: dict[str, list[dict[str, Any]]]

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [*self.patents, *self.queries]

    def family_of(self, document: dict[str, Any]) -> str:
        return document["family_id"] or document["patent_id"]

    def group_of(self, id: str) -> str:
        """One name for all families that are joined to the family of `id` by documents of one id."""
        group = {self.family_of(one) for one in self.documents if one["patent_id"] == id}
        while True:
            ids = {one["patent_id"] for one in self.documents if self.family_of(one) in group}
            more = {self.family_of(one) for one in self.documents if one["patent_id"] in ids}
            if more == group:
                return min(group)
            group = more

    def foreign_families(self, wanted: str = "train") -> set[str]:
        """Families that nothing of the split `wanted` may touch: by hash, or by a label file's own split."""
        rank = {"train": 0, "validation": 1, "test": 2}
        split = {family: rank[split_of(family)] for one in self.documents for family in [self.family_of(one)]}
        for rows in self.labels.values():
            for row in rows:
                for one in self.patents:
                    if one["patent_id"] == row["patent_id"] and row.get("split"):
                        family = self.family_of(one)
                        split[family] = max(split[family], rank[row["split"]])
        by_id: dict[str, set[str]] = {}
        for one in self.documents:
            by_id.setdefault(one["patent_id"], set()).add(self.family_of(one))
        for _ in self.documents:  # families that share an id are one: the stricter split spreads until it stands
            for families in by_id.values():
                strictest = max(split[family] for family in families)
                split.update(dict.fromkeys(families, strictest))
        return {family for family, at in split.items() if at != rank[wanted]}


def split_of(family: str) -> str:
    """The documented rule, written a second time: 60 : 20 : 20 by a keyed hash."""
    digest = hashlib.blake2b(family.encode(), digest_size=8, key=b"patray").digest()
    fraction = int.from_bytes(digest, "little") / 2**64
    return "train" if fraction < 0.6 else "validation" if fraction < 0.8 else "test"


def text_of(document: dict[str, Any], sections: tuple[str, ...]) -> str:
    parts = []
    for section in sections:
        value = document[section]
        parts.append("\n".join(value) if isinstance(value, list) else value or "")
    return "\n".join(part for part in parts if part)


def folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def make_wild(path: Path, seed: int, patents: int = 70, by_qrels: bool = False) -> Wild:
    """A landscape of random rows; the same for the same seed."""
    draw = random.Random(seed)
    words = [f"part{number}" for number in range(40)]

    def text(chance_of_none: float = 0.05) -> str | None:
        if draw.random() < chance_of_none:
            return None
        said = " ".join(draw.choices(words, k=2))
        return draw.choice([said, said.upper(), said.replace(" ", "  "), f"{said} {draw.random()}"])

    def document(id: str) -> dict[str, Any]:
        family = draw.choice([None, f"F{draw.randrange(patents // 2)}"])
        claims = [one for one in (text(0.1), text(0.5)) if one]
        return {
            "patent_id": id,
            "family_id": family,
            "title": text(0.3) or "A device",
            "abstract": text(),
            "claims": claims,
            "ipc": draw.sample(["A61B5/02", "G01N1/00", "B25J9/16", "H04L1/00"], k=draw.randrange(3)),
            "dwpi_title": text(0.5),
            "dwpi_abstract": text(0.2),
        }

    rows = [document(f"P{number:03}") for number in range(patents)]
    queries = [document(f"Q{number}") for number in range(12)] + [
        document(f"P{number:03}") for number in range(0, 21, 3)
    ]
    ids = [row["patent_id"] for row in [*rows, *queries]]
    cites = list(dict.fromkeys((draw.choice(ids), draw.choice(ids)) for _ in range(patents * 6)))
    cites = [(a, b) for a, b in cites if a != b]
    corpus = [row["patent_id"] for row in rows]
    qrels = list({(draw.choice(ids), draw.choice(corpus)): draw.randrange(3) for _ in range(patents * 4)}.items())
    labels = {
        "own": [
            {"patent_id": id, "labels": draw.sample("abcd", k=draw.randrange(1, 3)),
             "split": draw.choice(["train", "train", "train", "validation", "test", None])}
            for id in draw.sample(corpus, k=patents // 2)
        ],
        "plain": [{"patent_id": id, "labels": draw.sample("uvwxyz", k=draw.randrange(1, 3))} for id in corpus[::2]],
    }  # fmt: skip
    source = path / "source"
    (source / "labels").mkdir(parents=True)
    for name, table in (("patents", rows), ("queries", queries)):
        columns = {key: pa.array([row[key] for row in table], kind) for key, kind in TYPES.items()}
        pq.write_table(pa.table(columns), source / f"{name}.parquet")
    if by_qrels:
        triples = [(q, p, grade) for (q, p), grade in qrels if q != p]
        names = ("query_id", "patent_id", "relevance")
        pq.write_table(pa.table(dict(zip(names, zip(*triples, strict=True), strict=True))), source / "qrels.parquet")
        cites = []
    else:
        triples = []
        ends = {"citing_id": [citing for citing, _ in cites], "cited_id": [cited for _, cited in cites]}
        pq.write_table(pa.table(ends), source / "citations.parquet")
    for name, rows_of in labels.items():
        pq.write_table(pa.Table.from_pylist(rows_of), source / "labels" / f"{name}.parquet")
    prepared = prepare(Folder.at(source), Folder.at(path / "clean"), "wild", max_bad_share=1.0, rows_per_part=16)
    return Wild(prepared.folder, rows, queries, cites, triples, labels)
