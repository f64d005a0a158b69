"""Sparse models: a weight for each term of the vocabulary, most of them 0 (SPLADE, OpenSearch's neural sparse models).

Two layouts of sentence-transformers are known:

    MLMTransformer, SpladePooling                       documents and queries through the network (SPLADE v3)
    Router: document as above, query SparseStaticEmbedding   queries are looked up, no network (OpenSearch doc-v3)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patray.errors import ModelError
from patray.models.difference import Difference
from patray.models.limits import json_object
from patray.models.record import ModelRecord

DOCUMENT = ["MLMTransformer", "SpladePooling"]
QUERY_TABLE = ["SparseStaticEmbedding"]
NO_HEADS = ("reranker", "sparse", "listwise")
"""Kinds of models that end in no vector of a width of its own."""


@dataclass(frozen=True)
class SparseLayout:
    """home: folder of the network and its tokenizer below the snapshot. pooling: max or sum over the tokens.
    query_home: folder of the table of term weights by which queries are looked up; None: queries pass the network."""

    home: str
    pooling: str
    query_home: str | None


def sparse_layout(folder: Path) -> SparseLayout | None:
    """How a sparse model lies in `folder`; None where it is none. ModelError for modules that patray does not know."""
    path = folder / "modules.json"
    if not path.is_file():
        return None
    try:
        rows = sorted(json.loads(path.read_text(encoding="utf-8")), key=lambda row: row["idx"])
        modules = [(_kind(str(row["type"])), str(row["path"]) or ".") for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is not a list of modules with idx, path and type ({error!r})") from error
    if [kind for kind, _ in modules] == ["Router"]:
        return _routed(folder / modules[0][1], modules[0][1])
    if "SpladePooling" not in [kind for kind, _ in modules]:
        return None
    _require(folder, [kind for kind, _ in modules], DOCUMENT)
    return SparseLayout(modules[0][1], _pooling(folder / modules[1][1]), None)


def _routed(folder: Path, below: str) -> SparseLayout | None:
    """The layout of a Router, None where it routes to something that is not sparse."""
    config = json_object(folder / "router_config.json")
    types, structure = config.get("types"), config.get("structure")
    if not isinstance(types, dict) or not isinstance(structure, dict):
        raise ModelError(f"{folder / 'router_config.json'}: names no types and structure")
    routes = {name: [(_kind(str(types.get(path))), path) for path in paths] for name, paths in structure.items()}
    if not any(kind == "SpladePooling" for route in routes.values() for kind, _ in route):
        return None
    document, query = routes.get("document", []), routes.get("query", [])
    _require(folder, [kind for kind, _ in document], DOCUMENT)
    _require(folder, [kind for kind, _ in query], QUERY_TABLE)
    home = str(Path(below) / document[0][1])
    return SparseLayout(home, _pooling(folder / document[1][1]), str(Path(below) / query[0][1]))


def _kind(name: str) -> str:
    """Class of a module: the Transformer for a masked language model has had two names."""
    kind = name.rpartition(".")[2]
    return "MLMTransformer" if kind == "Transformer" else kind


def _pooling(folder: Path) -> str:
    return str(json_object(folder / "config.json").get("pooling_strategy", "max"))


def _require(folder: Path, kinds: list[Any], wanted: list[str]) -> None:
    if kinds != wanted:
        raise ModelError(
            f"{folder}: a sparse model of {', '.join(map(str, kinds)) or 'nothing'}; patray knows {', '.join(wanted)}"
        )


def sparse_differences(record: ModelRecord, layout: SparseLayout | None, terms: Any) -> Iterator[Difference]:
    """What decides a sparse vector beside the network: pooling, how queries are read, the vocabulary (`terms`)."""
    if record.kind != "sparse":
        return
    if terms not in (None, record.dimension):
        yield Difference(
            "dimension", f"{record.dimension} terms", f"gives {terms}", "It is another model's vocabulary."
        )
    if layout is None:
        yield Difference("modules", "a sparse model", "has no SpladePooling", "It gives no term weights.")
    elif (layout.pooling, layout.query_home is not None) != (record.pooling, record.query_table):
        wanted, found = _said(record.pooling, record.query_table), _said(layout.pooling, layout.query_home is not None)
        yield Difference("pooling", wanted, f"says {found}", "Every vector changes, and no error tells.")


def _said(pooling: str, looked_up: bool) -> str:
    return f"{pooling}, queries {'looked up' if looked_up else 'through the network'}"
