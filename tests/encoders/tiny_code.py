"""Code that lies in tiny snapshots as a repository's own code does. Ours; real repositories have other code."""

LLAMA_CODE = """
from transformers import LlamaConfig, LlamaModel


class LlamaBidirectionalConfig(LlamaConfig):
    model_type = "llama_bidirec"
    pooling: str = "avg"
    is_causal: bool = False


class LlamaBidirectionalModel(LlamaModel):
    config_class = LlamaBidirectionalConfig

    def __init__(self, config):
        config.is_causal = False
        super().__init__(config)
"""

QWEN2_CODE = """
from transformers import Qwen2Model as Causal


class Qwen2Model(Causal):
    def __init__(self, config):
        config.is_causal = False
        super().__init__(config)
"""

NEW_CODE = """
from transformers import GteConfig, GteModel


class NewConfig(GteConfig):
    model_type = "new"
    position_embedding_type: str = "rope"


class NewModel(GteModel):
    config_class = NewConfig
"""

NOMIC_CODE = '''
"""BERT after nomic-ai: rotary positions, norm after each block, every second MLP a mixture of experts."""

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput


class NomicBertConfig(PreTrainedConfig):
    model_type = "nomic_bert"
    vocab_size: int = 400
    n_embd: int = 64
    n_layer: int = 2
    n_head: int = 2
    n_inner: int = 128
    n_positions: int = 96
    hidden_size: int = 64
    num_hidden_layers: int = 2
    num_attention_heads: int = 2
    max_position_embeddings: int = 96
    type_vocab_size: int = 1
    activation_function: str = "gelu"
    layer_norm_epsilon: float = 1e-5
    mlp_fc1_bias: bool = True
    mlp_fc2_bias: bool = True
    qkv_proj_bias: bool = True
    rotary_emb_base: float = 10000.0
    rotary_emb_fraction: float = 1.0
    rotary_emb_interleaved: bool = False
    rotary_emb_scale_base: float | None = None
    rope_parameters: dict | None = None
    moe_every_n_layers: int = 2
    moe_top_k: int = 2
    num_experts: int = 4
    pad_token_id: int | None = 1


def rotate(values, base):
    length, width = values.shape[-2], values.shape[-1]
    angles = torch.outer(torch.arange(length), 1.0 / base ** (torch.arange(0, width, 2) / width))
    cosine, sine = torch.cat([angles.cos()] * 2, -1), torch.cat([angles.sin()] * 2, -1)
    left, right = values.chunk(2, -1)
    return values * cosine + torch.cat([-right, left], -1) * sine


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, self.base = config.n_head, config.rotary_emb_base
        self.Wqkv = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.out_proj = nn.Linear(config.n_embd, config.n_embd)

    def forward(self, hidden, mask):
        rows, length, width = hidden.shape
        shape = (rows, length, self.heads, width // self.heads)
        query, key, value = (part.view(shape).transpose(1, 2) for part in self.Wqkv(hidden).chunk(3, -1))
        query, key = rotate(query, self.base), rotate(key, self.base)
        scores = query @ key.transpose(-1, -2) / shape[-1] ** 0.5
        scores = scores.masked_fill(mask[:, None, None] == 0, torch.finfo(scores.dtype).min)
        return self.out_proj((scores.softmax(-1) @ value).transpose(1, 2).reshape(rows, length, width))


class Dense(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.fc1 = nn.Linear(config.n_embd, config.n_inner)
        self.fc2 = nn.Linear(config.n_inner, config.n_embd)

    def forward(self, hidden):
        return self.fc2(nn.functional.gelu(self.fc1(hidden)))


class Router(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.layer = nn.Linear(config.n_embd, config.num_experts, bias=False)


class ExpertWeights(nn.Module):
    def __init__(self, config):
        super().__init__()
        rows = config.num_experts * config.n_inner
        self.w1 = nn.Parameter(torch.empty(rows, config.n_embd))
        self.w2 = nn.Parameter(torch.empty(rows, config.n_embd))


class Experts(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.mlp = ExpertWeights(config)
        self.bias = nn.Parameter(torch.zeros(config.n_embd))


class Mixture(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.count, self.top = config.num_experts, config.moe_top_k
        self.router, self.experts = Router(config), Experts(config)

    def forward(self, hidden):
        shares, chosen = self.router.layer(hidden).softmax(-1).topk(self.top, -1)
        first, second = self.experts.mlp.w1.chunk(self.count), self.experts.mlp.w2.chunk(self.count)
        result = torch.zeros_like(hidden)
        for expert in range(self.count):
            share = (shares * (chosen == expert)).sum(-1, keepdim=True)
            result = result + share * (nn.functional.gelu(hidden @ first[expert].T) @ second[expert])
        return result + self.experts.bias


class Layer(nn.Module):
    def __init__(self, config, mixed):
        super().__init__()
        self.attn, self.mlp = Attention(config), Mixture(config) if mixed else Dense(config)
        self.norm1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.norm2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)

    def forward(self, hidden, mask):
        hidden = self.norm1(hidden + self.attn(hidden, mask))
        return self.norm2(hidden + self.mlp(hidden))


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.n_embd)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.n_embd)


class Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        every = config.moe_every_n_layers
        self.layers = nn.ModuleList(Layer(config, place % every == 1) for place in range(config.n_layer))


class NomicBertModel(PreTrainedModel):
    config_class = NomicBertConfig
    base_model_prefix = "nomic"

    def __init__(self, config):
        super().__init__(config)
        self.embeddings, self.encoder = Embeddings(config), Encoder(config)
        self.emb_ln = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, **ignored):
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        kinds = self.embeddings.token_type_embeddings(torch.zeros_like(input_ids))
        hidden = self.emb_ln(self.embeddings.word_embeddings(input_ids) + kinds)
        for layer in self.encoder.layers:
            hidden = layer(hidden, attention_mask)
        return BaseModelOutput(last_hidden_state=hidden)
'''
