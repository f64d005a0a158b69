"""Does a snapshot hold the model that its record describes? Each difference would ruin a number silently.

Needs no torch: JSON files, safetensors headers, and the tokenizer alone are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from patray.errors import ModelError
from patray.models.difference import Difference
from patray.models.limits import json_object, limit_differences
from patray.models.record import ModelRecord, Role
from patray.models.sparse import NO_HEADS, sparse_differences
from patray.models.stated import Stated, Weights, read_stated

POOLING = {"mean": "mean", "cls": "cls", "lasttoken": "last"}
PROMPT_NAMES: dict[Role, tuple[str, ...]] = {
    "query": ("query", "retrieval.query"),
    "document": ("document", "passage", "corpus", "retrieval.passage"),
    "classification": ("classification",),
    "clustering": ("clustering",),
}
FAMILY_SUFFIX = re.compile(r"(ForCausalLM|ForMaskedLM|ForPreTraining|Model)$")
MODULES_OF_DENSE = {"Transformer", "Pooling", "Dense", "Normalize"}
MODULES_OF_KIND = {
    "dense": {*MODULES_OF_DENSE, "StaticEmbedding"},
    "late-interaction": {*MODULES_OF_DENSE, "MultiVectorMask", "ColBERT"},
    "sparse": {"Transformer", "MLMTransformer", "SpladePooling", "Router"},
    **{kind: {*MODULES_OF_DENSE, "LogitScore"} for kind in ("reranker", "listwise")},
}
HEADS = {"sigmoid": "ForSequenceClassification", "yes-no": "ForCausalLM"}
"""What the class of a reranker ends in, by how its score is made; another one would get a head made up at random."""
LAYER = re.compile(r"\.(?:layers?|h|blocks?)\.(\d+)\.")
DECIDES_VECTORS = {
    *("revision", "architecture", "attention", "hidden size", "layers", "modules", "pooling", "Dense heads"),
    *("dimension", "adapters", "tokenizer", "last token", "head", "labels", "projection", "marker", "lower case"),
}
"""Differences with which a model is not run: an engine would give other vectors than the record's, without an error.

The others are not refused: prompts, limits and normalisation are patray's own in a run, and a suite may change them.
"""
WEIGHTS_TOLERANCE = 1e-3
"""A count of weights that is off by more than this is another model; buffers in a checkpoint are far below it."""


def verify(record: ModelRecord, snapshot: Path) -> list[Difference]:
    """Every difference between `record` and the files in the folder `snapshot`, [] when they agree.

    A fact that the record leaves unknown, or that no file states, is no difference, save where an engine would then
    fall back on something of its own. Raises ModelError for a folder that is no snapshot or holds broken JSON.
    """
    return [difference for difference in compare(record, snapshot) if not difference.note]


def compare(record: ModelRecord, snapshot: Path) -> list[Difference]:
    """The differences of `verify`, and notes: what is no fault by all that the record knows."""
    stated = read_stated(snapshot)
    checks = (
        *(_revision, _weights, _adapters, _config, _head, _code, _modules),
        *(_projection, _dense_heads, _dimension, _limits, _prompts, _tokenizer),
    )
    return [difference for check in checks for difference in check(record, stated)]


def require_as_recorded(record: ModelRecord, snapshot: Path) -> None:
    """ModelError with every difference that decides a vector, or for weights that are not safetensors."""
    found = verify(record, snapshot)
    fatal = [item for item in found if item.what in DECIDES_VECTORS or item.what.startswith("weights")]
    if fatal:
        raise ModelError(
            f"model {record.name}: {snapshot} is not what its record says, so it is not loaded. "
            + " ".join(map(str, fatal))
            + " Use the pinned snapshot, or give the suite a record that describes this one."
        )


def _revision(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    name = stated.folder.resolve().name  # mirrors and the hub's cache name the folder after the revision
    if re.fullmatch("[0-9a-f]{40}", name) and record.revision not in (name, "local"):
        yield Difference(
            "revision", record.revision, f"lies in a folder named {name}", "Another revision can give other vectors."
        )


def _weights(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    yield from _weight_files(stated.weights, "weights")
    for path, weights in stated.head_weights.items():
        yield from _weight_files(weights, f"weights of {path}")
    if record.parameters is None or stated.weights.problems or not stated.weights.tensors:
        return
    own = _count(stated.weights)
    whole = own + sum(_count(weights) for weights in stated.head_weights.values())
    if all(abs(count - record.parameters) > WEIGHTS_TOLERANCE * record.parameters for count in (own, whole)):
        yield Difference(
            "number of weights", f"{record.parameters:,}", f"holds {whole:,}", "The checkpoint is another model."
        )


def _adapters(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    for folder in sorted(stated.folder / name for name in set(record.adapters.values())):
        kind = json_object(folder / "adapter_config.json").get("peft_type")
        if kind != "LORA" or not (folder / "adapter_model.safetensors").is_file():
            found = f"has {kind or 'no adapter'} there, or no safetensors" if folder.is_dir() else "has no such folder"
            yield Difference(
                "adapters", f"a LoRA adapter in {folder.name}/", found, "Its role's vectors would be wrong."
            )


def _weight_files(weights: Weights, what: str) -> Iterator[Difference]:
    for problem in weights.problems:
        yield Difference(what, "safetensors", problem, "It cannot be loaded; fetch the snapshot again.")
    if weights.tensors or weights.problems:
        return
    if weights.pickles:
        found, why = f"has only pickled ones ({', '.join(weights.pickles)})", "A pickle can run code when it is loaded."
    else:
        found, why = "has none", "It cannot be loaded."
    yield Difference(what, "safetensors", found, f"{why} patray loads safetensors only.")


def _count(weights: Weights) -> int:
    return sum(tensor.size for tensor in weights.tensors.values() if tensor.dtype.startswith(("F", "BF")))


def _config(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    family = FAMILY_SUFFIX.sub("", record.architecture or "")
    wrapped = record.architecture == "HF_ColBERT" and stated.modules is not None  # Stanford's file, saved as modules
    families = {FAMILY_SUFFIX.sub("", name) for name in stated.classes}
    if record.architecture and stated.classes and family not in families and not wrapped:
        yield Difference(
            "architecture",
            record.architecture,
            f"names {' and '.join(stated.classes)} in config.json",
            "Another class computes other vectors, or the engine refuses it.",
        )
    if record.attention != "unknown" and stated.attention not in (None, record.attention):
        yield Difference(
            "attention",
            record.attention,
            f"is {stated.attention} by its config.json",
            "Tokens then see other tokens than in training, and every vector changes.",
        )
    width = _embedding_width(stated)
    if width is not None and stated.hidden_size is not None and width != stated.hidden_size:
        yield Difference(
            "hidden size",
            f"{record.dimension} dimensions in the end",
            f"contradicts itself: config.json says {stated.hidden_size}, its token embeddings are {width} wide",
            "The config does not belong to these weights.",
        )
    yield from _layers(stated)


def _head(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    """A reranker's score needs a head that was trained: sentence-transformers draws one at random, and only logs it."""
    if record.kind != "reranker":
        return
    ending = HEADS.get(str(record.score))
    if ending is not None and not any(name.endswith(ending) for name in stated.classes):
        yield Difference(
            "head",
            f"score: {record.score}, which needs a class ...{ending}",
            f"names {', '.join(stated.classes) or 'no class'} in config.json",
            "The head would be drawn at random.",
        )
    labels = stated.config.get("num_labels") or len(stated.config.get("id2label") or {}) or 2
    if "SequenceClassification" in "".join(stated.classes) and labels != record.dimension:
        yield Difference("labels", str(record.dimension), f"has {labels} labels", "The score would be the wrong logit.")


def _layers(stated: Stated) -> Iterator[Difference]:
    """A layer without weights is drawn at random by transformers, which only logs it."""
    said = next((stated.config[key] for key in ("num_hidden_layers", "n_layer") if key in stated.config), None)
    numbers = [int(match[1]) for name in stated.weights.tensors if (match := LAYER.search(f".{name}"))]
    if isinstance(said, int) and numbers and not stated.weights.problems and max(numbers) + 1 < said:
        yield Difference(
            "layers",
            "nothing of it",
            f"contradicts itself: config.json says {said}, the weights have {max(numbers) + 1}",
            "The missing ones would be drawn at random.",
        )


def _embedding_width(stated: Stated) -> int | None:
    """Columns of the token embeddings; None where it is not plain that config.json should agree with them."""
    found = [
        tensor.shape[1]
        for name, tensor in stated.weights.tensors.items()
        if name.endswith(("word_embeddings.weight", "embed_tokens.weight")) and len(tensor.shape) == 2
    ]
    return found[0] if len(found) == 1 and "embedding_size" not in stated.config else None


def _code(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    if record.native is not None:
        return  # none of it runs
    own_modules = [module.kind for module in stated.modules or () if module.own_code]
    if record.remote_code is None and (stated.code_repos or own_modules):
        asks = [f"code of {repo or 'its own repository'} (auto_map)" for repo in stated.code_repos]
        asks += [f"the class {kind} of its own (modules.json)" for kind in own_modules]
        yield Difference(
            "remote code", "none is needed", f"asks for {' and '.join(asks)}", "It would run code that nobody pinned."
        )
    if record.remote_code is not None and record.remote_code.repo is not None:
        others = [repo for repo in stated.code_repos if (repo or record.repo) != record.remote_code.repo]
        if others:
            yield Difference(
                "remote code",
                record.remote_code.repo,
                f"takes it from {' and '.join(repo or 'its own repository' for repo in others)}",
                "The pinned commit is not that of the code that would run.",
            )


def _modules(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    if stated.modules is None:
        if record.ships_modules and record.kind == "dense":
            yield Difference(
                "pooling",
                record.pooling,
                "has no modules.json and states none",
                "Each engine then falls back on its own: sentence-transformers on mean, vLLM on last.",
            )
        return
    known = MODULES_OF_KIND[record.kind]
    strange = [module.kind for module in stated.modules if module.kind not in known and not module.own_code]
    if strange:
        yield Difference(
            "modules", "knows none of that kind", f"lists {', '.join(strange)}", "The record does not describe them."
        )
    if record.kind != "dense":
        yield from sparse_differences(record, stated.sparse, stated.config.get("vocab_size"))
        return
    yield from _pooling(record, stated)
    ends_normalised = bool(stated.modules) and stated.modules[-1].kind == "Normalize"
    if record.normalised is not None and record.normalised != ends_normalised:
        words = {True: "ends in a Normalize module", False: "ends without a Normalize module"}
        yield Difference(
            "normalisation",
            f"that it {words[record.normalised]}",
            words[ends_normalised],
            "patray normalises anyway; other tools that trust the files would not agree with it.",
        )


def _pooling(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    modes = None if stated.pooling is None else tuple(POOLING.get(mode, mode) for mode in stated.pooling)
    if modes != (record.pooling,):
        found = "has no Pooling module" if modes is None else f"pools by {' + '.join(modes)}"
        yield Difference("pooling", record.pooling, found, "Every vector changes, and no error tells.")
    if stated.pooling_leaves_prompt_out:
        yield Difference(
            "pooling", "takes the prompt's tokens in", "leaves them out (include_prompt: false)", "Vectors change."
        )


def _projection(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    """Token vectors need a trained projection: a Dense module, or that of Stanford's HF_ColBERT."""
    named = record.kind != "late-interaction" or "HF_ColBERT" in stated.classes or stated.dense_heads
    if named or (stated.modules is not None and not record.dense_heads):
        return
    found = "config.json names " + (", ".join(stated.classes) or "no class")
    found += " and there is no modules.json" if stated.modules is None else ", modules.json lists no Dense"
    yield Difference("projection", "token vectors are projected", f"has none ({found})", "It would be drawn at random.")


def _dense_heads(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    alike = len(record.dense_heads) == len(stated.dense_heads) and all(
        (into is None or into == found[0]) and out == found[1]
        for (into, out), found in zip(record.dense_heads, stated.dense_heads, strict=True)
    )
    if record.kind in NO_HEADS or alike:
        return
    yield Difference(
        "Dense heads",
        _heads(record.dense_heads),
        f"has {_heads(stated.dense_heads)}",
        "A dropped or added head changes every vector and its width.",
    )


def _heads(heads: tuple[tuple[int | None, int], ...]) -> str:
    return " then ".join(f"{'?' if into is None else into} to {out}" for into, out in heads) or "none"


def _dimension(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    if record.kind in NO_HEADS or (width := stated.output_size) is None:
        return
    for into, out in stated.dense_heads:
        if into != width:
            yield Difference(
                "dimension",
                str(record.dimension),
                f"contradicts itself: a Dense head takes {into}, what comes before it gives {width}",
                "It cannot be loaded, or a module is missing between them.",
            )
        width = out
    if width != record.dimension:
        yield Difference(
            "dimension", str(record.dimension), f"gives {width}", "Vectors of another width are another model's."
        )
    for path, weights in stated.head_weights.items():
        tensor = weights.tensors.get("linear.weight")
        head = next(module for module in stated.modules or () if module.path == path)
        shape = (head.config["out_features"], head.config["in_features"])
        if tensor is not None and tensor.shape != shape:
            yield Difference(
                f"weights of {path}",
                _heads(record.dense_heads),
                f"contradicts itself: config.json says {shape[1]} to {shape[0]}, the tensor is {tensor.shape}",
                "The config does not belong to these weights.",
            )


def _limits(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    if stated.static is None or stated.static.limit is not None:  # else a text of any length is read to its end
        yield from limit_differences(record, stated.limits, stated.modules is not None)


def _prompts(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    for role, names in PROMPT_NAMES.items():
        wanted, own = record.prompts.of(role), getattr(record.prompts, role)
        name = next((name for name in names if name in stated.named_prompts), None)
        declared = None if name is None else stated.named_prompts[name]
        if wanted and declared == "":
            declared = None  # newer versions of the library write an empty prompt where nobody set one
        if declared is not None and declared != wanted:
            missing = "Another prompt would be used" if own else "The prompt would be missing"
            yield Difference(
                f"prompt for {role}",
                repr(wanted) + (" (as document)" if own is None else ""),
                f"states {declared!r} (prompt {name})",
                f"{missing}, and vectors are not those that the model was trained to give.",
            )
        elif declared is None and own and own not in stated.all_prompts and record.prompts_shipped:
            yield Difference(
                f"prompt for {role}",
                f"{own!r}, stated in the snapshot's config",
                "states no such prompt",
                "Missing prompts ruin a number silently; if no file should state it, set prompts_shipped: false.",
            )


def _tokenizer(record: ModelRecord, stated: Stated) -> Iterator[Difference]:
    if not stated.tokenizer_files:
        yield Difference("tokenizer", "needed", "has no tokenizer files", "Texts cannot be turned into tokens.")
        return
    if stated.lowers_case_outside:
        yield Difference(
            "lower case",
            "the tokenizer does all that is done to a text",
            f"asks for do_lower_case in {stated.limits.file}, and its tokenizer.json lowers nothing",
            "sentence-transformers would read other tokens than patray and vLLM.",
        )
    if record.padding_side is not None and stated.padding_side not in (None, record.padding_side):
        yield Difference(
            "padding side",
            record.padding_side,
            f"pads on the {stated.padding_side}",
            "Matters for last-token pooling and for position ids.",
        )
    markers = (record.prompts.query, record.prompts.document) if record.kind == "late-interaction" else ()
    if record.last_token is None and not any(markers):
        return
    if "tokenizer.json" not in stated.tokenizer_files:
        yield Difference(
            "tokenizer", "a fast one (tokenizer.json)", f"has {', '.join(stated.tokenizer_files)}", "Cannot be checked."
        )
        return
    yield from _special_tokens(record, stated.folder / "tokenizer.json", markers)


def _special_tokens(record: ModelRecord, path: Path, markers: tuple[str, ...]) -> Iterator[Difference]:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no narrower type
        raise ModelError(f"{path}: is not a tokenizer ({error})") from error
    tokenizer.no_padding()
    for marker in markers:
        if marker.strip() and all(tokenizer.token_to_id(form) is None for form in (marker, marker.strip())):
            yield Difference(
                "marker", f"{marker.strip()} is one token", "does not know it", "The marker would fall apart."
            )
    if record.last_token is None:
        return
    for words, what in ((4, "a short text"), (64, "a truncated text")):
        tokenizer.enable_truncation(16)
        ids = tokenizer.encode("a claim " * words).ids
        if not ids or ids[-1] != record.last_token:
            yield Difference(
                "last token",
                str(record.last_token),
                f"ends {what} with {ids[-1] if ids else 'nothing'}",
                "The pooled token is the wrong one.",
            )
            return
