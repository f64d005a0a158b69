"""Search for the best values of a recipe's fields as a Ray job:

ray job submit --working-dir . -- python jobs/sweep.py jobs/sweeps/r3.yaml --workdir s3://bucket/patray

The same command goes on with a sweep that was stopped. The winner is WORKDIR/sweeps/NAME/best.yaml, a recipe file.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from patray.runs.sweep import read_sweep
from patray.stop import stoppable


def main(arguments: list[str]) -> int:
    """Exit status: 0 done, 1 the input or the machine was at fault, 130 or 143 stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", help="a YAML file, see jobs/sweeps/ and docs/recipes.md")
    parser.add_argument("--workdir", default="patray-work", help="folder or URI, as of `patray run` [patray-work]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `patray run`")
    options = parser.parse_args(arguments)

    def work() -> int:
        asked = read_sweep(options.sweep, options.set)
        from patray.cluster.sweep import sweep

        sweep(asked, options.workdir)
        return 0

    return stoppable(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
