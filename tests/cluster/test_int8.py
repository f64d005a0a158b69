"""A run with a model in int8 beside the same in float32: its loss is measured once, kept, told and tested."""

from pathlib import Path

import pytest

import patray
from patray.errors import InputError
from patray.files import Folder
from patray.models.registry import find_record
from patray.report.data import load_results
from patray.report.sections.loss import loss_part
from patray.runs.read import parse_suite
from patray.runs.suite import RecipeEntry
from patray.runs.tuned import tuned_models

SUITE = """\
name: coarse
landscapes: [{{path: {landscape}}}]
models:
  - minilm
  - {{name: minilm-int8, model: minilm, engine: ctranslate2, dtype: int8}}
  - {{name: minilm-ov, model: minilm, engine: openvino}}
systems: [dense: minilm, dense: minilm-int8, dense: minilm-ov]
tasks: {{classification: null, clustering: null}}
statistics: {{resamples: 200, flips: 200}}
"""


@pytest.mark.slow
@pytest.mark.usefixtures("encodes_here")
def test_the_loss_of_int8_is_measured_told_and_tested(small_landscape: Path, tmp_path: Path) -> None:
    for package in ("ctranslate2", "openvino"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'patray[{package}]'")
    suite = parse_suite(SUITE.format(landscape=small_landscape), "coarse.yaml", [])
    run = patray.run(suite, str(tmp_path / "work"))
    steps = {step["model"]: step for step in run.provenance["steps"] if step["step"] == "embed"}
    loss = steps["minilm-int8"]["loss"]
    assert loss["compared"] == 96
    assert 0.98 < loss["lowest"] < loss["mean"] < 0.99999
    assert 5 < loss["kept"] < 10
    assert not {"minilm", "minilm-ov"} & {name for name, step in steps.items() if "loss" in step}

    pairs = run.comparisons.query("metric == 'nDCG@10' and slice == 'all'")
    tested = {frozenset(pair) for pair in zip(pairs.system_a, pairs.system_b, strict=True)}
    assert frozenset({"minilm", "minilm-int8"}) in tested
    rankings = {name: run.ranking("small", "ta", name) for name in ("minilm", "minilm-ov", "minilm-int8")}
    firsts = {name: rows[rows["rank"] <= 3].patent_id.tolist() for name, rows in rankings.items()}
    agree = sum(a == b for a, b in zip(firsts["minilm"], firsts["minilm-ov"], strict=True))
    assert agree / len(firsts["minilm"]) > 0.99
    page = Path(run.report).read_text()
    assert "What a coarser number type loses" in page
    assert f"{loss['kept']:.1f} of 10" in page
    read = load_results(run.folder)
    shown = loss_part(read)
    assert shown is not None
    _, scores = shown.panels
    assert scores.grid is not None
    [row] = scores.grid.rows
    assert [cell.text for cell in row[:3]] == ["minilm-int8", "minilm", "small/ta, nDCG@10"]

    [artifact] = [
        Folder.at(one)
        for one in (tmp_path / "work" / "embeddings" / "small" / "ta" / "minilm").iterdir()
        if list(one.glob("loss-*.json"))
    ]
    assert artifact.read_json("artifact.json")["versions"]["ctranslate2"]
    again = patray.run(suite.model_copy(update={"name": "again"}), str(tmp_path / "work"))
    reused = {step["model"]: step for step in again.provenance["steps"] if step["step"] == "embed"}
    assert reused["minilm-int8"]["reused"]
    assert reused["minilm-int8"]["loss"] == loss


def test_a_model_in_int8_is_no_base_of_a_fine_tuning() -> None:
    minilm = find_record("minilm")
    known = {"minilm": minilm, "minilm-int8": minilm.model_copy(update={"dtype": "int8"})}
    entry = RecipeEntry.model_construct(name="R1", seeds=1)
    with pytest.raises(InputError, match="bases: 'minilm-int8' is not one of minilm"):
        tuned_models([entry], ["minilm-int8"], ["small"], known, ["small"])
    assert len(tuned_models([entry], ["minilm"], ["small"], known, ["small"])) == 1
