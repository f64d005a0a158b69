"""patray from Python: the same numbers as the command line, comparisons that no suite declares, light to import."""

import doctest
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import patray
from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.generate import generate

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> patray.Run:
    root = tmp_path_factory.mktemp("api")
    generate(Folder.at(root / "own"), seed=4, patents=150, name="own")
    suite = patray.Suite(
        name="words",
        landscapes=[{"path": str(root / "own")}],  # type: ignore[arg-type]
        views=("ta", "claim1"),
        systems=[{"lexical": "bm25"}, {"lexical": "bm25", "k1": 0.4}],  # type: ignore[arg-type]
        tasks={"classification": None, "clustering": None},  # type: ignore[arg-type]
        statistics={"resamples": 200, "flips": 200},  # type: ignore[arg-type]
    )
    return patray.run(suite, str(root / "work"))


def test_a_run_opens_with_the_tables_of_its_folder(made: patray.Run) -> None:
    again = patray.open_run(made.folder.uri)
    assert again.summary.equals(pd.read_parquet(f"{made.folder}/summary.parquet"))
    assert again.table("evidence").equals(made.folder.read_table("evidence.parquet"))
    assert [str(one.name) for one in again.suite.systems or ()] == ["bm25", "bm25-k0.4-b0.75"]
    first = again.ranking("own", "ta", "bm25")
    assert first.columns.tolist() == ["query_id", "patent_id", "rank", "score"]
    assert Path(again.report).is_file()
    assert all(svg.startswith("<svg") for svg in again.figures().values())
    with pytest.raises(InputError, match=r"no table 'nothing'; there are .*summary"):
        again.table("nothing")
    with pytest.raises(InputError, match=r"no ranking of x in own/ta; its systems are bm25, "):
        again.ranking("own", "ta", "x")


def test_a_comparison_on_demand_is_the_declared_one_and_works_for_what_no_suite_declares(made: patray.Run) -> None:
    found = made.compare("bm25", "bm25-k0.4-b0.75")
    declared = made.comparisons[lambda rows: rows.family == "systems/retrieval"]
    numbers = ["mean_a", "mean_b", "diff", "ci_low", "ci_high", "p_permutation", "wins", "ties", "losses", "n"]
    assert found[numbers].equals(declared[numbers].reset_index(drop=True))
    other = made.compare("bm25", "bm25-k0.4-b0.75", metric="MRR@10", part="in")
    evidence = made.table("evidence").to_pandas()
    for row in other.itertuples():
        rows = evidence[(evidence.metric == "RR@10") & (evidence.slice == "in") & (evidence.view == row.view)]
        wide = rows.pivot_table(index="item_id", columns="system", values="value")
        assert row.diff == pytest.approx((wide["bm25"] - wide["bm25-k0.4-b0.75"]).mean(), abs=1e-12)
        assert row.n == len(wide)
    with pytest.raises(InputError, match="no system 'minilm'; there are bm25"):
        made.compare("minilm", "bm25")
    with pytest.raises(InputError, match="nDCG@7"):
        made.compare("bm25", "bm25-k0.4-b0.75", metric="nDCG@7")


def test_plan_and_compare_say_what_the_commands_say(made: patray.Run) -> None:
    planned = patray.plan(made.suite, made.folder.parent.parent.uri)
    assert re.fullmatch(
        r"<Plan of .*: \d+ sets of vectors, 0 to do; \d+ rankings, 0 to do; some [\d.e-]+ hours>", repr(planned)
    )
    assert planned.run_state == "finished"
    assert {step.state for step in planned.rankings} == {"done"}
    same = patray.compare(made, made.folder.uri)
    assert (same.status, same.worse, {row["diff"] for row in same.rows}) == (0, [], {0.0})


def test_a_frame_becomes_a_landscape_with_its_citations_and_labels(tmp_path: Path) -> None:
    frame = pd.DataFrame({"pn": ["US1A", "US2A", "US3A"], "ti": ["A brush", "A comb", "A dryer"]})
    landscape = patray.Landscape.from_frame(
        frame,
        str(tmp_path / "mine"),
        columns={"patent_id": "pn", "title": "ti"},
        citations=pd.DataFrame({"citing_id": ["US3A"], "cited_id": ["US1A"]}),
        labels={"area": pd.DataFrame({"patent_id": ["US1A"], "labels": [["hair"]]})},
    )
    assert landscape.describe().patents == 3
    citations = pd.read_parquet(tmp_path / "mine" / "citations.parquet")
    assert citations.values.tolist() == [["US3A", "US1A"]]
    with pytest.raises(InputError, match="there is no table 'cites'; allowed are citations"):
        patray.Landscape.from_frame(frame, str(tmp_path / "other"), cites=frame)


def test_the_examples_in_docstrings_hold() -> None:
    from patray import api

    assert doctest.testmod(api).failed == 0
    assert doctest.testmod(api).attempted > 0


def test_importing_patray_loads_nothing() -> None:
    code = "import sys, patray; print([name for name in ('numpy', 'pyarrow', 'ray', 'torch') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    with pytest.raises(AttributeError, match="it has Landscape, Run, Suite"):
        _ = patray.nothing


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_first_cell_to_its_last(path: Path, tmp_path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_examples_use_numbers_that_exist(made: patray.Run) -> None:
    assert np.isfinite(made.summary["mean"]).all()
