"""cluster.yaml against Ray's own schema and checks; the KubeRay manifests against its published schemas."""

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml
from ray.autoscaler._private.util import fillout_defaults, validate_config

from patray.runs.read import read_suite
from patray.runs.resolve import resolve
from tests.house.kuberay_schemas import FILE as KUBERAY
from tests.house.kuberay_schemas import manifests

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text())


def test_cluster_yaml_is_valid_for_ray() -> None:
    config = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    jsonschema.validate(config, SCHEMA)
    validate_config({**fillout_defaults(config), "cluster_synced_files": []})  # `ray up` adds that key itself


def test_rays_schema_would_find_a_mistake_in_cluster_yaml() -> None:
    config = copy.deepcopy(yaml.safe_load((ROOT / "cluster.yaml").read_text()))
    config["max_workerz"] = 3
    with pytest.raises(jsonschema.ValidationError, match="max_workerz"):
        jsonschema.validate(config, SCHEMA)


@pytest.mark.parametrize("name", ["rayjob.yaml", "raycronjob.yaml"])
def test_a_kuberay_manifest_runs_a_job_and_a_suite_that_exist(name: str) -> None:
    manifest = yaml.safe_load((ROOT / "jobs" / "kuberay" / name).read_text())
    spec = manifest["spec"] if manifest["kind"] == "RayJob" else manifest["spec"]["jobTemplate"]
    command = spec["entrypoint"].split()
    assert command[0] == "python"
    for path in command[1:3]:
        assert (ROOT / path.removeprefix("/app/")).is_file()
    assert spec["rayClusterSpec"]["rayVersion"] in (ROOT / "constraints.txt").read_text()


def objects_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the objects inside a manifest lie."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield path
    for key, one in inner:
        yield from objects_of(one, (*path, key))


@pytest.mark.parametrize("version", ["v1.6.2", "v1.7.0"])
@pytest.mark.parametrize("name", manifests())
def test_a_kuberay_manifest_fits_the_published_schema_and_a_mistake_anywhere_in_it_would_be_seen(
    name: str, version: str
) -> None:
    """KubeRay drops keys that it does not know; here none is allowed. Of a schema that is cut down too far (an object
    that no manifest wrote before) this says so: make it again."""
    manifest = manifests()[name]
    schema = jsonschema.Draft202012Validator(json.loads(KUBERAY.read_text())[version][manifest["kind"]])
    schema.validate(manifest)
    for path in objects_of(manifest):
        spoilt = copy.deepcopy(manifest)
        found = spoilt
        for key in path:
            found = found[key]
        found["backoffLimitt"] = ["no key, and no value, of KubeRay"]
        with pytest.raises(jsonschema.ValidationError, match=r"backoffLimitt|no key"):
            schema.validate(spoilt)


def test_the_dockerfile_puts_the_repository_where_the_manifests_look_and_installs_extras_that_exist() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    assert "WORKDIR /app\nCOPY . /app\n" in lines
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.findall(r"\.\[([a-z,]+)\]", lines)
    assert named
    assert {extra for names in named for extra in names.split(",")} <= extras.keys()
    assert {"vllm", "gpu", "demo", "train"} <= {extra for names in named for extra in names.split(",")}


@pytest.mark.parametrize("path", sorted((ROOT / "jobs" / "suites").glob("*.yaml")), ids=lambda path: path.name)
def test_every_suite_that_we_ship_resolves_and_resolving_again_changes_nothing(path: Path) -> None:
    suite = resolve(read_suite(path))
    assert resolve(suite) == suite
