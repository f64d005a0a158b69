"""Tune, embed and judge as a Ray job: a suite with `recipes`, `bases` and `homes`.

ray job submit --working-dir . -- python jobs/finetune.py jobs/suites/recipes.yaml --workdir s3://bucket/patray

The arguments are those of `patray run`. What was trained or embedded before is found in the work directory; a training
that was stopped goes on from its last checkpoint. A suite without recipes is refused.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from patray.cli import main
from patray.errors import PatrayError
from patray.runs.read import read_suite


def finetune(arguments: list[str]) -> int:
    """Exit status of the run; 2 for a suite that has nothing to tune."""
    suites = [argument for argument in arguments if argument.endswith((".yaml", ".yml"))]
    try:
        without = [suite for suite in suites if not read_suite(suite).recipes]
    except PatrayError:
        without = []  # `patray run` says what is wrong with it, and how
    if without:
        print(f"{without[0]}: there is nothing to tune: it has no `recipes`; use jobs/evaluate.py", file=sys.stderr)
        return 2
    return main(["run", *arguments])


if __name__ == "__main__":
    sys.exit(finetune(sys.argv[1:]))
