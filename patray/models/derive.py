"""A model's record written from the files of its folder, so that one's own model is a path and nothing else.

`{path: ~/models/ours}` in a suite, or `patray models record ~/models/ours`. Taken are config.json, modules.json and
what it names, config_sentence_transformers.json, the tokenizer's files and the headers of the weights, as `verify`
reads them; a fact that no file states is listed in `unknown`, and one without which nothing can run is asked for: all
of them in one message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from patray.errors import InputError
from patray.models.limits import json_object
from patray.models.record import ROLES, ModelRecord, Role
from patray.models.registry import parse_record, registry
from patray.models.stated import Stated, read_stated
from patray.models.static import NO_LIMIT
from patray.models.verify import POOLING, PROMPT_NAMES
from patray.yaml_source import load_yaml

RECORD_FILE = "record.yaml"
"""A record that lies in the folder, as beside every tuned checkpoint: it is taken as it is."""
PAIRS = ("reranker", "listwise")
"""Kinds that read query and document together and give no vector."""
LARGE = 1_000_000_000
"""Weights from which vLLM is asked first."""
VLLM_TYPES = {"bert", "xlm-roberta", "modernbert", "eurobert", "qwen2", "qwen3", "ministral3", "gemma3_text"}
"""Model types whose tiny checkpoints agree with a plain forward pass in vLLM (docs/models.md)."""
CPU_ENGINES = {
    "openvino": {"bert", "xlm-roberta", "mpnet", "eurobert", "qwen2", "qwen3", "llama", "gte"},
    "ctranslate2": {"bert", "xlm-roberta"},
}
"""Model types (or `native`) whose tiny checkpoints agree with a plain forward pass in engines of CPUs."""
DTYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
ADAPTERS: dict[Role, str] = {
    "document": "retrieval_passage",
    "query": "retrieval_query",
    "classification": "classification",
    "clustering": "separation",
}
"""Folders of adapters that are known by their names: those of jina-embeddings-v3-hf."""
UNSAID = {
    "licence": "licence",
    "commercial": "whether its licence allows commercial use",
    "released": "release date",
    "training_data": "training data",
}
COMMIT = re.compile("[0-9a-f]{40}")


@dataclass
class _Found:
    """What the files gave: fields of a record, what nobody states, and what is missing, each with what to do."""

    fields: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def need(self, key: str, why: str) -> None:
        self.missing[key] = why


def folder_record(folder: Path, known: Mapping[str, Any] | None = None) -> ModelRecord:
    """The record of the model in `folder`: its own record.yaml, the registry's where the folder is that revision, else
    what its files say. `known`: fields that are told instead, such as {"pooling": "mean"}.

    ModelError for a folder that is no snapshot; InputError that lists every fact that is missing.
    """
    own = folder / RECORD_FILE
    if own.is_file() and not known:
        return parse_record(load_yaml(own.read_text(encoding="utf-8")), str(own))
    repo, revision = _identity(folder)
    if not known:
        for record in registry().values():
            if (record.repo, record.revision) == (repo, revision):
                return record
    return derive_record(folder, known)


def derive_record(folder: Path, known: Mapping[str, Any] | None = None) -> ModelRecord:
    """A complete record from the files alone. Raises as `folder_record` does."""
    stated, known = read_stated(folder), dict(known or {})
    found = _Found()
    _names(found, folder)
    kind = known.get("kind", _kind(stated))
    found.fields["kind"] = kind
    for part in (_weights, _widths, _lengths, _pooling, _classes, _prompts, _tokenizer, _adapters, _engines):
        part(found, stated, kind)
    found.fields |= {
        "licence": "not stated in the folder",
        "commercial": None,
        "released": None,
        "training_data": "not stated in the folder",
        "notes": "Written from the files of its folder.",
    }
    found.unknown += [words for key, words in UNSAID.items() if known.get(key) is None]
    fields = {**found.fields, "unknown": found.unknown, **known}
    if known.get("native") is not None:
        found.missing.pop("remote_code", None)
    missing = {key: why for key, why in found.missing.items() if key not in known}
    if missing:
        raise InputError(
            f"{folder}: its files do not say all that a record needs. Missing: "
            + "; ".join(f"{key} ({why})" for key, why in missing.items())
            + f". Tell them: patray models record {folder} {' '.join(f'--set {key}=...' for key in missing)}, and give "
            f"the suite what it writes as the model's `record`, or save it as {folder / RECORD_FILE}"
        )
    return parse_record(fields, str(folder))


def record_yaml(record: ModelRecord) -> str:
    """The record as a YAML file, without the fields that have their defaults."""
    fields = record.model_dump(mode="json", exclude_defaults=True)
    for key in ModelRecord.model_fields:
        if key not in fields and ModelRecord.model_fields[key].is_required():
            fields[key] = getattr(record, key)
    ordered = {key: fields[key] for key in ModelRecord.model_fields if key in fields}
    return str(yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=110))


def _identity(folder: Path) -> tuple[str, str]:
    """(repository, revision) by the layouts of mirrors and of the hub's cache; the folder's own name and `local`."""
    path = folder.resolve()
    if COMMIT.fullmatch(path.name):
        home = path.parent.parent if path.parent.name == "snapshots" else path.parent
        name = home.name.removeprefix("models--")
        if "--" in name:
            return name.replace("--", "/", 1), path.name
    return path.name, "local"


def _names(found: _Found, folder: Path) -> None:
    repo, revision = _identity(folder)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", repo.rpartition("/")[2]).strip("-._") or "model"
    found.fields |= {"name": name.lower(), "repo": repo, "revision": revision, "family": name.lower()}


def _kind(stated: Stated) -> str:
    kinds = {module.kind for module in stated.modules or ()}
    if "HF_ColBERT" in stated.classes or kinds & {"MultiVectorMask", "ColBERT"}:
        return "late-interaction"
    if stated.sparse is not None:
        return "sparse"
    if "LogitScore" in kinds or any(name.endswith("ForSequenceClassification") for name in stated.classes):
        return "reranker"
    return "dense"


def _weights(found: _Found, stated: Stated, kind: str) -> None:
    weights = (stated.weights, *stated.head_weights.values())
    tensors = [tensor for part in weights for tensor in part.tensors.values() if tensor.dtype in DTYPES]
    if any(part.problems or not part.tensors for part in weights):
        found.need("parameters", "no readable safetensors weights: patray loads no others")
    found.fields["parameters"] = sum(tensor.size for tensor in tensors) or None
    if stated.static is not None:
        found.fields["dtype"] = "float32"  # what sums are made in; an int8 table of model2vec is read as numbers
        return
    largest = max((tensor for tensor in tensors), key=lambda tensor: tensor.size, default=None)
    said = str(stated.config.get("dtype") or stated.config.get("torch_dtype") or "").removeprefix("torch.")
    dtype = said if said in DTYPES.values() else None if largest is None else DTYPES[largest.dtype]
    if dtype is None:
        found.need("dtype", "float32, bfloat16 or float16")
    found.fields["dtype"] = dtype


def _widths(found: _Found, stated: Stated, kind: str) -> None:
    if kind == "sparse":
        terms = stated.config.get("vocab_size")
        if terms is None:
            found.need("dimension", "config.json states no vocab_size")
        found.fields |= {"dimension": terms, "dense_heads": [], "trained_dimensions": []}
        return
    heads = [] if kind in PAIRS else [list(head) for head in stated.dense_heads]
    width = 1 if kind in PAIRS else heads[-1][1] if heads else stated.output_size
    if width is None:
        found.need("dimension", "config.json states no hidden size")
    found.fields |= {"dimension": width, "dense_heads": heads}
    trained = stated.config.get("matryoshka_dimensions")
    if kind in PAIRS:
        found.fields["trained_dimensions"] = []
    elif isinstance(trained, list) and width is not None:
        found.fields["trained_dimensions"] = sorted({int(one) for one in trained if one < width}, reverse=True)
    else:
        found.fields["trained_dimensions"] = None
        found.unknown.append("Matryoshka: the widths it was trained to be cut to")


def _lengths(found: _Found, stated: Stated, kind: str) -> None:
    if stated.static is not None:
        found.fields |= {"max_tokens": stated.static.limit or NO_LIMIT, "nominal_tokens": NO_LIMIT}
        return
    limits = stated.limits
    cut = limits.document if kind == "late-interaction" else limits.sentence_transformers
    positions = limits.positions
    if cut is None and positions is None:
        found.need("max_tokens", "no file states where a text is cut, nor how many positions there are")
        found.need("nominal_tokens", "tokens that the architecture takes")
        return
    tokens = cut if positions is None or (cut is not None and cut <= positions) else positions
    found.fields |= {"max_tokens": tokens, "nominal_tokens": max(tokens or 0, positions or 0)}
    if cut is None:
        found.fields["limit_shipped"] = None
        found.unknown.append(f"where its authors cut a text: no file says so, {tokens} positions are there")
    if kind == "late-interaction":
        found.fields |= {"query_tokens": limits.query, "document_tokens": tokens}
        if limits.query is None:
            found.need("query_tokens", "no file states the length of a query")
        _expansion(found, stated)


def _expansion(found: _Found, stated: Stated) -> None:
    """Late interaction: whether queries are filled up and attention reaches that, whether punctuation is left out."""
    stanford = json_object(stated.folder / "artifact.metadata")
    own = json_object(stated.folder / stated.limits.file).get("query_expansion")
    pylate = json_object(stated.folder / "config_sentence_transformers.json")
    if isinstance(own, dict):
        found.fields["expansion_attended"] = bool(own.get("attend"))
    elif "HF_ColBERT" in stated.classes:
        found.fields["expansion_attended"] = bool(stanford.get("attend_to_mask_tokens"))
    elif "attend_to_expansion_tokens" in pylate:
        expands = bool(pylate.get("do_query_expansion", True))
        found.fields["expansion_attended"] = bool(pylate["attend_to_expansion_tokens"]) if expands else None
    mask = next((module for module in stated.modules or () if module.kind == "MultiVectorMask"), None)
    if mask is not None and "skiplist_words" in mask.config:
        found.fields["punctuation_skipped"] = bool(mask.config["skiplist_words"])
    elif "HF_ColBERT" in stated.classes:
        found.fields["punctuation_skipped"] = bool(stanford.get("mask_punctuation", True))
    else:
        found.unknown.append("whether document punctuation is skipped")


def _pooling(found: _Found, stated: Stated, kind: str) -> None:
    if kind == "late-interaction":
        found.fields |= {"pooling": "token", "normalised": None}
        found.unknown.append("whether a Normalize module follows")
        return
    if kind == "listwise":
        found.fields |= {"pooling": "none", "normalised": False}
        return
    if stated.sparse is not None:
        found.fields |= {"pooling": stated.sparse.pooling, "normalised": False}
        if stated.sparse.query_home is not None:
            found.fields["query_table"] = True
        return
    if kind == "reranker":
        generative = any(module.kind == "LogitScore" for module in stated.modules or ())
        found.fields |= {"pooling": "last" if generative else "cls", "normalised": False}
        found.fields["score"] = "yes-no" if generative else "sigmoid"
        if generative:
            found.need(
                "template", "a generative reranker's text is code or a chat template: prefix, body, suffix, task"
            )
        return
    modes = [POOLING.get(mode, mode) for mode in stated.pooling or ()]
    if len(modes) == 1 and modes[0] in POOLING.values():
        found.fields["pooling"] = modes[0]
    elif modes:
        found.need("pooling", f"its files pool by {' + '.join(modes)}; patray knows {', '.join(POOLING.values())}")
    else:
        found.need("pooling", "no modules.json states it: mean, cls or last")
        found.fields["ships_modules"] = False
    last = stated.modules[-1].kind if stated.modules else None
    found.fields["normalised"] = None if last is None else last == "Normalize"
    if last is None:
        found.unknown.append("whether a Normalize module follows")


def _classes(found: _Found, stated: Stated, kind: str) -> None:
    found.fields["architecture"] = stated.classes[0] if stated.classes else None
    found.fields["attention"] = stated.attention or "unknown"
    native = _native(stated)
    needs_code = bool(stated.code_repos) or any(module.own_code for module in stated.modules or ())
    if native is not None:
        found.fields["native"] = native
        found.fields["attention"] = "bidirectional"
    elif needs_code:
        why = (
            "its files ask for Python code; give repo and commit of it, or `native` with a class that stands in for it"
        )
        found.need("remote_code", why)
    if found.fields["attention"] == "unknown":
        found.unknown.append("attention: no file says whether it is causal")


def _native(stated: Stated) -> str | None:
    """The class that stands in for the repository's code, where config.json leaves no doubt which."""
    config = stated.config
    kind = str(config.get("model_type", ""))
    if not stated.code_repos:
        return None
    if kind in ("new", "gte"):
        return "gte"
    if kind == "llama_bidirec":
        return "llama"
    if kind == "nomic_bert" and config.get("num_experts"):
        return "nomic-moe"
    if "use_flash_attn" in config and kind in ("", "xlm-roberta"):
        return {"rotary": "jina", "absolute": "xlm-roberta"}.get(str(config.get("position_embedding_type")))
    return None


def _prompts(found: _Found, stated: Stated, kind: str) -> None:
    config = json_object(stated.folder / "config_sentence_transformers.json")
    named = dict(stated.named_prompts)
    if "HF_ColBERT" in stated.classes and stated.modules is None:
        marks = json_object(stated.folder / "artifact.metadata")
        named = {
            "query": f"{marks.get('query_token_id') or '[unused0]'} ",
            "document": f"{marks.get('doc_token_id') or '[unused1]'} ",
            **named,
        }
    texts = {
        role: next((named[name] for name in PROMPT_NAMES[role] if name in named), None) for role in ROLES
    }  # fmt: skip
    default = named.get(str(config.get("default_prompt_name")).lower())
    prompts: dict[str, Any] = {
        "document": texts["document"] if texts["document"] is not None else default or "",
        "query": texts["query"] if texts["query"] is not None else default or "",
    }
    prompts |= {role: texts[role] for role in ("classification", "clustering") if texts[role] is not None}
    said = [text for text in prompts.values() if text]
    prompts["origin"] = "config of the folder" if said else "no file of the folder states one"
    found.fields["prompts"] = prompts
    if said and kind == "dense":
        bare = {"document": "", "query": "", "origin": "no prompt at all, to measure what the prompt is worth"}
        found.fields["prompt_sets"] = {"none": bare}
    others = sorted(set(named) - {name for names in PROMPT_NAMES.values() for name in names})
    if others:
        found.unknown.append(f"prompts for other tasks stand in its config and are not used: {', '.join(others)}")


def _tokenizer(found: _Found, stated: Stated, kind: str) -> None:
    found.fields["padding_side"] = stated.padding_side
    if stated.padding_side is None and stated.static is None:
        found.unknown.append("padding side")
    if "tokenizer.json" not in stated.tokenizer_files:
        found.need("tokenizer.json", "patray needs a fast tokenizer; save one into the folder")
        return
    if found.fields.get("pooling") == "last" and kind == "dense":
        found.fields["last_token"] = _appended(stated.folder / "tokenizer.json")


def _appended(path: Path) -> int | None:
    """The token that the tokenizer puts at the end of every text; None where it puts none there."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    ends = []
    for text in ("a claim", "another device"):
        bare = len(tokenizer.encode(text, add_special_tokens=False).ids)
        whole = tokenizer.encode(text)
        last = whole.special_tokens_mask[-1] if whole.ids else 0
        ends.append(whole.ids[-1] if last and len(whole.ids) > bare else None)
    return ends[0] if ends[0] == ends[1] else None


def _adapters(found: _Found, stated: Stated, kind: str) -> None:
    there = {path.parent.name for path in stated.folder.glob("*/adapter_config.json")}
    if not there:
        return
    if set(ADAPTERS.values()) <= there:
        found.fields["adapters"] = dict(ADAPTERS)
    else:
        found.need("adapters", f"a LoRA adapter for each role, of the folders {', '.join(sorted(there))}")


def _engines(found: _Found, stated: Stated, kind: str) -> None:
    if stated.static is not None:
        found.fields["engines"] = ["static"]
        return
    if kind == "listwise":
        found.fields["engines"] = ["vllm"]
        return
    engines = ["sentence-transformers"]
    native = found.fields.get("native")
    tested = native == "llama" or (native is None and stated.config.get("model_type") in VLLM_TYPES)
    if kind == "dense" and tested and stated.modules is not None and "adapters" not in found.fields:
        engines.insert(0 if (found.fields["parameters"] or 0) >= LARGE else 1, "vllm")
    if kind == "dense" and "adapters" not in found.fields:
        make = str(native or stated.config.get("model_type"))
        engines += [engine for engine, makes in CPU_ENGINES.items() if make in makes]
    found.fields["engines"] = engines
