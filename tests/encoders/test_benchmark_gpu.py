"""Every part of `benchmarks/gpu.py` in small on a CPU: it must not be on a rented GPU that it is found broken."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_every_part_runs_in_small(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    spec = importlib.util.spec_from_file_location("benchmark_gpu", ROOT / "benchmarks" / "gpu.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with pytest.raises(SystemExit, match="torch sees no GPU here"):
        module.main([])
    module.main(["--small"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert not [row for row in rows if "failed" in row]
    keys = {key for row in rows for key in row}
    assert keys >= {"measured_bf16_tflops", "parity", "search", "maxsim", "training", "faults", "model", "seconds"}
    assert {row["agrees"] for row in rows if row.get("parity") == "float32"} == {True}
    encoded = [row for row in rows if "tokens_per_s" in row and row["engine"] == "sentence-transformers"]
    assert [row["model"] for row in encoded] == ["minilm", "minilm", "tiny"]
    assert all(row["mfu_of_measured_peak"] > 0 or row["tflops_per_s"] == 0 for row in encoded)
