"""Run every benchmark, one after another, and write what each printed into RESULTS.md.

RESULTS.md holds a block for each script between `<!-- NAME -->` and `<!-- end -->`; only these are replaced, with the
command, the machine, the date and the commit. The words around them are ours.

    python benchmarks/run_all.py [NAME...] [--landscapes ../shared/landscapes]
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

from machine import cpu_name

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
ON_REAL_PATENTS = {
    "embedding": ["--landscape", "{landscapes}/software", "--patents", "1024"],
    "cpu_engines": ["--landscape", "{landscapes}/software"],
    "every_system": ["{landscapes}"],
    "end_to_end": ["{landscapes}/ultrasound"],
    "memory": ["{landscapes}/software"],
    "recipes": ["{landscapes}"],
}
"""Scripts that read a real landscape, and how they are asked to."""


def machine() -> str:
    """Processor, cores and commit, in one line."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True)
    load = os.getloadavg()[0]
    return (
        f"{datetime.date.today()}, {cpu_name()}, {os.cpu_count()} cores, "
        f"commit {commit.stdout.strip()}, load before {load:.1f}"
    )


def with_block(text: str, name: str, body: str) -> str:
    """RESULTS.md with the block of one script replaced, or added at the end."""
    block = f"<!-- {name} -->\n{body}\n<!-- end -->"
    pattern = re.compile(rf"<!-- {re.escape(name)} -->\n.*?<!-- end -->", re.DOTALL)
    if pattern.search(text):
        return pattern.sub(lambda _: block, text)
    return f"{text.rstrip()}\n\n## {name}\n\n{block}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    scripts = sorted(
        path.stem for path in HERE.glob("*.py") if path.stem not in ("run_all", "gpu", "machine")
    )  # gpu.py is for a machine with one
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(scripts)}; default all")
    parser.add_argument("--landscapes", default="../shared/landscapes", help="folder of real landscapes")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in scripts]
    if unknown:
        parser.error(f"no benchmark {unknown[0]}; there are {', '.join(scripts)}")
    failed = []
    for name in options.names or scripts:
        arguments = [part.format(landscapes=options.landscapes) for part in ON_REAL_PATENTS.get(name, [])]
        if name in ON_REAL_PATENTS and not Path(options.landscapes).is_dir():
            print(f"{name}: skipped, there is no folder {options.landscapes}")
            continue
        command = f"python benchmarks/{name}.py {' '.join(arguments)}".rstrip()
        where = machine()
        print(f"== {command}", flush=True)
        done = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *arguments], stdout=subprocess.PIPE, text=True)
        print(done.stdout, flush=True)
        if done.returncode:
            failed.append(name)
            continue
        body = f"`{command}` ({where})\n\n{done.stdout.strip()}"
        RESULTS.write_text(with_block(RESULTS.read_text(encoding="utf-8"), name, body), encoding="utf-8")
    if failed:
        print(f"failed, their blocks are as before: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
