"""The rules that keep the house a house: imports point one way, and the light commands stay light."""

import ast
import functools
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = {"patray.measures": {"numpy", "scipy", "patray"}, "patray.statistics": {"numpy", "scipy", "patray"}}
CLASSES_OF_TORCH = {"patray.encoders.nomic_moe"}
"""Modules of torch classes, which nothing imports at its top."""
HEAVY = {"ray", "torch", "vllm", "faiss", "sentence_transformers", "transformers", "sklearn", "matplotlib", "bm25s"}


def _module(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def _imports(tree: ast.Module, top_only: bool) -> list[str]:
    nodes = tree.body if top_only else list(ast.walk(tree))
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            package = node.module.startswith("patray.") and (ROOT / node.module.replace(".", "/")).is_dir()
            found += [f"{node.module}.{alias.name}" for alias in node.names] if package else [node.module]
    return found


FILES = sorted((ROOT / "patray").rglob("*.py"))


@functools.cache
def _trees() -> dict[str, ast.Module]:
    """Every module of patray, parsed once."""
    return {_module(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    """What `lint-imports` does not tell: whether an import stands at a module's top, and what pure rooms may use."""
    wrong = []
    for module, tree in _trees().items():
        for name in _imports(tree, top_only=True):
            top = name.split(".")[0]
            heavy = top in HEAVY and not (top == "ray" and module.startswith("patray.cluster"))
            if name in CLASSES_OF_TORCH or (heavy and module not in CLASSES_OF_TORCH):
                wrong.append(f"{module} imports {name} at its top")
        for room, allowed in PURE.items():
            tops = {name.split(".")[0] for name in _imports(tree, top_only=False)} if module.startswith(room) else set()
            wrong += [f"{module} imports {top}" for top in tops - allowed - set(sys.stdlib_module_names)]
    assert not wrong, "\n".join(wrong)


def _run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from _run_nodes(node)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports inside functions count; those for type checkers alone do not."""
    modules = {_module(path) for path in FILES}
    graph: dict[str, set[str]] = {}
    for module, tree in _trees().items():
        named = {
            name
            for node in _run_nodes(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        }
        graph[module] = (named & modules) - {module}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_models_are_made_ready_in_one_place_which_checks_them_against_their_records() -> None:
    engines = {"SentenceTransformersEncoder", "VllmEncoder", "OpenVinoEncoder", "CTranslate2Encoder"}
    engines |= {"LateEncoder", "CrossScorer"}
    for module, tree in _trees().items():
        for node in ast.walk(tree):
            named = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if named in engines:
                assert module == "patray.encoders.load", f"{module} makes {named} itself"


def test_a_file_is_one_concept_of_at_most_400_lines() -> None:
    assert [path.name for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []


def test_help_loads_neither_numpy_nor_torch_nor_ray() -> None:
    code = "import sys; import patray.cli\ntry: patray.cli.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print('LOADED', *sorted(set(sys.modules) & {'numpy', 'pyarrow', 'torch', 'ray', 'pydantic'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "LOADED"
