"""The engines that make vectors, by name. A record lists those that run its model; nothing is loaded here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from patray.kinds import Registry

ENGINES: Registry[Any] = Registry(
    "engines",
    {
        "sentence-transformers": "patray.encoders.sentence_transformers:SentenceTransformersEncoder",
        "vllm": "patray.encoders.vllm:VllmEncoder",
        "static": "patray.encoders.static:StaticEncoder",
    },
)
"""Engine -> what `encoders.protocol.Engine` describes, those of other packages among them (entry points
`patray.engines`)."""


CPU_ALONE = frozenset({"static"})
"""Engines that never take a GPU."""


def _known(name: str) -> str:
    if name not in ENGINES:
        raise ValueError(f"engine {name!r}: there is none of that name; there are {', '.join(ENGINES.names())}")
    return name


Engine = Annotated[str, AfterValidator(_known)]
