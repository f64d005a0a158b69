"""Tiny random checkpoints in the layouts that repositories with Python code of their own publish.

Tensors are drawn by the names and shapes of the published files and saved without transformers, and config.json has the
fields that theirs have. The code itself is replaced by a file that ends whoever imports it: it must never run.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

WIDTH, LAYERS, HEADS, INNER = 64, 2, 2, 128
VOCABULARY, TOKENS = 400, 96
THETA, NTK_THETA, NTK = 20000.0, 20000.0, 8.0
FORBIDDEN = 'raise SystemExit("the code of the repository ran")\n'


def draw(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, np.ndarray]:
    """Matrices keep the scale of what they pass on, norms lie around one, biases around zero."""
    numbers = np.random.default_rng(seed)
    found = {}
    for name, shape in shapes.items():
        values = numbers.standard_normal(shape)
        if len(shape) >= 2:
            values *= 1.0 if "embed" in name else 1.5 / shape[-1] ** 0.5
        else:
            norms = any(word in name.lower() for word in ("norm", "_ln", "layernorm")) and name.endswith("weight")
            values = values * 0.1 + norms
        found[name] = values.astype(np.float32)
    return found


def write(folder: Path, tensors: dict[str, np.ndarray], config: dict[str, Any], code: str | None = None) -> None:
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    if code is not None:
        (folder / code).write_text(FORBIDDEN)


def read(folder: Path) -> dict[str, np.ndarray]:
    return {name: tensor.astype(np.float64) for name, tensor in load_file(folder / "model.safetensors").items()}


def _dense(name: str, out: int, into: int, bias: bool = True) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), **({f"{name}.bias": (out,)} if bias else {})}


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}


def flash_shapes(positions: int | None = None, vocabulary: int = VOCABULARY) -> dict[str, tuple[int, ...]]:
    """jinaai/xlm-roberta-flash-implementation; `positions`: rows of the table where there is one."""
    shapes = {
        "roberta.embeddings.word_embeddings.weight": (vocabulary, WIDTH),
        "roberta.embeddings.token_type_embeddings.weight": (1, WIDTH),
        **_norm("roberta.emb_ln"),
    }
    if positions is not None:
        shapes["roberta.embeddings.position_embeddings.weight"] = (positions, WIDTH)
    for at in range(LAYERS):
        name = f"roberta.encoder.layers.{at}"
        shapes |= _dense(f"{name}.mixer.Wqkv", 3 * WIDTH, WIDTH) | _dense(f"{name}.mixer.out_proj", WIDTH, WIDTH)
        shapes |= _dense(f"{name}.mlp.fc1", INNER, WIDTH) | _dense(f"{name}.mlp.fc2", WIDTH, INNER)
        shapes |= _norm(f"{name}.norm1") | _norm(f"{name}.norm2")
    return shapes


def flash_config(**changes: Any) -> dict[str, Any]:
    """As in jina-colbert-v2's and jina-reranker-v2's config.json (which names no model_type)."""
    code = "configuration_xlm_roberta.XLMRobertaFlashConfig"
    common = {
        "auto_map": {"AutoConfig": code, "AutoModel": "modeling_xlm_roberta.XLMRobertaModel"},
        **{"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER},
        **{"vocab_size": VOCABULARY, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
        **{"hidden_act": "gelu", "layer_norm_eps": 1e-5, "emb_pooler": None, "use_flash_attn": True},
        **{"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02},
        "torch_dtype": "bfloat16",
    }
    return {**common, **changes}


def save_reranker(folder: Path) -> None:
    """jina-reranker-v2: a table of positions and a classifier."""
    shapes = (
        flash_shapes(TOKENS + 2) | _dense("classifier.dense", WIDTH, WIDTH) | _dense("classifier.out_proj", 1, WIDTH)
    )
    config = flash_config(
        architectures=["XLMRobertaForSequenceClassification"],
        max_position_embeddings=TOKENS + 2,
        position_embedding_type="absolute",
        num_labels=1,
    )
    write(folder, draw(shapes), config, "configuration_xlm_roberta.py")


def save_flash_colbert(folder: Path, dimension: int, vocabulary: int, markers: tuple[str, str]) -> None:
    """jina-colbert-v2: rotary positions, a pooler that nobody uses, the projection beside the backbone."""
    shapes = flash_shapes(vocabulary=vocabulary) | _dense("roberta.pooler.dense", WIDTH, WIDTH)
    shapes["linear.weight"] = (dimension, WIDTH)
    config = flash_config(
        architectures=["HF_ColBERT"],
        max_position_embeddings=TOKENS + 2,
        position_embedding_type="rotary",
        rotary_emb_base=10000.0,
        lora_adaptations=None,
        vocab_size=vocabulary,
    )
    write(folder, draw(shapes), config, "configuration_xlm_roberta.py")
    metadata = {"query_token_id": markers[0], "doc_token_id": markers[1], "query_maxlen": 16, "doc_maxlen": 40}
    metadata |= {"attend_to_mask_tokens": True, "mask_punctuation": True}
    (folder / "artifact.metadata").write_text(json.dumps(metadata))


def gte_shapes(own: str) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        f"{own}embeddings.word_embeddings.weight": (VOCABULARY, WIDTH),
        f"{own}embeddings.token_type_embeddings.weight": (1, WIDTH),
        **_norm(f"{own}embeddings.LayerNorm"),
    }
    for at in range(LAYERS):
        name = f"{own}encoder.layer.{at}"
        shapes |= _dense(f"{name}.attention.qkv_proj", 3 * WIDTH, WIDTH)
        shapes |= _dense(f"{name}.attention.o_proj", WIDTH, WIDTH)
        shapes |= _dense(f"{name}.mlp.up_gate_proj", 2 * INNER, WIDTH, bias=False)
        shapes |= _dense(f"{name}.mlp.down_proj", WIDTH, INNER) | _norm(f"{name}.attn_ln") | _norm(f"{name}.mlp_ln")
    return shapes


def save_gte(folder: Path, kind: str) -> None:
    """kind `new`: gte-multilingual-base, with NTK scaling; `gte`: snowflake-arctic-embed-m-v2.0, without."""
    new = kind == "new"
    config = {
        "model_type": kind,
        "architectures": ["NewModel" if new else "GteModel"],
        "auto_map": {"AutoConfig": "configuration.NewConfig", "AutoModel": "modeling.NewModel"},
        **{"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER},
        **{"vocab_size": VOCABULARY, "type_vocab_size": 1, "pad_token_id": 1, "max_position_embeddings": TOKENS},
        **{"hidden_act": "gelu", "layer_norm_eps": 1e-12, "layer_norm_type": "layer_norm", "pack_qkv": True},
        **{"position_embedding_type": "rope", "logn_attention_scale": False, "logn_attention_clip1": False},
        "rope_scaling": {"type": "ntk", "factor": NTK} if new else None,
        "rope_theta": NTK_THETA if new else 160000,
        "unpad_inputs": "true",
    }
    write(folder, draw(gte_shapes("new." if new else "")), config, "configuration.py")


def save_nomic(folder: Path) -> None:
    """nomic-embed-text-v2-moe: every second MLP is a mixture."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (VOCABULARY, WIDTH),
        "embeddings.token_type_embeddings.weight": (1, WIDTH),
        **_norm("emb_ln"),
    }
    for at in range(LAYERS):
        name = f"encoder.layers.{at}"
        shapes |= _dense(f"{name}.attn.Wqkv", 3 * WIDTH, WIDTH) | _dense(f"{name}.attn.out_proj", WIDTH, WIDTH)
        shapes |= _norm(f"{name}.norm1") | _norm(f"{name}.norm2")
        if at % 2 == 0:
            shapes |= _dense(f"{name}.mlp.fc1", INNER, WIDTH) | _dense(f"{name}.mlp.fc2", WIDTH, INNER)
        else:
            shapes |= {f"{name}.mlp.router.layer.weight": (4, WIDTH), f"{name}.mlp.experts.bias": (WIDTH,)}
            shapes |= {f"{name}.mlp.experts.mlp.{one}": (4 * INNER, WIDTH) for one in ("w1", "w2")}
    config = {
        "model_type": "nomic_bert",
        "architectures": ["NomicBertModel"],
        "auto_map": {"AutoConfig": "modeling.NomicBertConfig", "AutoModel": "modeling.NomicBertModel"},
        **{"n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "n_inner": INNER, "n_positions": TOKENS},
        **{"vocab_size": VOCABULARY, "type_vocab_size": 1, "pad_token_id": 1, "max_position_embeddings": TOKENS},
        **{"activation_function": "gelu", "layer_norm_epsilon": 1e-5, "prenorm": False, "use_rms_norm": False},
        **{"rotary_emb_base": 10000.0, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False},
        **{"rotary_emb_scale_base": None, "mlp_fc1_bias": True, "mlp_fc2_bias": True, "qkv_proj_bias": True},
        **{"moe_every_n_layers": 2, "moe_top_k": 2, "num_experts": 4, "moe_normalize_expert_weights": False},
        **{"expert_choice_router": False, "ffn_div": 1, "num_shared_experts": 0},
    }
    write(folder, draw(shapes), config, "modeling.py")


ADAPTERS = ("retrieval_query", "retrieval_passage", "classification", "separation", "text_matching")
RANK, ALPHA = 4, 6


def save_jina_v3(folder: Path) -> None:
    """jina-embeddings-v3-hf: the names of transformers' class, and a folder for each adapter, as peft saves it."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (VOCABULARY, WIDTH),
        "embeddings.token_type_embeddings.weight": (1, WIDTH),
        **_norm("embeddings.LayerNorm"),
        **_dense("pooler.dense", WIDTH, WIDTH),
    }
    for at in range(LAYERS):
        name = f"layers.{at}"
        for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
            shapes |= _dense(f"{name}.self_attn.{part}", WIDTH, WIDTH)
        shapes |= _dense(f"{name}.mlp.fc1", INNER, WIDTH) | _dense(f"{name}.mlp.fc2", WIDTH, INNER)
        shapes |= _norm(f"{name}.post_attention_layernorm") | _norm(f"{name}.post_mlp_layernorm")
    config = {
        "model_type": "jina_embeddings_v3",
        "architectures": ["JinaEmbeddingsV3Model"],
        **{"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER},
        **{"vocab_size": VOCABULARY, "type_vocab_size": 1, "pad_token_id": 1, "max_position_embeddings": TOKENS + 2},
        **{"hidden_act": "gelu", "layer_norm_eps": 1e-5},
        "rope_parameters": {"rope_type": "default", "rope_theta": THETA},
    }
    write(folder, draw(shapes), config)
    tables = ("embeddings.word_embeddings", "embeddings.token_type_embeddings")
    for seed, adapter in enumerate(ADAPTERS, start=1):
        low: dict[str, tuple[int, ...]] = {}
        for name, shape in shapes.items():
            module = name.removesuffix(".weight")
            if module in tables:
                low |= {f"{module}.lora_embedding_A": (RANK, shape[0]), f"{module}.lora_embedding_B": (shape[1], RANK)}
            elif len(shape) == 2 and "pooler" not in name:
                low |= {f"{module}.lora_A.weight": (RANK, shape[1]), f"{module}.lora_B.weight": (shape[0], RANK)}
        (folder / adapter).mkdir()
        tensors = {f"base_model.model.{name}": tensor * 0.5 for name, tensor in draw(low, seed).items()}
        save_file(tensors, folder / adapter / "adapter_model.safetensors", {"format": "pt"})
        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2", "word_embeddings", "token_type_embeddings"]
        settings = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": targets, "bias": "none"}
        settings |= {"lora_dropout": 0.0, "inference_mode": True, "task_type": "FEATURE_EXTRACTION"}
        (folder / adapter / "adapter_config.json").write_text(json.dumps(settings))


def read_adapter(folder: Path, adapter: str) -> dict[str, np.ndarray]:
    tensors = load_file(folder / adapter / "adapter_model.safetensors")
    return {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
