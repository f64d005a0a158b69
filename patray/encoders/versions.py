"""What vectors were made with, beside the model: versions of the packages that compute them, and patray's own encoders.

`{"patray-encoders": "5f0c...", "sentence-transformers": "6.2.0", "tokenizers": "0.22.1", "torch": "2.9.1+cpu", ...}`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
from functools import cache
from importlib import resources

from patray.models.engines import ENGINES, PACKAGES

ENCODERS = "patray-encoders"
SHARED = ("tokenizers", "torch", "transformers")
"""Packages behind every engine; the engine's own comes to them."""
DECIDE_NOTHING = ("parity", "published", "reference", "flops", "certificate", "versions")
"""Files of `patray/encoders` (and those that begin so) that check, count or tell, and make no vector."""


def encoder_versions(engine: str) -> dict[str, str]:
    """Package -> version of what decides vectors here, in this environment, beside model and texts."""
    found = {ENCODERS: code_hash()}
    own = PACKAGES.get(engine, (ENGINES.origins().get(engine, engine).partition(" ")[0],))
    for package in sorted({*own, *SHARED}):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # a driver without an engine: its workers have it
            found[package] = "not installed"
    return found


@cache
def code_hash() -> str:
    """12 hex digits over the code of patray's encoders, comments, docstrings and layout aside.

    A hash rather than a number that somebody must not forget to raise: too many changes cost a certificate each, one
    too few would cost a wrong number.
    """
    total = hashlib.sha256()
    files = {item.name: item for item in resources.files("patray.encoders").iterdir() if item.name.endswith(".py")}
    for name in sorted(files):
        if not name.startswith(DECIDE_NOTHING):
            total.update(f"{name}\0{code_of(files[name].read_text(encoding='utf-8'))}\0".encode())
    return total.hexdigest()[:12]


def code_of(source: str) -> str:
    """What Python runs of a module, as text: without comments, docstrings and positions."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [item for item in node.body if not _is_text(item)] or [ast.Pass()]
    return ast.dump(tree)


def _is_text(item: ast.stmt) -> bool:
    return isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and isinstance(item.value.value, str)
