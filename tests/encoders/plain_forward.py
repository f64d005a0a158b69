"""Forward passes written out in numpy's float64 from tensors by the names of the published checkpoints.

The oracle of patray/encoders/native.py: nothing of torch, transformers or patray is used. One text at a time.
"""

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import erf

Tensors = Mapping[str, np.ndarray]


def norm(values: np.ndarray, tensors: Tensors, name: str, eps: float = 1e-5) -> np.ndarray:
    centred = values - values.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def rms_norm(values: np.ndarray, weight: np.ndarray, eps: float = 1e-6) -> np.ndarray:
    return values / np.sqrt((values**2).mean(-1, keepdims=True) + eps) * weight


def linear(values: np.ndarray, tensors: Tensors, name: str) -> np.ndarray:
    return values @ tensors[f"{name}.weight"].T + tensors.get(f"{name}.bias", np.zeros(()))


def gelu(values: np.ndarray) -> np.ndarray:
    return values * 0.5 * (1 + erf(values / math.sqrt(2)))


def silu(values: np.ndarray) -> np.ndarray:
    return values / (1 + np.exp(-values))


def frequencies(width: int, theta: float, ntk: float | None = None) -> np.ndarray:
    """(width / 2,): of rotary positions; with NTK scaling by `ntk` as new-impl's modeling.py computes them."""
    steps = np.arange(0, width, 2) / width
    if ntk is None:
        return 1 / theta**steps
    return 1 / (theta * ntk) ** steps / ntk ** (2 / width)


def rotated(values: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """(heads, tokens, width): pairs (i, i + width / 2) turned by position x speed."""
    angles = np.outer(np.arange(values.shape[1]), speed)
    left, right = np.split(values, 2, axis=-1)
    cosine, sine = np.cos(angles), np.sin(angles)
    return np.concatenate([left * cosine - right * sine, right * cosine + left * sine], axis=-1)


def attended(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int, speed: np.ndarray | None, causal: bool = False
) -> np.ndarray:
    """(tokens, width) three times to (tokens, width of the queries); fewer heads of keys are shared."""
    tokens, head = len(query), query.shape[1] // heads

    def by_head(values: np.ndarray) -> np.ndarray:
        split = values.reshape(tokens, -1, head).transpose(1, 0, 2)
        return np.repeat(split, heads // len(split), axis=0)

    q, k, v = by_head(query), by_head(key), by_head(value)
    if speed is not None:
        q, k = rotated(q, speed), rotated(k, speed)
    scores = q @ k.transpose(0, 2, 1) / math.sqrt(head)
    if causal:
        scores = np.where(np.tril(np.ones((tokens, tokens), bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return (weights @ v).transpose(1, 0, 2).reshape(tokens, -1)


def with_adapter(tensors: Tensors, adapter: Tensors, scale: float) -> dict[str, np.ndarray]:
    """The weights with LoRA added: W + scale B A for a matrix, W + scale (B A)^T for a table of embeddings."""
    found = dict(tensors)
    for name, low in adapter.items():
        for first, second, turn in (
            ("lora_A.weight", "lora_B.weight", False),
            ("lora_embedding_A", "lora_embedding_B", True),
        ):
            if name.endswith(first):
                module = name.removeprefix("base_model.model.").removesuffix("." + first)
                change = adapter[name.replace(first, second)] @ low * scale
                found[f"{module}.weight"] = found[f"{module}.weight"] + (change.T if turn else change)
    return found


def flash(tensors: Tensors, ids: np.ndarray, layers: int, heads: int, theta: float | None) -> np.ndarray:
    """(tokens, width): Jina's XLM-RoBERTa; theta None: a table of positions, which count from 2."""
    own = "roberta."
    hidden = tensors[f"{own}embeddings.word_embeddings.weight"][ids]
    hidden = hidden + tensors[f"{own}embeddings.token_type_embeddings.weight"][0]
    if theta is None:
        hidden = hidden + tensors[f"{own}embeddings.position_embeddings.weight"][np.arange(len(ids)) + 2]
    hidden = norm(hidden, tensors, f"{own}emb_ln")
    speed = None if theta is None else frequencies(hidden.shape[1] // heads, theta)
    for at in range(layers):
        name = f"{own}encoder.layers.{at}"
        query, key, value = np.split(linear(hidden, tensors, f"{name}.mixer.Wqkv"), 3, axis=1)
        out = linear(attended(query, key, value, heads, speed), tensors, f"{name}.mixer.out_proj")
        hidden = norm(hidden + out, tensors, f"{name}.norm1")
        out = linear(gelu(linear(hidden, tensors, f"{name}.mlp.fc1")), tensors, f"{name}.mlp.fc2")
        hidden = norm(hidden + out, tensors, f"{name}.norm2")
    return hidden


def jina_native(tensors: Tensors, ids: np.ndarray, layers: int, heads: int, theta: float) -> np.ndarray:
    """(tokens, width): the same model under the names of transformers' JinaEmbeddingsV3Model."""
    hidden = tensors["embeddings.word_embeddings.weight"][ids] + tensors["embeddings.token_type_embeddings.weight"][0]
    hidden = norm(hidden, tensors, "embeddings.LayerNorm")
    speed = frequencies(hidden.shape[1] // heads, theta)
    for at in range(layers):
        name = f"layers.{at}"
        query, key, value = (linear(hidden, tensors, f"{name}.self_attn.{part}_proj") for part in "qkv")
        out = linear(attended(query, key, value, heads, speed), tensors, f"{name}.self_attn.o_proj")
        hidden = norm(hidden + out, tensors, f"{name}.post_attention_layernorm")
        out = linear(gelu(linear(hidden, tensors, f"{name}.mlp.fc1")), tensors, f"{name}.mlp.fc2")
        hidden = norm(hidden + out, tensors, f"{name}.post_mlp_layernorm")
    return hidden


def gte_new(
    tensors: Tensors, ids: np.ndarray, layers: int, heads: int, theta: float, ntk: float | None, own: str = "new."
) -> np.ndarray:
    """(tokens, width): Alibaba-NLP's new-impl, and Snowflake's copy of it (own="")."""
    eps = 1e-12
    hidden = tensors[f"{own}embeddings.word_embeddings.weight"][ids]
    hidden = norm(
        hidden + tensors[f"{own}embeddings.token_type_embeddings.weight"][0], tensors, f"{own}embeddings.LayerNorm", eps
    )
    speed = frequencies(hidden.shape[1] // heads, theta, ntk)
    for at in range(layers):
        name = f"{own}encoder.layer.{at}"
        query, key, value = np.split(linear(hidden, tensors, f"{name}.attention.qkv_proj"), 3, axis=1)
        out = linear(attended(query, key, value, heads, speed), tensors, f"{name}.attention.o_proj")
        hidden = norm(hidden + out, tensors, f"{name}.attn_ln", eps)
        up, gate = np.split(linear(hidden, tensors, f"{name}.mlp.up_gate_proj"), 2, axis=1)
        hidden = norm(
            hidden + linear(gelu(gate) * up, tensors, f"{name}.mlp.down_proj"), tensors, f"{name}.mlp_ln", eps
        )
    return hidden


def nomic(tensors: Tensors, ids: np.ndarray, layers: int, heads: int, experts: int, top: int) -> np.ndarray:
    """(tokens, width): nomic-ai's BERT; every second MLP is a mixture, worked out token by token."""
    hidden = tensors["embeddings.word_embeddings.weight"][ids] + tensors["embeddings.token_type_embeddings.weight"][0]
    hidden = norm(hidden, tensors, "emb_ln")
    speed = frequencies(hidden.shape[1] // heads, 10000.0)
    for at in range(layers):
        name = f"encoder.layers.{at}"
        query, key, value = np.split(linear(hidden, tensors, f"{name}.attn.Wqkv"), 3, axis=1)
        out = linear(attended(query, key, value, heads, speed), tensors, f"{name}.attn.out_proj")
        hidden = norm(hidden + out, tensors, f"{name}.norm1")
        if at % 2 == 0:
            out = linear(gelu(linear(hidden, tensors, f"{name}.mlp.fc1")), tensors, f"{name}.mlp.fc2")
        else:
            first = np.split(tensors[f"{name}.mlp.experts.mlp.w1"], experts)
            second = np.split(tensors[f"{name}.mlp.experts.mlp.w2"], experts)
            out = np.empty_like(hidden)
            for row, token in enumerate(hidden):
                logits = tensors[f"{name}.mlp.router.layer.weight"] @ token
                share = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
                best = np.argsort(-share)[:top]
                own = sum(share[one] * (gelu(first[one] @ token) @ second[one]) for one in best)
                out[row] = own + tensors[f"{name}.mlp.experts.bias"]
        hidden = norm(hidden + out, tensors, f"{name}.norm2")
    return hidden


def decoder(
    tensors: Tensors, ids: np.ndarray, layers: int, heads: int, theta: float, causal: bool, own: str = ""
) -> np.ndarray:
    """(tokens, width): Llama, Mistral, Qwen2 and Qwen3 (which normalises each head of queries and keys)."""
    hidden = tensors[f"{own}embed_tokens.weight"][ids]
    for at in range(layers):
        name = f"{own}layers.{at}"
        inner = rms_norm(hidden, tensors[f"{name}.input_layernorm.weight"])
        query, key, value = (linear(inner, tensors, f"{name}.self_attn.{part}_proj") for part in "qkv")
        head = query.shape[1] // heads
        if f"{name}.self_attn.q_norm.weight" in tensors:
            query = rms_norm(query.reshape(len(ids), -1, head), tensors[f"{name}.self_attn.q_norm.weight"])
            key = rms_norm(key.reshape(len(ids), -1, head), tensors[f"{name}.self_attn.k_norm.weight"])
            query, key = query.reshape(len(ids), -1), key.reshape(len(ids), -1)
        out = attended(query, key, value, heads, frequencies(head, theta), causal)
        hidden = hidden + linear(out, tensors, f"{name}.self_attn.o_proj")
        inner = rms_norm(hidden, tensors[f"{name}.post_attention_layernorm.weight"])
        gated = silu(linear(inner, tensors, f"{name}.mlp.gate_proj")) * linear(inner, tensors, f"{name}.mlp.up_proj")
        hidden = hidden + linear(gated, tensors, f"{name}.mlp.down_proj")
    return rms_norm(hidden, tensors[f"{own}norm.weight"])
