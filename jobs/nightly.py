"""Run a suite under a dated name and compare it with the night before:

ray job submit --working-dir . -- python jobs/nightly.py jobs/suites/nightly.yaml --workdir s3://bucket/patray

Exit status 3 when a system became significantly worse, so that the scheduler raises an alarm. The arguments are those
of `patray run`; the name is NAME-YYYY-MM-DD.
"""

import argparse
import datetime
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from patray.cli import main
from patray.files import Folder


def nightly(arguments: list[str], today: datetime.date) -> int:
    """Run, then compare with the newest earlier finished run of the same name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite")
    parser.add_argument("--workdir", default="patray-work")
    parser.add_argument("--name", default="nightly")
    options, rest = parser.parse_known_args(arguments)
    name = f"{options.name}-{today.isoformat()}"
    status = main(["run", options.suite, "--workdir", options.workdir, "--name", name, *rest])
    if status:
        return status
    runs = Folder.at(options.workdir) / "runs"
    earlier = [
        run
        for run in runs.list()
        if run.startswith(f"{options.name}-") and run < name and (runs / run).exists("provenance.json")
    ]
    if not earlier:
        print(f"{name} is the first night: nothing to compare with")
        return 0
    return main(["compare", str(runs / earlier[-1]), str(runs / name)])


if __name__ == "__main__":
    sys.exit(nightly(sys.argv[1:], datetime.datetime.now(datetime.UTC).date()))
