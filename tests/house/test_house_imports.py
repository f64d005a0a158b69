"""The rules that keep the house a house: imports point one way, and the light commands stay light."""

import ast
import graphlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYERS = [
    [
        "patray.artifacts",
        "patray.errors",
        "patray.files",
        "patray.filesystems",
        "patray.kinds",
        "patray.progress",
        "patray.seals",
        "patray.stop",
        "patray.tables",
        "patray.yaml_source",
        "patray.yaml_model",
    ],
    ["patray.measures", "patray.statistics"],
    ["patray.landscapes"],
    ["patray.models"],
    ["patray.encoders"],
    ["patray.search"],
    ["patray.tasks"],
    ["patray.recipes"],
    ["patray.importers"],
    ["patray.systems"],
    ["patray.runs"],
    ["patray.steps"],
    ["patray.planning"],
    ["patray.report"],
    ["patray.exports"],
    ["patray.judging"],
    ["patray.cluster"],
    ["patray.api"],
    ["patray.commands"],
    ["patray.cli"],
]
OPEN_TO_ALL = {"patray"}
PURE = {"patray.measures": {"numpy", "scipy", "patray"}, "patray.statistics": {"numpy", "scipy", "patray"}}
CLASSES_OF_TORCH = {"patray.encoders.nomic_moe"}
"""Modules of torch classes, which nothing imports at its top."""
HEAVY = {"ray", "torch", "vllm", "faiss", "sentence_transformers", "transformers", "sklearn", "matplotlib", "bm25s"}


def _module(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def _imports(path: Path, top_only: bool) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_only else list(ast.walk(tree))
    found = []
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            package = node.module.startswith("patray.") and (ROOT / node.module.replace(".", "/")).is_dir()
            found += [f"{node.module}.{alias.name}" for alias in node.names] if package else [node.module]
    return found


def _layer(module: str) -> int | None:
    for position, names in enumerate(LAYERS):
        if any(module == name or module.startswith(name + ".") for name in names):
            return position
    return None


FILES = sorted((ROOT / "patray").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: _module(path))
def test_a_module_imports_only_from_layers_below_its_own(path: Path) -> None:
    module = _module(path)
    own = _layer(module)
    if module == "patray":
        return
    assert own is not None, f"{module} has no layer; add it to the house's plan"
    for name in _imports(path, top_only=False):
        if not name.startswith("patray") or name in OPEN_TO_ALL:
            continue
        theirs = _layer(name)
        assert theirs is not None
        assert theirs < own or LAYERS[own] == LAYERS[theirs], f"{module} must not import {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: _module(path))
def test_heavy_libraries_are_imported_where_they_are_used_and_ray_only_in_cluster(path: Path) -> None:
    module = _module(path)
    in_cluster = module.startswith("patray.cluster")
    for name in _imports(path, top_only=True):
        top = name.split(".")[0]
        assert name not in CLASSES_OF_TORCH, f"{module} imports {name} at its top"
        if module not in CLASSES_OF_TORCH:
            assert top not in HEAVY or (in_cluster and top == "ray"), f"{module} imports {name} at its top"
    for name in _imports(path, top_only=False):
        assert name.split(".")[0] != "ray" or in_cluster, f"{module} imports ray"
        for room, allowed in PURE.items():
            if module.startswith(room):
                top = name.split(".")[0]
                assert top in allowed or top in sys.stdlib_module_names, f"{module} imports {name}"


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports inside functions count; those for type checkers alone do not."""
    modules = {_module(path) for path in FILES}
    graph: dict[str, set[str]] = {}
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = []
        named = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        }
        graph[_module(path)] = (named & modules) - {_module(path)}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_models_are_made_ready_in_one_place_which_checks_them_against_their_records() -> None:
    engines = {"SentenceTransformersEncoder", "VllmEncoder", "OpenVinoEncoder", "CTranslate2Encoder"}
    engines |= {"LateEncoder", "CrossScorer"}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if named in engines:
                assert _module(path) == "patray.encoders.load", f"{_module(path)} makes {named} itself"


@pytest.mark.parametrize("path", FILES, ids=lambda path: _module(path))
def test_a_file_is_one_concept_of_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_help_loads_neither_numpy_nor_torch_nor_ray() -> None:
    code = "import sys; import patray.cli\ntry: patray.cli.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print('LOADED', *sorted(set(sys.modules) & {'numpy', 'pyarrow', 'torch', 'ray', 'pydantic'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "LOADED"


def test_help_answers_well_under_a_second() -> None:
    begin = time.process_time()
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "patray.cli", "--help"], capture_output=True, check=True, cwd=ROOT)
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 1.0
