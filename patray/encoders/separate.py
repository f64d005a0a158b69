"""Encode in a process of its own: engines that would not live in one process, and their crashes, stay apart.

`python -m patray.encoders.separate FOLDER` reads FOLDER/jobs.json and writes for each job either FOLDER/NAME.npy or
FOLDER/NAME.error. One process does all jobs of a call in turn, since importing an engine takes longer than a small
model does.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from patray.encoders.load import load_encoder
from patray.encoders.protocol import EncoderSettings
from patray.encoders.vllm import plain_vectors
from patray.errors import ModelError
from patray.models.record import ModelRecord

TAIL = 2000
"""Characters of a crashed process's output that an error shows."""


@dataclass(frozen=True)
class Job:
    """One model and the token ids that it is to encode. `settings` None: the reference instead of an engine.

    texts: given to vLLM in place of the ids, with nothing of the record: as a stranger would load the folder.
    """

    record: ModelRecord
    snapshot: Path
    settings: EncoderSettings | None
    inputs: Sequence[np.ndarray]
    allow_remote_code: bool = False
    texts: tuple[str, ...] = ()


def encode_separately(jobs: Mapping[str, Job], timeout: float) -> dict[str, np.ndarray | ModelError]:
    """The vectors (n, dimension) float32 of each job by its name, or why there are none. Names are file names.

    A process that dies or that takes more than `timeout` seconds fails the jobs that it had not done.
    """
    with tempfile.TemporaryDirectory(prefix="patray-encode-") as scratch:
        folder = Path(scratch)
        listed = []
        for name, job in jobs.items():
            np.savez(folder / f"{name}.inputs.npz", *job.inputs)
            settings = None if job.settings is None else asdict(job.settings)
            fields = {"record": job.record.model_dump(mode="json"), "snapshot": str(job.snapshot)}
            listed.append({"name": name, **fields, "settings": settings, "code": job.allow_remote_code})
            listed[-1]["texts"] = job.texts
        (folder / "jobs.json").write_text(json.dumps(listed), encoding="utf-8")
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "patray.encoders.separate", scratch],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # engines have children of their own; all must end with it
            )
            try:
                process.wait(timeout)
                ended = f"ended with status {process.returncode}"
            except subprocess.TimeoutExpired:
                ended = f"did not end within {timeout:.0f} seconds"
            finally:
                _end(process)
        tail = (folder / "output").read_text(encoding="utf-8", errors="replace")[-TAIL:]
        return {name: _result(folder, name, f"its process {ended}:\n{tail}") for name in jobs}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the process and of the children that it started."""
    with contextlib.suppress(ProcessLookupError):  # all have ended by themselves
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _result(folder: Path, name: str, otherwise: str) -> np.ndarray | ModelError:
    if (folder / f"{name}.npy").is_file():
        return np.asarray(np.load(folder / f"{name}.npy"))
    error = folder / f"{name}.error"
    return ModelError(error.read_text(encoding="utf-8") if error.is_file() else otherwise)


def _work(folder: Path) -> None:
    for fields in json.loads((folder / "jobs.json").read_text(encoding="utf-8")):
        name = fields["name"]
        record = ModelRecord.model_validate(fields["record"])
        with np.load(folder / f"{name}.inputs.npz") as stored:
            inputs = [stored[f"arr_{position}"] for position in range(len(stored.files))]
        try:
            if fields["texts"]:
                vectors = plain_vectors(
                    record, Path(fields["snapshot"]), fields["texts"], EncoderSettings(**fields["settings"])
                )
            else:
                vectors = _encode(record, Path(fields["snapshot"]), fields["settings"], fields["code"], inputs)
            np.save(folder / f"_{name}.npy", vectors)
            (folder / f"_{name}.npy").rename(folder / f"{name}.npy")
        except Exception as error:  # whatever an engine raises is this job's result; the next job goes on
            (folder / f"{name}.error").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        gc.collect()


def _encode(
    record: ModelRecord, snapshot: Path, settings: dict[str, object] | None, code: bool, inputs: list[np.ndarray]
) -> np.ndarray:
    if settings is not None:
        return load_encoder(record, snapshot, EncoderSettings(**settings)).encode(inputs)  # type: ignore[arg-type]
    from patray.encoders.reference import Reference

    reference = Reference(record, snapshot, code)
    reference.require_attention()
    return reference.encode(inputs)


if __name__ == "__main__":
    _work(Path(sys.argv[1]))
