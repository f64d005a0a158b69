"""Run a suite under a dated name and compare it with the nights before, or with a pinned run:

ray job submit --working-dir . -- python jobs/nightly.py jobs/suites/nightly.yaml --workdir s3://bucket/patray

All texts are embedded anew, so that a night measures today's encoders. Exit status 3 when a system became worse, 4 when
none did but a row could not be compared, so that the scheduler raises an alarm (docs/compare.md). The run is called
NAME-YYYY-MM-DD.
"""

import argparse
import datetime
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from patray.files import Folder
from patray.runs.nightly import WINDOW, earlier_nights, format_verdict, judge_night, pinned_run
from patray.runs.read import read_suite
from patray.runs.resolve import resolve
from patray.stop import stoppable


def main(arguments: list[str], today: datetime.date) -> int:
    """The exit status of a night: 0 quiet, 1 the run failed, 3 worse, 4 not comparable, 130 or 143 stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", help="a YAML file, see jobs/suites/ and docs/suites.md")
    parser.add_argument("--workdir", default="patray-work", help="folder or URI, as of `patray run` [patray-work]")
    parser.add_argument("--name", default="nightly", help="of the runs, before the date [nightly]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for `patray run`")
    parser.add_argument("--baseline", metavar="RUN", help="compare with this run alone, by name or URI")
    parser.add_argument(
        "--margin", type=float, default=0.0, help="losses up to this, in the measure's units, do not matter"
    )
    parser.add_argument("--window", type=int, default=WINDOW, help=f"nights to compare with at most [{WINDOW}]")
    parser.add_argument("--date", type=datetime.date.fromisoformat, default=today, help="of this night [today, UTC]")
    options = parser.parse_args(arguments)
    return stoppable(lambda: nightly(options, f"{options.name}-{options.date.isoformat()}"))


def nightly(options: argparse.Namespace, tonight: str) -> int:
    """Run tonight's suite and judge it."""
    from patray.cluster.execute import execute

    runs = Folder.at(options.workdir) / "runs"
    pinned = pinned_run(runs, options.baseline) if options.baseline else None
    execute(resolve(read_suite(options.suite, options.set)), options.workdir, tonight, anew=True)
    earlier = [] if pinned else earlier_nights(runs, options.name, tonight, options.window)
    found = judge_night(runs / tonight, earlier, pinned, options.margin, options.window)
    print(format_verdict(found, (runs / tonight).read_json("provenance.json")))
    return found.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], datetime.datetime.now(datetime.UTC).date()))
