#!/usr/bin/env bash
# A row of attention with nothing to see (padding before a causal text, or beyond a local window) is 0 in torch and NaN in
# OpenVINO. Keys and values made of it turn every row of the next layer into NaN, though the mask hides it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q openvino==2026.4.1 torch==2.13.0 numpy==2.3.5 2>/dev/null
CI=true "$folder/env/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
import openvino as ov
import torch

print({name: version(name) for name in ("openvino", "torch", "numpy")})


class Attend(torch.nn.Module):
    def forward(self, texts, seen):
        for _ in range(2):  # two layers; the mask hides the padding from the text in both
            texts = torch.nn.functional.scaled_dot_product_attention(texts, texts, texts, attn_mask=seen)
        return texts


texts = torch.arange(24.0).reshape(1, 1, 3, 8) / 24  # padding first, then two tokens
causal = torch.tensor([[False, False, False], [False, True, False], [False, True, True]])[None, None]
model = ov.convert_model(Attend(), example_input=(texts, causal))
exact = {"INFERENCE_PRECISION_HINT": "f32"}
found = {
    "torch": Attend()(texts, causal).numpy()[0, 0, :, 0],
    "openvino": ov.compile_model(model, "CPU", exact)([texts.numpy(), causal.numpy()])[0][0, 0, :, 0],
}
for name, values in found.items():
    print(f"{name}: padding, token, token = {values}")
assert np.isfinite(found["torch"]).all()
assert np.isnan(found["openvino"]).all(), "the behaviour has changed"
PY
