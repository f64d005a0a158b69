"""Every part of `benchmarks/gpu.py` in small on a CPU: it must not be on a rented GPU that it is found broken."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_every_part_runs_in_small() -> None:
    # A process of its own: vLLM looks through all modules that are loaded, those of the tests' web servers too.
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py")]
    nowhere = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    without = subprocess.run(command, env=nowhere, capture_output=True, text=True, check=False)
    assert "torch sees no GPU here" in without.stderr
    done = subprocess.run([*command, "--small"], env=nowhere, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert not [row for row in rows if "failed" in row]
    keys = {key for row in rows for key in row}
    assert keys >= {"measured_bf16_tflops", "parity", "search", "maxsim", "training", "faults", "model", "seconds"}
    assert {row["agrees"] for row in rows if row.get("parity") == "float32"} == {True}
    encoded = [row for row in rows if "tokens_per_s" in row and row["engine"] == "sentence-transformers"]
    assert [row["model"] for row in encoded] == ["minilm", "minilm", "tiny"]
    assert all(row["mfu_of_measured_peak"] > 0 or row["tflops_per_s"] == 0 for row in encoded)
