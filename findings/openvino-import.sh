#!/usr/bin/env bash
# `import openvino` makes a number for this user (~/intel/openvino_ga_cid) and sends an event to Google Analytics, unasked;
# convert_model sends more. Only a package that cannot be imported, CI=true or an earlier opt-out keeps it silent.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q openvino==2026.4.1 openvino-telemetry==2025.2.0 numpy==2.3.5 2>/dev/null
ask() { # name, code: what is sent (the sender is replaced, so nothing leaves this machine), and what lies in a new home
    mkdir "$folder/$1"
    HOME="$folder/$1" CI= "$folder/env/bin/python" - "$2" <<'PY'
import json
import sys
from pathlib import Path

sent = []
if sys.argv[1] == "without":
    sys.modules["openvino_telemetry"] = None
else:
    from openvino_telemetry.utils.sender import TelemetrySender

    TelemetrySender.send = lambda self, backend, message: sent.append(message)
import openvino

print({"openvino": openvino.__version__}, sys.argv[1])
print("sent:", json.dumps(sent)[:400])
home = sorted(path.name for path in Path.home().rglob("*") if path.is_file())
print("new files below ~:", home)
expected = [] if sys.argv[1] == "without" else ["openvino_ga_cid", "stats"]
assert (home, bool(sent)) == (expected, bool(expected)), "the behaviour has changed"
PY
}
ask plain as-it-is
ask stubbed without
