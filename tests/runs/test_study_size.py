"""The rehearsal of the study's size: its suite is the study's, every name says what it is, and slopes are lines."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from patray.encoders.protocol import EncoderSettings
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.models.registry import find_record, parse_record
from patray.models.verify import require_as_recorded

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
PACKAGE = BENCHMARKS / "rehearsal"


@pytest.fixture
def study_size(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(PACKAGE))
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import study_size

    return study_size


def test_the_suite_is_the_studys_with_every_model_and_system_marked(tmp_path: Path, study_size) -> None:
    generate(Folder.at(tmp_path / "rehearsal-60"), seed=1, patents=60, name="rehearsal-60")
    options = study_size.options_of([])
    suite = study_size.rehearsal_suite(tmp_path / "rehearsal-60", options, tmp_path / "snapshots")
    study = yaml.safe_load((BENCHMARKS.parent / "jobs" / "suites" / "paper.yaml").read_text())
    assert suite["tasks"] == study["tasks"]
    assert suite["statistics"]["resamples"] == study["statistics"]["resamples"]
    (tmp_path / "rehearsal.yaml").write_text(yaml.safe_dump(suite))
    done = subprocess.run(
        [sys.executable, "-m", "patray.cli", "plan", "rehearsal.yaml", "--workdir", "work", "--json", "plan.json"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(BENCHMARKS.parent), str(PACKAGE)])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "plan.json").read_text())
    systems = {step["system"] for step in plan["rank"]}
    assert len(systems) == 66
    fusions = [name for name in systems if not re.match(r"rehearsal-|bm25$", name)]
    assert all(re.match(r"(linear|rrf\d+)\(rehearsal-", name) for name in fusions)
    assert {step["state"] for step in plan["rank"]} == {"to do"}
    widths = {entry["record"]["name"]: entry["record"]["dimension"] for entry in suite["models"]}
    assert widths == {
        f"rehearsal-{record.name}": record.dimension
        for record in (find_record(entry["model"]) for entry in study["models"])
        if record.kind == "dense"
    }


def test_hashed_vectors_have_length_one_and_agree_with_their_record(
    tmp_path: Path, study_size, minilm_path: Path
) -> None:
    from patray_rehearsal import HashedProjection, rehearsed, write_snapshot

    said = rehearsed(find_record("nemotron-8b"), 96)
    # The engine's name is known only where the package is installed.
    record = parse_record({**said, "engines": ["sentence-transformers"]}, "test")
    folder = write_snapshot(tmp_path / "snapshot", 96, minilm_path)
    require_as_recorded(record, folder)
    settings = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 2048, False)
    texts = [np.array(ids, np.int32) for ids in ([1, 2, 3, 4], [4, 3, 2, 1, 1], [1, 2, 3, 9], [500, 600, 700, 800])]
    vectors = HashedProjection(record, folder, settings).encode(texts)
    assert vectors.shape == (4, 96)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    near = vectors @ vectors[0]
    assert near[1] == pytest.approx(1, abs=1e-5)
    assert near[1] > near[2] > near[3]


def test_the_studys_numbers_lie_on_the_line_through_what_was_measured(study_size) -> None:
    def measured(patents: int, queries: int):
        return study_size.Measured(
            patents, queries, views=2, evidence=100 * queries, systems=66,
            seconds={"embed": 3 + 0.01 * patents, "BM25": 1 + 1e-6 * patents * queries},
            written={"embeddings": 5e5 * patents, "runs, rankings": 1e4 * queries}, driver=0.5 + 1e-6 * patents,
            everyone=2.0, cpu=0.1 * patents,
        )  # fmt: skip

    lines = study_size.table([measured(1000, 500), measured(3000, 1000)]).splitlines()
    assert "| peak memory, all processes, GB | 2.00 | 2.00 | did not rise |" in lines
    found = {
        line.split(" | ")[0].strip("| "): float(line.split(" | ")[-1].strip("| ").replace(",", ""))
        for line in lines[2:-1]
    }
    assert found["embed, s"] == pytest.approx(3 * (3 + 0.01 * 113_148), abs=0.06)
    assert found["BM25, s"] == pytest.approx(3 * (1 + 1e-6 * 113_148 * 46_069), abs=0.06)
    assert found["`embeddings`, GB"] == pytest.approx(3 * 113_148 * 5e5 / 1e9, abs=0.06)
    assert found["`runs, rankings`, GB"] == pytest.approx(3 * 46_069 * 1e4 / 1e9, abs=0.06)
    assert found["rows of evidence, M"] == pytest.approx(3 * 4.6069, abs=0.06)
    assert found["peak memory, driver, GB"] == pytest.approx(0.5 + 0.113148, abs=0.06)


def test_searches_are_told_apart_and_added_up(study_size) -> None:
    steps = [
        {"step": "search", "system": "bm25", "language": "english", "shards": 1, "seconds": 2.0},
        {"step": "search", "system": "a", "shards": 1, "seconds": 3.0},
        {"step": "search", "system": "b", "shards": 2, "seconds": 4.0},
        {"step": "search", "system": "rrf", "seconds": 5.0},
        {"step": "embed", "seconds": None},
    ]
    assert study_size.steps_of(steps, 20.0) == {
        "BM25": 2.0, "dense search": 7.0, "fusions and stand-ins": 5.0, "embed": 0.0, study_size.WHOLE: 20.0,
    }  # fmt: skip


def test_one_size_has_no_slope(study_size, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        study_size.options_of(["--patents", "500"])
    assert "two sizes" in capsys.readouterr().err
