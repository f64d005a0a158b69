"""Run by test_encoder_vllm: a model on two ranks, encoded; a rank killed; encoded again. Prints what happened as JSON.

A process of its own, since vLLM changes torch for the whole process.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import psutil

from patray.encoders.load import load_encoder
from patray.encoders.protocol import EncoderSettings, EngineDied
from patray.models.registry import find_record


def main(snapshot: Path, inputs: Path, vectors: Path) -> None:
    record = find_record("minilm").model_copy(update={"tensor_parallel": 2})
    ids = list(np.load(inputs).values())
    encoder = load_encoder(record, snapshot, EncoderSettings("vllm", "float32", "cpu", 1, 2048, False))
    np.save(vectors, encoder.encode(ids))
    ranks = [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
    ranks = ranks or [child for child in psutil.Process().children() if child.cmdline()[0].startswith("VLLM")]
    print(json.dumps({"ranks": len(ranks)}), flush=True)
    os.kill(ranks[-1].pid, signal.SIGKILL)
    try:
        encoder.encode(ids)
        said = "nothing"
    except EngineDied as error:
        said = f"EngineDied: {error}"
    print(json.dumps({"said": said}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
