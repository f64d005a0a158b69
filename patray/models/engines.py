"""The engines that make vectors, by name. A record lists those that run its model; nothing is loaded here."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from patray.errors import ModelError
from patray.kinds import Registry

ENGINES: Registry[Any] = Registry(
    "engines",
    {
        "sentence-transformers": "patray.encoders.sentence_transformers:SentenceTransformersEncoder",
        "vllm": "patray.encoders.vllm:VllmEncoder",
        "static": "patray.encoders.static:StaticEncoder",
        "openvino": "patray.encoders.openvino:OpenVinoEncoder",
        "ctranslate2": "patray.encoders.ctranslate2:CTranslate2Encoder",
    },
)
"""Engine -> what `encoders.protocol.Engine` describes, those of other packages among them (entry points
`patray.engines`)."""


CPU_ALONE = frozenset({"static", "openvino", "ctranslate2"})
"""Engines that never take a GPU."""
PACKAGES: dict[str, tuple[str, ...]] = {
    "static": (),
    "openvino": ("openvino", "sentence-transformers"),
    "ctranslate2": ("ctranslate2", "sentence-transformers"),
}
"""Packages that decide an engine's vectors beside those behind every engine, where it is not one of its own name."""
DTYPES: dict[str, tuple[str, ...]] = {"openvino": ("float32", "bfloat16"), "ctranslate2": ("int8",)}
"""Number types that an engine computes in, where it is not float32, bfloat16 and float16."""
FLOATS = ("float32", "bfloat16", "float16")


def require_dtype(model: str, engine: str, dtype: str) -> None:
    """ModelError where an engine does not compute in a number type."""
    known = DTYPES.get(engine, FLOATS)
    if dtype not in known:
        raise ModelError(
            f"model {model}: the engine {engine} does not compute in {dtype}: set `dtype` to {' or '.join(known)}"
        )


def _known(name: str) -> str:
    if name not in ENGINES:
        raise ValueError(f"engine {name!r}: there is none of that name; there are {', '.join(ENGINES.names())}")
    return name


Engine = Annotated[str, AfterValidator(_known)]
