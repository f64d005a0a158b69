"""Run a suite as a Ray job:

ray job submit --working-dir . -- python jobs/evaluate.py jobs/suites/demo.yaml --workdir s3://bucket/patray

The arguments are those of `patray run`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from patray.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
