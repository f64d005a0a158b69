"""Run a checkpoint whose repository brings Python code of its own by a class of transformers instead.

`native: gte` in a record: the folder that an engine loads is a view of the snapshot, links to its files beside a
config.json of our own that names the class, so that nothing of the repository runs. Weights stay where they are;
transformers itself knows most of the old names (its conversion mapping). The exception is an XLM-RoBERTa with absolute
positions in the layout of flash-attention, whose tensors are renamed and cut here (`xlm_roberta_tensors`).

Every setting that the class has no place for must have the one value that it stands for, or ModelError names it. Each
kind is compared in the tests with a forward pass written out in numpy (tests/encoders/plain_forward.py).
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patray.errors import ModelError
from patray.models.limits import json_object
from patray.models.record import ModelRecord
from patray.models.stated import read_stated

if TYPE_CHECKING:
    import torch

REWRITTEN = {"config.json", "modules.json"}
PYTHON = ".py"
FLASH_NAMES = (
    (r"^(roberta\.)?emb_ln\.", r"\1embeddings.LayerNorm."),
    (r"encoder\.layers\.(\d+)\.", r"encoder.layer.\1."),
    (r"\.mixer\.out_proj\.", ".attention.output.dense."),
    (r"\.norm1\.", ".attention.output.LayerNorm."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    (r"\.norm2\.", ".output.LayerNorm."),
)
"""From the names of flash-attention's XLM-RoBERTa to those of transformers', one after the other."""


@contextmanager
def native_view(record: ModelRecord, snapshot: Path) -> Iterator[Path]:
    """The folder to load: the snapshot itself, or where the record says `native` a view of it, gone afterwards.

    ModelError for a config that the class of transformers would run otherwise than the repository's code.
    """
    if record.native is None:
        yield snapshot
        return
    config = json_object(snapshot / "config.json")
    try:
        own = KINDS[record.native](config)
    except _NotThatKind as error:
        raise ModelError(
            f"model {record.name}: {snapshot / 'config.json'}: {error}; its record runs it as {record.native}, by "
            "transformers' own class"
        ) from error
    with tempfile.TemporaryDirectory(prefix="patray-native-") as scratch:
        view = Path(scratch)
        converts = record.native == "xlm-roberta"
        for path in snapshot.iterdir():
            weights = path.name.endswith((".safetensors", ".safetensors.index.json"))
            if path.name not in REWRITTEN and path.suffix != PYTHON and not (converts and weights):
                (view / path.name).symlink_to(path.resolve())
        (view / "config.json").write_text(json.dumps({**_without_code(config), **own}), encoding="utf-8")
        if (snapshot / "modules.json").is_file():
            (view / "modules.json").write_text(json.dumps(_modules(record, snapshot)), encoding="utf-8")
        if converts:
            _convert_weights(snapshot, view)
        if record.native == "nomic-moe":
            from patray.encoders.nomic_moe import register

            register()
        yield view


class _NotThatKind(Exception):
    """A setting that the class of transformers cannot honour."""


def _require(config: Mapping[str, Any], **wanted: Any) -> None:
    for key, value in wanted.items():
        found = config.get(key, value)
        if found != value:
            raise _NotThatKind(f"{key} is {found!r}, only {value!r} is known")


def _number(config: Mapping[str, Any], key: str) -> float:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _NotThatKind(f"{key} is {value!r}, a number is needed")
    return float(value)


def _without_code(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in ("auto_map", "rope_scaling", "rope_theta")}


def _modules(record: ModelRecord, snapshot: Path) -> list[dict[str, Any]]:
    """modules.json with the library's Transformer in place of a first module that is code of the repository."""
    modules = read_stated(snapshot).modules or ()
    rows = json.loads((snapshot / "modules.json").read_text(encoding="utf-8"))
    for at, (row, module) in enumerate(zip(sorted(rows, key=lambda row: row["idx"]), modules, strict=True)):
        if module.own_code and at == 0:
            row["type"] = "sentence_transformers.models.Transformer"
        elif module.own_code:
            raise ModelError(
                f"model {record.name}: {snapshot / 'modules.json'}: {row['type']} is code of the repository, which "
                "transformers has no class for"
            )
    return list(rows)


def _causal_decoder(kind: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A decoder whose tokens see all others: transformers' own class, told so (`is_causal: false`)."""

    def config_of(config: Mapping[str, Any]) -> dict[str, Any]:
        _require(config, use_sliding_window=False)
        rope = {key: config[key] for key in ("rope_scaling", "rope_theta") if key in config}
        return {"model_type": kind, "is_causal": False, **rope}

    return config_of


def _gte(config: Mapping[str, Any]) -> dict[str, Any]:
    """GTE ("new"): rotary positions, whose NTK scaling (Su 2023, kexue.fm/archives/9706, eq. 6) by a factor f is a base
    that is f times as large and frequencies that are f^(2/d) times as low, which transformers calls `linear`."""
    _require(config, position_embedding_type="rope", layer_norm_type="layer_norm", logn_attention_scale=False)
    found: dict[str, Any] = {"model_type": "gte"}
    if config.get("rope_parameters") is not None:
        return found
    theta, scaling = _number(config, "rope_theta"), config.get("rope_scaling")
    if scaling is None:
        return {**found, "rope_parameters": {"rope_type": "default", "rope_theta": theta}}
    _require(scaling, type="ntk", mixed_b=None)
    factor = _number(scaling, "factor")
    width = _number(config, "hidden_size") / _number(config, "num_attention_heads")
    rope = {"rope_type": "linear", "factor": factor ** (2 / width), "rope_theta": theta * factor}
    return {**found, "rope_parameters": rope}


def _jina(config: Mapping[str, Any]) -> dict[str, Any]:
    """XLM-RoBERTa in the layout of flash-attention with rotary positions, without adapters inside its weights."""
    if config.get("model_type") == "jina_embeddings_v3":
        return {}
    _require(config, position_embedding_type="rotary", lora_adaptations=None, hidden_act="gelu", emb_pooler=None)
    rope = {"rope_type": "default", "rope_theta": _number(config, "rotary_emb_base")}
    return {"model_type": "jina_embeddings_v3", "rope_parameters": rope}


def _xlm_roberta(config: Mapping[str, Any]) -> dict[str, Any]:
    """XLM-RoBERTa in the layout of flash-attention with a table of positions."""
    _require(config, position_embedding_type="absolute", lora_adaptations=None, hidden_act="gelu", emb_pooler=None)
    return {"model_type": "xlm-roberta"}


def _nomic_moe(config: Mapping[str, Any]) -> dict[str, Any]:
    """BERT after nomic-ai with experts, which transformers' own `nomic_bert` has not; see `nomic_moe.py`."""
    _require(config, prenorm=False, activation_function="gelu", use_rms_norm=False, num_shared_experts=0)
    _require(config, rotary_emb_fraction=1.0, rotary_emb_interleaved=False, rotary_emb_scale_base=None)
    _require(config, moe_normalize_expert_weights=False, expert_choice_router=False, ffn_div=1)
    _require(config, mlp_fc1_bias=True, mlp_fc2_bias=True, qkv_proj_bias=True)
    sizes = ("n_embd", "n_layer", "n_head", "n_inner", "num_experts", "moe_top_k", "moe_every_n_layers")
    for key in (*sizes, "rotary_emb_base", "layer_norm_epsilon"):
        _number(config, key)
    return {"model_type": "nomic_bert_moe"}


KINDS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "gte": _gte,
    "jina": _jina,
    "llama": _causal_decoder("llama"),
    "nomic-moe": _nomic_moe,
    "qwen2": _causal_decoder("qwen2"),
    "xlm-roberta": _xlm_roberta,
}
"""What `native` in a record may be: the settings of config.json that differ, from the snapshot's own config."""


def xlm_roberta_tensors(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights under the names of transformers' XLM-RoBERTa; Wqkv (3d, d) is query, key and value, in order.

    ModelError for a tensor of a layer that has no place there.
    """
    found: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        new = name
        for pattern, replacement in FLASH_NAMES:
            new = re.sub(pattern, replacement, new)
        if ".mixer.Wqkv." in new:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                found[new.replace(".mixer.Wqkv.", f".attention.self.{part}.")] = piece.contiguous()
            continue
        if re.search(r"\.(mixer|mlp|parametrizations)\.", new):
            raise ModelError(f"the tensor {name} has no place in transformers' XLM-RoBERTa")
        found[new] = tensor
    return found


def _convert_weights(snapshot: Path, view: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors: dict[str, Any] = {}
    for path in sorted(snapshot.glob("*.safetensors")):
        tensors |= load_file(path)
    save_file(xlm_roberta_tensors(tensors), view / "model.safetensors", {"format": "pt"})
