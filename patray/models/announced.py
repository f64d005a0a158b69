"""Models that are known by repository and revision alone, and become records with the files of a folder.

`{model: harrier-270m, path: ~/models/harrier}`: what decides a vector is read in the files (`derive.py`), name,
revision and licence stand here. Nothing is guessed before there are files, so such a model is planned and run from a
folder, a mirror's included, and never from the hub by its name.
"""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from patray.errors import ModelError
from patray.models.derive import derive_record
from patray.models.record import ModelRecord
from patray.models.registry import find_record, registry
from patray.yaml_source import load_yaml


class Announced(BaseModel):
    """What is known of a model before anyone has read its files. null: not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    repo: str
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None
    kind: Literal["dense", "late-interaction", "sparse", "reranker"]
    family: str
    parameters: int | None
    rounded_parameters: int | None = None
    nominal_tokens: int | None
    licence: str | None
    commercial: bool | None
    released: str | None
    notes: str = Field(default="", description="what a person must know before fetching it")
    template_of: str | None = Field(default=None, description="record of the same make whose template it is given")

    @property
    def size(self) -> int | None:
        return self.parameters if self.parameters is not None else self.rounded_parameters

    def fields(self) -> dict[str, Any]:
        """What a record of it takes from here instead of the files."""
        found: dict[str, Any] = {"name": self.name, "repo": self.repo, "kind": self.kind, "family": self.family}
        found["revision"] = self.revision or "local"
        for key in ("licence", "commercial", "released"):
            if getattr(self, key) is not None:
                found[key] = getattr(self, key)
        if self.template_of is not None:
            like = find_record(self.template_of)
            found |= {"score": like.score, "template": like.template, "pooling": like.pooling}
        return found


@cache
def announced() -> dict[str, Announced]:
    """Every such model by its name."""
    text = resources.files("patray.models").joinpath("announced.yaml").read_text(encoding="utf-8")
    return {model.name: model for model in map(Announced.model_validate, load_yaml(text))}


def named_record(name: str, path: str | None) -> ModelRecord:
    """The record of a registered model; of an announced one, from the files in the folder `path`.

    ModelError for a name that is neither, or for an announced one without a folder; InputError as `derive_record`.
    """
    model = announced().get(name)
    if model is None:
        near = difflib.get_close_matches(name, announced(), n=3, cutoff=0.8)
        if near and name not in registry():
            raise ModelError(f"model {name!r} is not in the registry: did you mean {' or '.join(near)}?")
        return find_record(name)
    if path is None:
        at = "whichever revision you choose" if model.revision is None else f"revision {model.revision}"
        raise ModelError(
            f"model {name}: only its repository ({model.repo}) and a few numbers are known; pooling, prompts and all "
            f"that decides a vector are read in its files. Fetch them ({at}; `patray models mirror {name} DEST`) and "
            "give the folder as the model's `path`"
        )
    return derive_record(Path(path).expanduser().absolute(), model.fields())
