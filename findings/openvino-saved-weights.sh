#!/usr/bin/env bash
# openvino.save_model rounds float32 weights to float16, in silence: the model read back answers otherwise than the one that
# was saved. serialize, and save_model(compress_to_fp16=False), keep them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q openvino==2026.4.1 numpy==2.3.5 2>/dev/null
"$folder/env/bin/python" - <<'PY'
import tempfile
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

print({"openvino": ov.__version__, "numpy": np.__version__})
rng = np.random.default_rng(0)
texts, projection = (rng.normal(size=size).astype(np.float32) for size in ((5, 64), (64, 32)))
given = ops.parameter([-1, 64], np.float32, name="vectors")
model = ov.Model([ops.result(ops.matmul(given, ops.constant(projection), False, False))], [given], "projection")
core, exact = ov.Core(), {"INFERENCE_PRECISION_HINT": "f32"}
before = core.compile_model(model, "CPU", exact)(texts)[0]
ways = {
    "save_model": ov.save_model,
    "save_model(compress_to_fp16=False)": lambda model, path: ov.save_model(model, path, compress_to_fp16=False),
    "serialize": ov.serialize,
}
change = {}
with tempfile.TemporaryDirectory() as folder:
    for name, save in ways.items():
        path = Path(folder) / "model.xml"
        save(model, str(path))
        after = core.compile_model(core.read_model(path), "CPU", exact)(texts)[0]
        change[name] = float(abs(after - before).max())
        print(f"{name}: {path.with_suffix('.bin').stat().st_size} bytes, largest change of an output {change[name]:.6f}")
moved = [name for name, value in change.items() if value > 1e-4]
assert moved == ["save_model"], "the behaviour has changed"
PY
