"""A package of another house adds one of everything through entry points, and nothing of patray is edited."""

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from patray.files import Folder
from patray.kinds import Registry
from patray.landscapes.generate import generate
from patray.models.registry import find_record

PACKAGE = Path(__file__).parent / "package"
ROOT = Path(__file__).resolve().parents[2]
EXTENDED = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(PACKAGE)])}


def patray(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "patray.cli", *arguments]
    return subprocess.run(command, env=EXTENDED, cwd=folder, capture_output=True, text=True, check=False)


def suite(folder: Path, minilm: Path) -> Path:
    """A suite with a system, a measure and an engine of the package."""
    generate(Folder.at(folder / "own"), seed=3, patents=80, name="own")
    record = find_record("minilm").model_dump(mode="json", by_alias=True) | {"name": "hashed"}
    # The engine's name is known only where the package is, so the record is written by hand.
    record["engines"] = ["hashed"]
    content = {
        "name": "extended",
        "landscapes": [{"path": "own"}],
        "models": [{"record": record, "path": str(minilm)}],
        "systems": [{"newest-first": True}, {"dense": "hashed"}, {"rrf": ["newest-first", "hashed"]}],
        "tasks": {
            "retrieval": {"measures": ["Found@20", "AnyFound@20", "nDCG@10"]},
            "classification": None,
            "clustering": None,
        },
        "statistics": {"resamples": 100, "flips": 100},
    }
    path = folder / "extended.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.slow
def test_a_run_has_the_system_the_measure_the_engine_and_the_section_of_another_package(
    tmp_path: Path, minilm_path: Path
) -> None:
    path = suite(tmp_path, minilm_path)
    planned = patray("plan", str(path), "--workdir", "work", folder=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "newest-first" in planned.stdout
    left_out = re.findall(r"patray\.(\w+) '(\S+)' is left out", planned.stderr)
    assert sorted(left_out) == [("systems", "broken-system"), ("systems", "dense")]  # no function twice
    done = patray("run", str(path), "--workdir", "work", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "work" / "runs" / "extended"
    facts = json.loads((run / "provenance.json").read_text())
    assert re.fullmatch(r"patray-extras 1\.0, source [0-9a-f]{8}", facts["extensions"]["systems"]["newest-first"])
    assert "own, ta: the newest stand first" in facts["notes"]
    assert facts["models"]["hashed"]["engines"] == ["hashed"]
    page = (run / "report.html").read_text()
    assert "list of the newest patents" in page
    assert "Made with the package of another house." in page

    # The measure and the ranking against plain loops over the tables that anybody can read.
    ranking = pd.read_parquet(run / "rankings" / "own" / "ta" / "newest-first.parquet")
    patents = pd.read_parquet(tmp_path / "own" / "patents.parquet").set_index("patent_id")
    for _, rows in ranking.groupby("query_id"):
        days = pd.to_datetime(patents.loc[rows.sort_values("rank").patent_id, "date"]).tolist()
        assert days == sorted(days, reverse=True)
    cited = pd.read_parquet(tmp_path / "own" / "citations.parquet")
    known = cited[cited.cited_id.isin(patents.index) & (cited.citing_id != cited.cited_id)]
    relevant = known.groupby("citing_id").cited_id.apply(set)
    family = patents.family_id.fillna(pd.Series(patents.index, patents.index))
    evidence = pd.read_parquet(run / "evidence.parquet")
    rows = evidence[(evidence.system == "newest-first") & (evidence.metric == "Found@20") & (evidence.slice == "all")]
    values = rows.set_index("item_id").value
    assert len(values) > 10
    for query, listed in ranking[ranking["rank"] <= 20].groupby("query_id"):
        allowed = {one for one in relevant[query] if family[one] != family[query]}
        assert values[query] == pytest.approx(min(10, len(allowed & set(listed.patent_id))) / 10)
    both = evidence[evidence["slice"] == "all"].pivot_table(
        index=["system", "item_id"], columns="metric", values="value"
    )
    assert (both["AnyFound@20"] == (both["Found@20"] > 0)).all()

    # A finished run stays; one that was stopped makes again what the package's code made.
    facts["extensions"]["systems"]["newest-first"] = "patray-extras 0.9"
    (run / "provenance.json").write_text(json.dumps(facts))
    said = patray("run", str(path), "--workdir", "work", folder=tmp_path).stderr
    assert re.search(r"newest-first of patray-extras 0\.9, there is patray-extras 1\.0, source \w+ now: give", said)
    (run / "provenance.json").unlink()
    assert patray("run", str(path), "--workdir", "work", folder=tmp_path).returncode == 0
    steps = json.loads((run / "provenance.json").read_text())["steps"]
    assert {step["system"]: step["reused"] for step in steps if step["step"] in ("search", "fuse")} == {
        "newest-first": False, "hashed": True, "rrf60(newest-first,hashed)": False,
    }  # fmt: skip


def test_a_format_of_another_package_imports_and_is_listed(tmp_path: Path) -> None:
    (tmp_path / "titles.txt").write_text("A brush\nA comb\nA dryer\n")
    done = patray("import", "titles", "titles.txt", "landscape", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(tmp_path / "landscape" / "patents.parquet")
    assert dict(zip(table.patent_id, table.title, strict=True)) == {"T1": "A brush", "T2": "A comb", "T3": "A dryer"}
    assert re.search(r"titles +a title a line", patray("import", "--help", folder=tmp_path).stdout)


def test_a_command_says_what_is_left_out_in_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("name: s\nlandscapes: [{path: none}]\nsystems: [{newest-first: true}]\n")
    said = patray("plan", "s.yaml", folder=tmp_path).stderr.splitlines()
    start = "patray: warning: patray-extras 1.0: patray.systems "
    assert said[0].startswith(f"{start}'broken-system' is left out: it cannot be loaded (AttributeError: ")
    assert said[1] == f"{start}'dense' is left out: the name is taken, by patray itself"
    assert [line.startswith("patray: error: ") for line in said[2:]] == [True]


TRAINING = """
import sys
import numpy as np
import torch
from patray.files import Folder
from patray.landscapes.validate import prepare
from patray.recipes.kinds import LOSSES, SOURCES
from patray.recipes.loss import LossOptions, cached_backward
from patray.recipes.pairs import make_pairs
from patray.recipes.record import Recipe

recipe = Recipe(name="other", loss="squared", sources=({"kind": "same-month"},), batch=4, mini_batch=2)
prepared = Folder.at(sys.argv[2])
prepare(Folder.at(sys.argv[1]), prepared)
pairs = make_pairs(prepared, recipe)
print("pairs", len(pairs.table))
weight = torch.tensor([[2.0, 0.0], [0.0, 1.0]], requires_grad=True)
texts = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
value = cached_backward(
    lambda rows, _: texts[rows] @ weight, np.ones(4, int), 2, None, LossOptions(1.0), 2, 0, loss_of=LOSSES[recipe.loss]
)
print("loss", value)
"""


def test_a_loss_and_a_source_of_another_package_train(tmp_path: Path) -> None:
    generate(Folder.at(tmp_path / "own"), seed=3, patents=300, name="own")
    command = [sys.executable, "-c", TRAINING, str(tmp_path / "own"), str(tmp_path / "clean")]
    done = subprocess.run(command, env=EXTENDED, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"pairs [1-9]", done.stdout)
    assert "loss 2.5" in done.stdout  # (2^2 + 1^2) / 2


def test_what_is_broken_or_takes_a_name_is_left_out_with_a_warning_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PACKAGE))
    found: Registry[type] = Registry("systems", {"dense": "patray.systems.dense:Dense"}, type)
    with pytest.warns(UserWarning, match=r"patray-extras 1.0: patray.systems 'broken-system' is left out") as told:
        assert found.names() == ("dense", "newest-first")
    assert [str(one.message) for one in told if "taken, by patray itself" in str(one.message)]
    assert found["dense"].__module__ == "patray.systems.dense"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # told once
        assert "newest-first" in found
    assert found.origins() == {"newest-first": "patray-extras 1.0"}


def test_the_positive_aware_loss_leaves_out_what_scores_above_95_percent_of_the_positive() -> None:
    import torch

    from patray.recipes.loss import LossOptions, positive_aware_loss

    rng = np.random.default_rng(0)
    for _ in range(20):
        anchors, candidates = rng.standard_normal((5, 8)), rng.standard_normal((9, 8))
        candidates[:5] = anchors + 0.7 * rng.standard_normal((5, 8))
        candidates[1] = candidates[0] * 2  # as good as the positive itself
        unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (anchors, candidates)]
        cosines = unit[0] @ unit[1].T
        expected = []
        for at in range(5):
            own = cosines[at, at]
            kept = [one for where, one in enumerate(cosines[at]) if where == at or one <= own - 0.05 * abs(own)]
            expected.append(-own / 0.1 + np.log(np.sum(np.exp(np.array(kept) / 0.1))))
        left, right = (torch.tensor(rows, dtype=torch.float64) for rows in (anchors, candidates))
        found = positive_aware_loss(left, right, None, LossOptions(0.1))
        assert float(found) == pytest.approx(np.mean(expected), abs=1e-9)


def test_of_two_packages_with_one_name_the_other_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("first", "second"):
        folder = tmp_path / f"{package}-2.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.0\n")
        (folder / "entry_points.txt").write_text("[patray.twice]\nsame = json:loads\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.warns(UserWarning, match=r"is left out: the name is taken, by (first|second) 2\.0$") as told:
        assert Registry[object]("twice", {}).names() == ("same",)
    [one] = told
    left, _, other = str(one.message).partition(" 2.0: ")
    assert {left, other.rpartition("by ")[2].removesuffix(" 2.0")} == {"first", "second"}
