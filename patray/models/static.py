"""Static models: a table with a vector for each token, and no network. A text's vector is the mean of its tokens'.

Two layouts of a folder are known, each with its own rule for which tokens count:

    sentence-transformers' StaticEmbedding   every token, however long the text is
    model2vec                                tokens that the vocabulary knows, of the first `max_length` (512) tokens
                                             and of the first `max_length` x median token length characters

A folder that model2vec saved can be loaded by both, and they give other vectors; here its own package's rule holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patray.errors import ModelError
from patray.files import Folder
from patray.models.limits import json_object

NO_LIMIT = 1_000_000
"""Tokens that stand in a record for a text of any length."""
MODEL2VEC_LIMIT = 512
"""Where model2vec cuts if config.json names no `max_length` (0.10.0, model.py: DEFAULT_MAX_LENGTH)."""
HOMES = (".", "0_StaticEmbedding", "document_0_MLMTransformer")
"""Folders of a snapshot in which the tokenizer of its documents may lie."""
TABLES = ("embedding.weight", "embeddings")


@dataclass(frozen=True)
class StaticLayout:
    """home: folder of tokenizer and table below the snapshot. model2vec: whether its rule holds. normalised: whether it
    ends in a Normalize module. limit: tokens that are read, None for all."""

    home: str
    model2vec: bool
    normalised: bool
    limit: int | None


def static_layout(folder: Path) -> StaticLayout | None:
    """How a static model lies in `folder`; None where it is no static model.

    ModelError where something follows the table that is no Normalize module.
    """
    config = json_object(folder / "config.json")
    model2vec = config.get("model_type") == "model2vec" or "StaticModel" in (config.get("architectures") or [])
    kinds, home = _modules(folder / "modules.json")
    if not model2vec and (not kinds or kinds[0] != "StaticEmbedding"):
        return None
    if home is None:
        home = next((name for name in HOMES if (folder / name / "tokenizer.json").is_file()), ".")
    if set(kinds[1:]) - {"Normalize"}:
        raise ModelError(f"{folder}: a static model followed by {', '.join(kinds[1:])}; patray knows Normalize alone")
    limit = config.get("max_length", MODEL2VEC_LIMIT) if model2vec else None
    return StaticLayout(home, model2vec, "Normalize" in kinds or bool(config.get("normalize")), limit)


def tokenizer_home(folder: Folder) -> Folder:
    """The folder below a snapshot, wherever that is, in which tokenizer.json lies."""
    if folder.exists("tokenizer.json"):
        return folder
    return next((folder / home for home in HOMES[1:] if (folder / home).exists("tokenizer.json")), folder)


def is_snapshot(folder: Folder) -> bool:
    """Whether a folder holds a model: config.json, or modules of which none lies in the root."""
    if folder.exists("config.json"):
        return True
    if not folder.exists("modules.json"):
        return False
    return '.StaticEmbedding"' in folder.read_text("modules.json") or folder.exists("router_config.json")


def _modules(path: Path) -> tuple[list[str], str | None]:
    """(classes of the modules in order, folder of the first)."""
    if not path.is_file():
        return [], None
    try:
        rows: list[dict[str, Any]] = sorted(json.loads(path.read_text(encoding="utf-8")), key=lambda row: row["idx"])
        return [str(row["type"]).rpartition(".")[2] for row in rows], str(rows[0]["path"]) or "."
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"{path}: is not a list of modules with idx, path and type ({error!r})") from error
