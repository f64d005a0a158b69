"""Weights that change under a name: no vector of the old ones is used, and a run of the old ones does not go on."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from patray.cli import main
from patray.cluster.execute import execute
from patray.errors import ConflictError, ModelError
from patray.files import Folder
from patray.runs.origins import origins
from tests.cluster.conftest import make_suite

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("encodes_here")]
PLAIN = ("views=[abstract]", "systems=[{dense: minilm}]", "tasks.classification=null", "tasks.clustering=null")


def score(run: Folder) -> float:
    summary = pd.read_parquet(f"{run}/summary.parquet")
    return float(summary[(summary["metric"] == "nDCG@10") & (summary["slice"] == "all")]["mean"].iloc[0])


def reused(run: Folder) -> list[bool]:
    return [step["reused"] for step in run.read_json("provenance.json")["steps"] if step["step"] == "embed"]


def other_weights(folder: Path) -> None:
    """The same architecture with other numbers: the word vectors in another order."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    name = next(key for key in weights if key.endswith("word_embeddings.weight"))
    weights[name] = weights[name].flip(0).contiguous()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def test_other_weights_under_a_name_make_other_vectors_and_are_refused_under_the_name_of_a_run(
    small_landscape: Path, minilm_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, work = tmp_path / "mine", str(tmp_path / "work")
    shutil.copytree(minilm_path, mine)
    other_weights(mine)
    packaged = make_suite(small_landscape, *PLAIN)
    changed = make_suite(small_landscape, *PLAIN, f"models=[{{model: minilm, path: {mine}}}]")
    first = execute(packaged, work, "packaged")
    assert (reused(first), score(first) > 0.2) == ([False], True)
    pinned = packaged.models[0].record.revision  # type: ignore[union-attr]
    assert f"content: {pinned}" in first.read_text("suite.yaml")

    with pytest.raises(ConflictError, match=rf"models\.0\.content: '{pinned}' -> '[0-9a-f]{{32}}'"):
        execute(changed, work, "packaged")
    second = execute(changed, work, "path")
    assert reused(second) == [False]
    assert score(second) < score(first) / 2

    shutil.copy(minilm_path / "model.safetensors", mine)  # in place: now it is the packaged model again
    second.delete("provenance.json")  # as if it had been killed before its end
    with pytest.raises(ConflictError, match=rf"models\.0\.content: '[0-9a-f]{{32}}' -> '{pinned}'"):
        execute(changed, work, "path")
    records = {path: json.loads(path.read_text()) for path in Path(work).glob("embeddings/**/artifact.json")}
    ((path, record),) = ((at, one) for at, one in records.items() if one["identity"]["content"] == pinned)
    path.write_text(json.dumps({**record, "versions": {**record["versions"], "torch": "1.0.0"}}))
    third = execute(changed, work, "back")
    assert reused(third) == [True]
    assert score(third) == score(first)
    (one,) = origins(third)
    assert (one.origin, one.certificate.then["torch"], one.certificate.agrees) == ("certified", "1.0.0", True)  # type: ignore[union-attr]
    assert "torch 1.0.0 -&gt; " in third.read_text("report.html")

    assert main(["certify", third.uri]) == 0
    assert "all 1 sets of vectors agree" in capsys.readouterr().out
    assert "Compared again later" in third.read_text("report.html")
    again = execute(changed, work, "back", reembed=True)
    assert (reused(again), [one.origin for one in origins(again)]) == ([False], ["embedded"])
    assert score(again) == score(first)
    assert not again.exists("reembed.json")

    stated = changed.models[0].model_copy(update={"content": "0" * 32})
    with pytest.raises(ModelError, match=f"the suite says content {'0' * 32}, but the files in .* are {pinned}"):
        execute(changed.model_copy(update={"models": (stated,)}), work, "stated")
