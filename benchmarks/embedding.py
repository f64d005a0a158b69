"""How fast is embedding through Ray Data against one bare SentenceTransformer.encode on the same texts?

    python benchmarks/embedding.py [--landscape PATH] [--patents 1024]

Start-up (imports, loading the model, starting actors) is left out on both sides: patray's rate counts from the moment
when every actor has finished its first window. The peer gets all cores, patray one thread an actor and as many actors
as there are cores. The bfloat16 path is shown beside it with its cosine to float32.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from patray.cluster import embed as embedding
from patray.cluster.embed import Means, embed
from patray.cluster.start import connect
from patray.cluster.views import index_view
from patray.encoders.vectors import load_vectors
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.landscapes.load import iter_sections
from patray.landscapes.validate import prepare
from patray.landscapes.views import get_view, render
from patray.models.registry import find_record
from patray.models.resolve import find_snapshot
from patray.progress import Progress
from patray.runs.suite import Embedding
from patray.steps.embed import EmbedStep
from patray.steps.texts import Texts


class Clock(Progress):
    """Notes when each window was finished."""

    done: ClassVar[list[tuple[float, int]]] = []

    def advance(self, patents: int, tokens: int) -> None:
        super().advance(patents, tokens)
        self.done.append((time.perf_counter(), patents))


def patray_rate(prepared: Folder, dtype: str, actors: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Patents/s once all actors are at work, and the ids and vectors."""
    record = find_record("minilm").model_copy(update={"dtype": dtype})
    view = get_view("ta")
    index = index_view(prepared, view)
    snapshot = find_snapshot(record, None, None, False)
    everything = np.ones(len(index.ids), dtype=bool)
    texts = Texts(index, everything)
    step = EmbedStep("bench", prepared, view, texts, "minilm", record, "sentence-transformers", "document")
    Clock.done = []
    embedding.Progress = Clock
    with tempfile.TemporaryDirectory() as work:
        [(folder, _)] = embed([step], Means(snapshot, Embedding()), Folder.at(work))
        ids, vectors = load_vectors(folder)
    finished = Clock.done
    begin = finished[actors - 1][0]
    rate = sum(patents for _, patents in finished[actors:]) / (finished[-1][0] - begin)
    return rate, ids, vectors


def bare_rate(texts: list[str], dtype: str) -> tuple[float, np.ndarray]:
    """Patents/s of SentenceTransformer.encode with its defaults and all cores, after a warm-up."""
    import torch
    from sentence_transformers import SentenceTransformer

    path = find_snapshot(find_record("minilm"), None, None, False).location
    model = SentenceTransformer(path, device="cpu", model_kwargs={"dtype": getattr(torch, dtype)})
    model.encode(texts[:64])
    begin = time.perf_counter()
    vectors = model.encode(texts, normalize_embeddings=True)
    return len(texts) / (time.perf_counter() - begin), vectors


def main() -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landscape", type=Path, help="a landscape folder; default: generated text")
    parser.add_argument("--patents", type=int, default=1024)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = Folder.at(f"{scratch}/source")
        if options.landscape:
            table = pq.ParquetFile(options.landscape / "patents.parquet").iter_batches(options.patents)
            source.write_table("patents.parquet", pa.Table.from_batches([next(table)]))
        else:
            generate(source, seed=3, patents=options.patents, duplicate_share=0.0)
        prepared = Folder.at(f"{scratch}/prepared")
        prepare(source, prepared, "bench", rows_per_part=max(32, options.patents // 32))
        view = get_view("ta")
        texts = [text for batch in iter_sections(prepared, view.sections) for text in render(batch, view)]
        connect()
        cores = int(ray.cluster_resources()["CPU"])
        name = options.landscape.name if options.landscape else "the generator"
        lines = [
            f"{len(texts)} texts of {name}, view ta, MiniLM at 256 tokens, {cores} cores",
            "",
            "| precision | patray through Ray Data | SentenceTransformer.encode | patray / peer | cosine to float32 |",
            "|---|---|---|---|---|",
        ]
        reference = None
        for dtype in ("float32", "bfloat16"):
            rate, ids, vectors = patray_rate(prepared, dtype, cores)
            ordered = vectors[np.argsort(ids.astype(str))]
            reference = ordered if reference is None else reference
            cosine = float((ordered * reference).sum(axis=1).min())
            peer, _ = bare_rate(texts, dtype)
            speeds = f"{rate:.1f} patents/s | {peer:.1f} patents/s | {rate / peer:.2f}x"
            lines.append(f"| {dtype} | {speeds} | {cosine:.5f} (lowest) |")
        ray.shutdown()
    result = "\n".join(lines)
    print(result)
    return result


if __name__ == "__main__":
    main()
