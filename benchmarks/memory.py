"""Does memory stay flat while a large landscape is embedded and judged?

    python benchmarks/memory.py LANDSCAPE [--view ta]

Runs `patray run` and samples the proportional memory (PSS) of the driver and of all its processes twice a second.
Reports the driver while it embeds (start, end, peak) and the peak of all processes together. Linux only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SUITE = """\
name: bench
landscapes: [{{path: {landscape}}}]
views: [{view}]
models: [minilm]
"""


def pss(process: psutil.Process) -> int:
    """Bytes of a process, shared pages divided among those that share them; 0 when it is gone."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return 0


def main() -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("landscape")
    parser.add_argument("--view", default="ta")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        suite = Path(scratch) / "suite.yaml"
        suite.write_text(SUITE.format(landscape=Path(options.landscape).resolve(), view=options.view))
        begin = time.perf_counter()
        command = [sys.executable, "-m", "patray.cli", "run", str(suite), "--workdir", f"{scratch}/work"]
        job = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        driver = psutil.Process(job.pid)
        samples: list[tuple[float, int, int]] = []
        embeddings = Path(scratch) / "work" / "embeddings"
        span = [0.0, 0.0]
        while job.poll() is None:
            own = pss(driver)
            everyone = own + sum(pss(child) for child in driver.children(recursive=True))
            now = time.perf_counter() - begin
            samples.append((now, own, everyone))
            if list(embeddings.rglob("*part-*.parquet")):
                span[0] = span[0] or now
                if not list(embeddings.rglob("artifact.json")):
                    span[1] = now
            time.sleep(0.5)
        seconds = time.perf_counter() - begin
        if job.returncode:
            raise SystemExit(f"patray run failed with status {job.returncode}")
    embedding = [own for now, own, _ in samples if span[0] <= now <= span[1]]
    tenth = max(1, len(embedding) // 10)
    first, last = (sum(part) / len(part) / 1e9 for part in (embedding[:tenth], embedding[-tenth:]))
    lines = [
        f"{Path(options.landscape).name}, view {options.view}, MiniLM and BM25, whole run in {seconds:.0f} s",
        "",
        "| memory (PSS) | GB |",
        "|---|---|",
        f"| driver, first tenth of embedding | {first:.2f} |",
        f"| driver, last tenth of embedding | {last:.2f} |",
        f"| driver, peak of the run | {max(own for _, own, _ in samples) / 1e9:.2f} |",
        f"| all processes together, peak | {max(total for _, _, total in samples) / 1e9:.2f} |",
    ]
    result = "\n".join(lines)
    print(result)
    return result


if __name__ == "__main__":
    main()
