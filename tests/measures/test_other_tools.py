"""docs/other-tools.md says what the tools say: its table is run again for every tool that is installed."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).resolve().parents[2]


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("other_tools", ROOT / "benchmarks" / "other_tools.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def documented() -> dict[str, dict[str, str]]:
    """Tool -> question -> cell of the page's table."""
    text = (ROOT / "docs" / "other-tools.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    [_, *tools], _, *body = rows
    return {tool: {row[0]: row[at + 1] for row in body} for at, tool in enumerate(tools)}


SCRIPT = load_script()


@pytest.mark.parametrize("tool", SCRIPT.TOOLS)
def test_every_cell_of_the_page_is_what_the_tool_gives(tool: str) -> None:
    found = SCRIPT.answers(tool)
    if found is None:
        pytest.skip(f"{SCRIPT.PACKAGES[tool]} is not installed")
    assert found == documented()[tool]


def test_scipys_wilcoxon_is_exact_to_13_pairs_with_ties_and_to_50_without() -> None:
    rng = np.random.default_rng(0)
    for n in (13, 14, 50, 51):
        apart, tied = rng.normal(0.3, 1, n), rng.integers(1, 4, n) * rng.choice([-1.0, 1.0], n)
        for values, last in ((apart, 50), (tied, 13)):
            normal = stats.wilcoxon(values, method="asymptotic").pvalue
            assert (stats.wilcoxon(values, method="auto").pvalue == pytest.approx(normal, rel=1e-12)) == (n > last)
