"""patray: which embedding model, recipe and text view to use for your patents, and how sure you can be.

    import patray

    landscape = patray.Landscape.from_frame(frame, "landscapes/mine")
    suite = patray.Suite(name="mine", landscapes=[{"path": landscape.path}], models=["minilm"])
    run = patray.run(suite)
    run.summary                                   # a pandas table; run.table("summary") is Arrow
    run.compare("minilm", "bm25", metric="nDCG@20")

    @patray.ranker("newest")                      # a function is a system: {ranker: newest}; likewise
    def newest(task): ...                         # @patray.encoder and @patray.measure

Names are loaded when they are first used: `import patray` itself loads nothing.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Landscape", "Run", "Suite", "compare", "describe", "encoder", "measure", "open_run", "plan", "ranker", "run",
]  # fmt: skip

if TYPE_CHECKING:
    from patray.api import (
        Landscape,
        Run,
        Suite,
        compare,
        describe,
        encoder,
        measure,
        open_run,
        plan,
        ranker,
        run,
    )  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'patray' has no attribute {name!r}; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module("patray.api"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
