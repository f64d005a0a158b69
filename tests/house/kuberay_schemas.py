"""KubeRay's published schemas, cut down to the objects that our manifests write: `kuberay_schemas.json`.

`python -m tests.house.kuberay_schemas v1.7.0=FOLDER ...` makes that file again from the CRDs of those versions: FOLDER
holds ray.io_rayjobs.yaml and ray.io_raycronjobs.yaml of `ray-operator/config/crd/bases`. What is kept of an object that
a manifest writes are its keys, their types and rules; of an object that none writes, its type alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("kuberay_schemas.json")
KEPT = ("type", "enum", "required", "minimum", "maximum", "pattern", "minLength", "maxLength", "anyOf", "format")
QUANTITY = "x-kubernetes-int-or-string"


def manifests() -> dict[str, Any]:
    return {path.name: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "jobs" / "kuberay").glob("*.yaml"))}


def strict(schema: dict[str, Any], *values: Any) -> dict[str, Any]:
    """The part of an OpenAPI schema that these values use, as a JSON schema that allows no key it does not name."""
    kept = {key: schema[key] for key in KEPT if key in schema}
    if schema.get(QUANTITY):
        kept.pop("type", None)
    written = [value for value in values if isinstance(value, dict)]
    if "properties" in schema and written:
        kept["properties"] = {
            name: strict(inner, *[value[name] for value in written if name in value])
            for name, inner in schema["properties"].items()
        }
        kept["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        inner = [value for one in written for value in one.values()]
        kept["additionalProperties"] = strict(schema["additionalProperties"], *inner)
    if "items" in schema:
        kept["items"] = strict(schema["items"], *[one for value in values if isinstance(value, list) for one in value])
    return kept


def published(folder: Path, kind: str) -> dict[str, Any]:
    """The schema of `ray.io/v1`, or of the version that a kind has."""
    crd = yaml.safe_load((folder / f"ray.io_{kind.lower()}s.yaml").read_text())
    (found,) = [one for one in crd["spec"]["versions"] if one["name"] == "v1"]
    schema: dict[str, Any] = found["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object", "properties": {"name": {"type": "string"}}}
    return schema


def main(versions: list[str]) -> None:
    made: dict[str, Any] = {}
    for version in versions:
        name, _, folder = version.partition("=")
        for manifest in manifests().values():
            kind = manifest["kind"]
            made.setdefault(name, {})[kind] = strict(published(Path(folder), kind), manifest)
            jsonschema.validate(manifest, made[name][kind])
    FILE.write_text(json.dumps(made, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
