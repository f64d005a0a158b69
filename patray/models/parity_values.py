"""Published scores of a fixed query with fixed documents: does a snapshot give what others got from the model?"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from patray.yaml_source import load_yaml

Scores = dict[str, tuple[float, ...]]


class ParityValues(BaseModel):
    """cosine, score, maxsim: of dense models, rerankers, late interaction; by model, one number for each document."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    conditions: str
    relative_tolerance: Annotated[float, Field(gt=0, description="as the source states it")]
    query: str
    documents: tuple[str, ...]
    documents_sha256: str
    cosine: Scores
    score: Scores
    maxsim: Scores


@cache
def parity_values() -> ParityValues:
    """The packaged values; the file says where they come from."""
    text = resources.files("patray.models").joinpath("parity_values.yaml").read_text(encoding="utf-8")
    return ParityValues.model_validate(load_yaml(text))
