"""What a snapshot's own files say about the model: the other side of a record, read without torch.

Both spellings of sentence-transformers are understood: up to 5.3 (`pooling_mode_*` flags, `sentence_transformers.
models.Dense`, `max_seq_length` in sentence_bert_config.json) and from 5.4 on (`pooling_mode`, `sentence_transformers.
base.modules.dense.Dense`, the limit in tokenizer_config.json).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from patray.errors import ModelError
from patray.models.limits import TokenLimits, json_object, read_limits
from patray.models.sparse import SparseLayout, sparse_layout
from patray.models.static import TABLES, StaticLayout, static_layout

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "tokenizer.model")
LIBRARY_PREFIXES = ("sentence_transformers.", "pylate.")
OLD_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
ENCODERS = ("mpnet", "gte", "jina_embeddings_v3")
CAUSAL_BY_DEFAULT = ("qwen2", "qwen3", "llama", "mistral", "gemma", "phi")


@dataclass(frozen=True)
class Tensor:
    """A tensor's entry in a safetensors header."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Module:
    """A line of modules.json: `kind` is the class name, `own_code` whether the class is none of the library's."""

    kind: str
    path: str
    own_code: bool
    config: dict[str, Any]


@dataclass(frozen=True)
class Weights:
    """tensors: every safetensors header of a folder, by name. problems: files that are missing or are none."""

    tensors: dict[str, Tensor]
    pickles: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Stated:
    """The facts in a snapshot. None everywhere means that no file states it."""

    folder: Path
    config: dict[str, Any]
    classes: tuple[str, ...]
    hidden_size: int | None
    positions: int | None
    attention: str | None
    code_repos: tuple[str, ...]
    modules: tuple[Module, ...] | None
    pooling: tuple[str, ...] | None
    pooling_leaves_prompt_out: bool
    dense_heads: tuple[tuple[int, int], ...]
    limits: TokenLimits
    named_prompts: dict[str, str]
    all_prompts: frozenset[str]
    padding_side: str | None
    tokenizer_files: tuple[str, ...]
    lowers_case_outside: bool
    weights: Weights = field(repr=False)
    head_weights: dict[str, Weights] = field(repr=False)
    static: StaticLayout | None = None
    sparse: SparseLayout | None = None

    @property
    def output_size(self) -> int | None:
        """Width of a token's vector: the hidden size, but where the model itself projects it (EmbeddingGemma 2)."""
        if str(self.config.get("model_type", "")).startswith("embedding_gemma2"):
            return _first_int(self.config, "embedding_dim")
        return self.hidden_size


def read_stated(folder: Path) -> Stated:
    """Everything that the files in `folder` state. Raises ModelError for a folder without config.json or bad JSON."""
    layout = static_layout(folder)
    if layout is not None:
        return _read_static(folder, layout)
    sparse = sparse_layout(folder)
    if sparse is not None and sparse.home != ".":
        return _read_routed(folder, sparse)
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: holds no config.json, so it is not a model snapshot")
    whole = json_object(folder / "config.json")
    config = {**whole, **whole["text_config"]} if isinstance(whole.get("text_config"), dict) else whole
    modules = _modules(folder)
    weights = _weights(folder)
    heads = [module for module in modules or () if module.kind == "Dense"]
    pooling = next((module for module in modules or () if module.kind == "Pooling"), None)
    tokenizer = json_object(folder / "tokenizer_config.json")
    limits = read_limits(folder, config, tokenizer)
    names, strings = _prompts(json_object(folder / "config_sentence_transformers.json"))
    dense = tuple((int(head.config["in_features"]), int(head.config["out_features"])) for head in heads)
    return Stated(
        folder=folder,
        config=config,
        classes=_classes(whole),
        hidden_size=_first_int(config, "hidden_size", "n_embd", "d_model", "dim"),
        positions=limits.positions,
        attention=_attention(config, whole),
        code_repos=_code_repos(whole),
        modules=modules,
        pooling=None if pooling is None else _pooling_modes(pooling.config),
        pooling_leaves_prompt_out=pooling is not None and pooling.config.get("include_prompt") is False,
        dense_heads=dense or _projection_of_stanford(whole, weights),
        limits=limits,
        named_prompts=names,
        all_prompts=frozenset(strings),
        padding_side=_padding_side(folder, tokenizer),
        tokenizer_files=tuple(name for name in TOKENIZER_FILES if (folder / name).is_file()),
        lowers_case_outside=limits.lower_case and not _lowers_case(json_object(folder / "tokenizer.json")),
        weights=weights,
        head_weights={head.path: _weights(folder / head.path) for head in heads},
        sparse=sparse,
    )


def _read_routed(folder: Path, layout: SparseLayout) -> Stated:
    """What a sparse model states whose network lies in a folder of its own, beside its table for queries."""
    network = read_stated(folder / layout.home)
    names, strings = _prompts(json_object(folder / "config_sentence_transformers.json"))
    stated = replace(network, folder=folder, modules=_modules(folder), sparse=layout)
    return replace(stated, named_prompts=names, all_prompts=frozenset(strings))


def _read_static(folder: Path, layout: StaticLayout) -> Stated:
    """What a static model's files state: its modules and table, and that no token sees another."""
    home = folder / layout.home
    weights = _weights(home)
    table = next((weights.tensors[name] for name in TABLES if name in weights.tensors), None)
    file = "config.json" if layout.model2vec else "modules.json"
    nothing = (None,) * 6
    names, strings = _prompts(json_object(folder / "config_sentence_transformers.json"))
    modules = (Module("StaticEmbedding", layout.home, False, {}),)
    return Stated(
        folder=folder,
        config=json_object(folder / "config.json"),
        classes=("StaticEmbedding",),
        hidden_size=None if table is None or len(table.shape) != 2 else table.shape[1],
        positions=None,
        attention="none",
        code_repos=(),
        modules=(*modules, Module("Normalize", "", False, {})) if layout.normalised else modules,
        pooling=("mean",),
        pooling_leaves_prompt_out=False,
        dense_heads=(),
        limits=TokenLimits(file, layout.limit, *nothing[:4], False, False, None, None),
        named_prompts=names,
        all_prompts=frozenset(strings),
        padding_side=None,
        tokenizer_files=tuple(name for name in TOKENIZER_FILES if (home / name).is_file()),
        lowers_case_outside=False,
        weights=weights,
        head_weights={},
        static=layout,
    )


def _first_int(config: dict[str, Any], *names: str) -> int | None:
    return next((int(config[name]) for name in names if isinstance(config.get(name), int)), None)


def _classes(config: dict[str, Any]) -> tuple[str, ...]:
    """Class names of `architectures` and of the model entries of `auto_map`."""
    names = [str(name) for name in config.get("architectures") or []]
    for key, target in (config.get("auto_map") or {}).items():
        if key.startswith("AutoModel") and isinstance(target, str):
            names.append(target.rpartition(".")[2])
    return tuple(dict.fromkeys(names))


def _code_repos(config: dict[str, Any]) -> tuple[str, ...]:
    """Repositories of `auto_map`'s code, "" for the snapshot's own; empty when the model needs no remote code."""
    targets = [target for target in (config.get("auto_map") or {}).values() if isinstance(target, str)]
    return tuple(sorted({target.partition("--")[0] if "--" in target else "" for target in targets}))


def _attention(config: dict[str, Any], whole: dict[str, Any]) -> str | None:
    """`causal` or `bidirectional` where the flags or the model type say so, None where nothing does."""
    for flag, when_true in (("use_bidirectional_attention", "bidirectional"), ("bidirectional", "bidirectional")):
        if isinstance(config.get(flag), bool):
            return when_true if config[flag] else "causal"
    if isinstance(config.get("is_causal"), bool):
        return "causal" if config["is_causal"] else "bidirectional"
    kind = str(config.get("model_type", ""))
    if "bidirec" in (kind + "".join(_classes(whole))).lower():
        return "bidirectional"
    if whole.get("auto_map"):
        return None  # its own code decides
    if kind.startswith(CAUSAL_BY_DEFAULT) or config.get("is_decoder") is True:
        return "causal"
    encoder = config.get("is_decoder") is False or "bert" in kind or kind in ENCODERS
    return "bidirectional" if encoder else None


def _modules(folder: Path) -> tuple[Module, ...] | None:
    path = folder / "modules.json"
    if not path.is_file():
        return None
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found = [(str(row["type"]), str(row["path"])) for row in sorted(rows, key=lambda row: row["idx"])]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is not a list of modules with idx, path and type ({error!r})") from error
    modules = []
    for kind, where in found:
        config = json_object(folder / where / "config.json") if where else {}
        name = kind.rpartition(".")[2]
        if name == "Dense" and not {"in_features", "out_features"} <= config.keys():
            raise ModelError(f"{folder / where / 'config.json'}: a Dense module needs in_features and out_features")
        modules.append(Module(name, where, not kind.startswith(LIBRARY_PREFIXES), config))
    return tuple(modules)


def _pooling_modes(config: dict[str, Any]) -> tuple[str, ...]:
    """Pooling modes in the library's new names; several are concatenated. Its fallback is the mean."""
    mode = config.get("pooling_mode")
    if mode is not None:
        return (mode,) if isinstance(mode, str) else tuple(str(name) for name in mode)
    return tuple(name for flag, name in OLD_POOLING.items() if config.get(flag)) or ("mean",)


def _projection_of_stanford(config: dict[str, Any], weights: Weights) -> tuple[tuple[int, int], ...]:
    """The projection of a Stanford ColBERT checkpoint: `linear.weight` beside the backbone, (out, in)."""
    tensor = weights.tensors.get("linear.weight")
    if "HF_ColBERT" not in (config.get("architectures") or []) or tensor is None or len(tensor.shape) != 2:
        return ()
    return ((tensor.shape[1], tensor.shape[0]),)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)


def _prompts(config: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """(prompts under plain names in lower case, every prompt string however deep). PyLate's prefixes come first."""
    prompts = config.get("prompts") or {}
    named = {str(name).lower(): text for name, text in prompts.items() if isinstance(text, str)}
    for role in ("query", "document"):
        prefix = config.get(f"{role}_prefix")
        if isinstance(prefix, str):
            named[role] = prefix + named.get(role, "").removeprefix(prefix)
    return named, [*_strings(prompts), *named.values()]


def _padding_side(folder: Path, tokenizer: dict[str, Any]) -> str | None:
    """Only what a file states; the side that a library would take by default is not a fact about the model."""
    if tokenizer.get("padding_side") in ("left", "right"):
        return str(tokenizer["padding_side"])
    padding = json_object(folder / "tokenizer.json").get("padding")
    return str(padding["direction"]).lower() if isinstance(padding, dict) and "direction" in padding else None


def _lowers_case(value: Any) -> bool:
    """Whether a normalizer of tokenizer.json, however deep, lowers capitals."""
    found = value.get("normalizer", value) if isinstance(value, dict) else value
    if isinstance(found, list):
        return any(map(_lowers_case, found))
    if not isinstance(found, dict):
        return False
    own = found.get("type") == "Lowercase" or (found.get("type") == "BertNormalizer" and bool(found.get("lowercase")))
    return own or _lowers_case(found.get("normalizers"))


def _weights(folder: Path) -> Weights:
    """Headers of the safetensors files that the index names, or of all in the folder; nothing else is read."""
    if not folder.is_dir():
        return Weights({}, (), (f"{folder.name}/ is missing",))
    files = sorted(path.name for path in folder.iterdir() if path.is_file())
    names = [name for name in files if name.endswith(".safetensors")]
    problems = []
    index = json_object(folder / "model.safetensors.index.json").get("weight_map")
    if isinstance(index, dict):
        names = sorted(set(map(str, index.values())))
        problems += [f"{name}, which the index names, is missing" for name in names if name not in files]
    elif "model.safetensors" in names:
        names = ["model.safetensors"]
    tensors: dict[str, Tensor] = {}
    for name in names:
        if name in files:
            header = read_header(folder / name)
            if header is None:
                problems.append(f"{name} is no safetensors file (a pointer or a broken download)")
            else:
                tensors |= header
    return Weights(tensors, tuple(name for name in files if name.endswith(PICKLES)), tuple(problems))


def read_header(path: Path) -> dict[str, Tensor] | None:
    """The tensors of a safetensors file, None when it is none or is cut off.

    Format: 8 bytes little-endian length, that many bytes of JSON, then the data, whose last offset must be the end.
    """
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        size = path.stat().st_size
        if not 2 <= length <= min(size - 8, 200_000_000):
            return None
        try:
            entries = json.loads(stream.read(length))
            tensors = {
                name: (Tensor(entry["dtype"], tuple(entry["shape"])), entry["data_offsets"][1])
                for name, entry in entries.items()
                if name != "__metadata__"
            }
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return None
    end = max((offset for _, offset in tensors.values()), default=0)
    return {name: tensor for name, (tensor, _) in tensors.items()} if 8 + length + end == size else None
