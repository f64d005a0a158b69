"""nomic-embed-text-v2-moe as a class of transformers: a BERT with rotary positions whose every second MLP is a mixture.

transformers' own `nomic_bert` has no experts, and vLLM's are written for a GPU. The tensors have the names and shapes
of nomic-ai's checkpoint: `experts.mlp.w1` and `w2` are (experts x inner, width), one expert after the other. A token's
output is the sum of its top experts' outputs, weighted by their softmax over all experts, not scaled to sum to one, and
a bias (as vLLM 0.32, vllm/model_executor/models/bert_with_rope.py, computes it).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput


class NomicMoeConfig(PreTrainedConfig):
    """The settings of the published config.json, under their own names."""

    model_type = "nomic_bert_moe"
    vocab_size: int = 250048
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int = 3072
    n_positions: int = 2048
    type_vocab_size: int = 1
    layer_norm_epsilon: float = 1e-5
    rotary_emb_base: float = 10000.0
    moe_every_n_layers: int = 2
    moe_top_k: int = 2
    num_experts: int = 8
    pad_token_id: int | None = 1
    attribute_map = {  # noqa: RUF012, the library's own form
        "hidden_size": "n_embd",
        "num_hidden_layers": "n_layer",
        "num_attention_heads": "n_head",
        "max_position_embeddings": "n_positions",
    }


class Attention(nn.Module):
    """Attention of all tokens to all, with rotary positions."""

    def __init__(self, config: NomicMoeConfig) -> None:
        super().__init__()
        self.heads, self.base = config.n_head, config.rotary_emb_base
        self.Wqkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.out_proj = nn.Linear(config.n_embd, config.n_embd)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """hidden (rows, tokens, width), mask (rows, 1, 1, tokens) bool: which tokens count."""
        rows, length, width = hidden.shape
        split = self.Wqkv(hidden).view(rows, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        cosine, sine = self._angles(length, width // self.heads, hidden)
        query, key = (part * cosine + _half_turned(part) * sine for part in split[:2])
        out = nn.functional.scaled_dot_product_attention(query, key, split[2], attn_mask=mask)
        found: torch.Tensor = self.out_proj(out.transpose(1, 2).reshape(rows, length, width))
        return found

    def _angles(self, length: int, width: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        places = torch.arange(length, device=like.device, dtype=torch.float32)
        steps = torch.arange(0, width, 2, device=like.device, dtype=torch.float32) / width
        angles = torch.outer(places, 1.0 / self.base**steps).repeat(1, 2)
        return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def _half_turned(values: torch.Tensor) -> torch.Tensor:
    left, right = values.chunk(2, -1)
    return torch.cat([-right, left], -1)


class Mlp(nn.Module):
    """Two layers with GELU between them."""

    def __init__(self, config: NomicMoeConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.n_embd, config.n_inner)
        self.fc2 = nn.Linear(config.n_inner, config.n_embd)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc2(nn.functional.gelu(self.fc1(hidden)))
        return out


class _Holder(nn.Module):
    """Names a place of the checkpoint: a module that only holds others."""

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name)


class Mixture(nn.Module):
    """`num_experts` MLPs, of which each token takes the `moe_top_k` that its router likes best."""

    def __init__(self, config: NomicMoeConfig) -> None:
        super().__init__()
        self.count, self.top, self.inner = config.num_experts, config.moe_top_k, config.n_inner
        self.router, self.experts = _Holder(), _Holder()
        self.router.layer = nn.Linear(config.n_embd, config.num_experts, bias=False)
        self.experts.mlp = _Holder()
        self.experts.mlp.w1 = nn.Parameter(torch.empty(self.count * self.inner, config.n_embd))
        self.experts.mlp.w2 = nn.Parameter(torch.empty(self.count * self.inner, config.n_embd))
        self.experts.bias = nn.Parameter(torch.zeros(config.n_embd))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        flat = hidden.reshape(-1, hidden.shape[-1])
        shares, chosen = self.router.layer(flat).float().softmax(-1).topk(self.top, -1)
        found = torch.zeros_like(flat)
        for expert in range(self.count):
            rows, places = (chosen == expert).nonzero(as_tuple=True)
            if not len(rows):
                continue
            own = slice(expert * self.inner, (expert + 1) * self.inner)
            inside = nn.functional.gelu(flat[rows] @ self.experts.mlp.w1[own].T)
            found.index_add_(0, rows, inside @ self.experts.mlp.w2[own] * shares[rows, places, None].to(flat.dtype))
        out: torch.Tensor = found.view_as(hidden) + self.experts.bias
        return out


class Layer(nn.Module):
    """Attention and MLP, each added to what went in and normalised."""

    def __init__(self, config: NomicMoeConfig, mixed: bool) -> None:
        super().__init__()
        self.attn = Attention(config)
        self.mlp = Mixture(config) if mixed else Mlp(config)
        self.norm1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.norm2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.norm1(hidden + self.attn(hidden, mask))
        out: torch.Tensor = self.norm2(hidden + self.mlp(hidden))
        return out


class NomicMoeModel(PreTrainedModel):
    """The encoder without a head: (rows, tokens) ids to (rows, tokens, width)."""

    config_class = NomicMoeConfig
    base_model_prefix = "nomic"
    _supports_sdpa = True

    def __init__(self, config: NomicMoeConfig) -> None:
        super().__init__(config)
        self.embeddings, self.encoder = _Holder(), _Holder()
        self.embeddings.word_embeddings = nn.Embedding(config.vocab_size, config.n_embd)
        self.embeddings.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.n_embd)
        self.emb_ln = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        every = config.moe_every_n_layers
        self.encoder.layers = nn.ModuleList(Layer(config, place % every == 1) for place in range(config.n_layer))
        self.post_init()

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **ignored: object
    ) -> BaseModelOutput:
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        kinds = self.embeddings.token_type_embeddings(torch.zeros_like(input_ids))
        hidden = self.emb_ln(self.embeddings.word_embeddings(input_ids) + kinds)
        for layer in self.encoder.layers:
            hidden = layer(hidden, mask[:, None, None].bool())
        return BaseModelOutput(last_hidden_state=hidden)


@cache
def register() -> None:
    """Make the class known to transformers in this process."""
    AutoConfig.register(NomicMoeConfig.model_type, NomicMoeConfig)
    AutoModel.register(NomicMoeConfig, NomicMoeModel)
