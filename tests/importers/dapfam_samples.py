"""A file set in exactly DAPFAM's schema with all its quirks. All text is invented."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

WORDS = ["brush", "hinge", "lens", "motor", "valve", "spring", "sensor", "frame", "wheel", "cable", "pump", "filter"]
CLASSES = ["A46", "A61", "G02", "H02", "F16", "B60"]


def make_dapfam(
    folder: Path,
    spelling: str = "list",
    documents: int = 150,
    queries: int = 25,
    seed: int = 0,
    words: Sequence[str] = WORDS,
) -> Path:
    """spelling: how the list columns are stored: 'list', 'json' or 'repr'."""
    rng = random.Random(seed)

    def text(count: int) -> str:
        return " ".join(rng.choices(words, k=count))

    def spelled(codes: list[str]) -> Any:
        return {"list": codes, "json": json.dumps(codes), "repr": repr(codes)}[spelling]

    def document(key: str, name: str) -> dict[str, Any]:
        classes = rng.sample(CLASSES, k=rng.choice([0, 1, 2]))
        return {
            key: name,
            "earliest_claim_jusrisdiction": rng.choice(["US", "EP"]),
            "jurisdiction": "US",
            "ipcr_codes_str": "; ".join(f"{one}B5/02" for one in classes),
            "earliest_claim_date": f"200{rng.randrange(10)}-05-{rng.randrange(1, 28):02d}",
            "earliest_claim_year": 2005,
            "classifications_ipcr_list_first_three_chars_list": spelled(classes),
            "title_en": text(4),
            "abstract_en": text(20) if rng.random() > 0.1 else "",
            "claims_text": f"1. a {text(8)}. 2. the {text(2)} of claim 1." if rng.random() > 0.1 else None,
            "description_en": f" {text(40)}\n{text(5)} ",
        }

    corpus = [document("relevant_id", f"d{i}") for i in range(documents)]
    asked = [{**document("query_id", f"q{i}"), "abstract_keywords": text(3)} for i in range(queries)]
    relations = []
    for query in asked:
        sample = rng.sample(range(documents), 14)
        kinds = ["IN"] * 5 + ["OUT"] * rng.choice([0, 2]) + ["NC"] * 7
        for place, kind in zip(sample, kinds, strict=False):
            score = 0.0 if kind == "NC" else 1.0
            relations.append((query["query_id"], f"d{place}", score, kind))
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(corpus), folder / "corpus.parquet")
    pq.write_table(pa.Table.from_pylist(asked), folder / "queries.parquet")
    columns = list(zip(*relations, strict=True))
    names = ["query_id", "relevant_id", "relevance_score", "domain_rel"]
    pq.write_table(pa.table([pa.array(column) for column in columns], names=names), folder / "qrels_all.parquet")
    return folder
