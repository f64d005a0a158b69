"""`patray calibrate`: run the models that have published values on a benchmark, and say which number is off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from patray.artifacts import key_of
from patray.cluster.execute import execute
from patray.errors import ModelError
from patray.files import Folder
from patray.importers.calibration import Published, Row, compare, wrong_rows
from patray.models.resolve import find_snapshot
from patray.runs.read import parse_suite
from patray.runs.resolve import model_record, resolve
from patray.runs.suite import Suite


@dataclass(frozen=True)
class Calibration:
    """rows: values compared. missing: model -> why it could not be run. run: the run folder."""

    rows: list[Row]
    missing: dict[str, str]
    wrong: list[Row]
    run: Folder


def calibration_suite(published: Published, landscape: str, assignments: Sequence[str] = ()) -> Suite:
    """The resolved suite that measures the published models, with `key=value` changes (models_from, GPUs)."""
    models = [
        {key: value for key, value in (
            ("name", model.name), ("model", model.model), ("prompts", model.prompts),
            ("max_tokens", published.max_tokens),
        ) if value is not None}
        for model in published.models
    ]  # fmt: skip
    said = {
        "name": "calibrate",
        "landscapes": [{"path": landscape}],
        "views": [published.view],
        "models": models,
        "systems": [{"dense": model.name, "name": model.name} for model in published.models],
        "tasks": {
            "retrieval": {"measures": [published.measure], "slices": list(published.slices)},
            "classification": None,
            "clustering": None,
        },
    }
    return resolve(parse_suite(yaml.safe_dump(said, sort_keys=False), "the suite of calibrate", list(assignments)))


def calibrate(
    published: Published, landscape: str, workdir: str, tolerance: float, assignments: Sequence[str] = ()
) -> Calibration:
    """Run what can be found and compare. Raises ModelError when no model was found, with every reason."""
    suite = calibration_suite(published, landscape, assignments)
    missing: dict[str, str] = {}
    for entry in suite.models:
        try:
            find_snapshot(model_record(entry), entry.path, suite.models_from.mirror, suite.models_from.hub)
        except ModelError as error:
            missing[str(entry.name)] = str(error)
    if len(missing) == len(suite.models):
        raise ModelError("none of the models was found:\n" + "\n".join(missing.values()))
    there = published.choose([model.name for model in published.models if model.name not in missing])
    suite = calibration_suite(there, landscape, assignments)
    name = f"calibrate-{key_of(suite.model_dump(mode='json'))}"
    run = execute(suite, workdir, name)
    rows = compare(there, run.read_table("summary.parquet"), str(suite.landscapes[0].name))
    return Calibration(rows, missing, wrong_rows(rows, tolerance), run)
