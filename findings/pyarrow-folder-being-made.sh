#!/usr/bin/env bash
# pyarrow's listing with `allow_not_found=True` raises FileNotFoundError for a folder that another thread or process makes
# at that moment, though neither "empty" nor "not there" is an error: the folder was not there when it was opened, and is
# when pyarrow asks whether it may be missing. Two drivers that begin together in one new folder meet this.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pyarrow==26.0.0 2>/dev/null
"$folder/env/bin/python" - "$folder" <<'PY'
import sys
import threading
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from pyarrow.fs import FileSelector, LocalFileSystem

system, both, answers = LocalFileSystem(), threading.Barrier(2), Counter()
places = [Path(sys.argv[1]) / str(number) for number in range(10000)]


def make():
    for place in places:
        both.wait()
        place.mkdir()


maker = threading.Thread(target=make)
maker.start()
for place in places:
    both.wait()
    for _ in range(30):
        try:
            answers["empty" if not system.get_file_info(FileSelector(str(place), allow_not_found=True)) else "full"] += 1
        except FileNotFoundError as error:
            answers["FileNotFoundError"] += 1
            said = str(error).replace(str(place), "FOLDER")
maker.join()
print("pyarrow", version("pyarrow"), dict(answers))
print("said:", said)
assert set(answers) == {"empty", "FileNotFoundError"} and answers["FileNotFoundError"] < 10000, "the behaviour has changed"
PY
