"""A tiny random checkpoint of every architecture family that the registry's dense models name, built in a second.

Weights are drawn large enough that another pooling, a dropped head or another attention gives quite other vectors.
Each snapshot has config, fast tokenizer trained on made-up text, safetensors and sentence-transformers' modules in
the spelling that the real repositories use. Code of its own, where a family needs it, is written by us and lies in
the snapshot, like that of a repository with remote code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tiny_layouts import FORBIDDEN, save_gte, save_jina_v3, save_nomic

from patray.encoders.parity_sample import CLAIM, DESCRIPTION, SHORT
from patray.models.record import ModelRecord
from patray.models.registry import parse_record

WIDTH, LAYERS, HEADS, HEAD = 64, 2, 2, 32  # vLLM's CPU attention takes no head narrower than 32
VOCABULARY = 400
TOKENS = 96
IDENTITY = "torch.nn.modules.linear.Identity"
SHAPE = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": 128}


@dataclass(frozen=True)
class Family:
    """One family: which registry models it stands for, and how its tiny snapshot is made.

    build: writes config and weights into a folder. tokenizer: model kind and the pattern of special tokens.
    heads: (in, out, bias) of Dense modules. fields: what the record says beyond the common part.
    """

    name: str
    stands_for: tuple[str, ...]
    build: Callable[[Path], None]
    tokenizer: tuple[str, str]
    fields: dict[str, Any]
    heads: tuple[tuple[int, int, bool], ...] = ()
    modules: bool = True
    engines: tuple[str, ...] = ("sentence-transformers", "vllm")
    files: dict[str, str] = field(default_factory=dict)

    def save(self, folder: Path) -> ModelRecord:
        """Write the snapshot into `folder` and give its record."""
        self.build(folder)
        save_tokenizer(folder, *self.tokenizer)
        for name, text in self.files.items():
            (folder / name).write_text(text)
        if self.modules:
            save_modules(folder, str(self.fields["pooling"]), self.heads, bool(self.fields["normalised"]))
        return self.record()

    def record(self) -> ModelRecord:
        return parse_record(
            {
                "name": f"tiny-{self.name}",
                "repo": "nobody/tiny",
                "revision": "local",
                "kind": "dense",
                "family": "tiny",
                "parameters": None,
                "dimension": self.heads[-1][1] if self.heads else WIDTH,
                "trained_dimensions": [],
                "max_tokens": TOKENS,
                "nominal_tokens": TOKENS,
                "dense_heads": [head[:2] for head in self.heads],
                "ships_modules": self.modules,
                "prompts": {"document": "passage: ", "query": "query: ", "origin": "this test"},
                "prompts_shipped": None,
                "engines": (*self.engines, *self.on_cpus()),
                "dtype": "float32",
                "licence": "none needed",
                "commercial": True,
                "released": None,
                "training_data": "none",
                **self.fields,
            },
            "test",
        )

    def on_cpus(self) -> tuple[str, ...]:
        """The engines of CPUs that run it."""
        if self.name.startswith(("nomic-moe", "jina-v3", "gemma3")):
            return ()
        return ("openvino", "ctranslate2") if self.name.startswith(("bert", "xlm-roberta")) else ("openvino",)


def randomise(model: Any, seed: int = 0) -> Any:
    """Draw every weight: matrices keep the scale of what they pass on, norms lie around one, biases around zero."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() >= 2:
                weight.copy_(noise * (1.0 if "embed" in name else 1.5 / weight.shape[-1] ** 0.5))
            else:
                weight.copy_(noise * 0.1 + (1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0))
    return model


def save(model: Any, folder: Path, **config: Any) -> None:
    """Save the random model, then change its config.json."""
    randomise(model).save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))


def save_modules(folder: Path, pooling: str, heads: tuple[tuple[int, int, bool], ...], normalised: bool) -> None:
    """modules.json and what it names, as sentence-transformers wrote them up to 5.3."""
    import torch
    from safetensors.torch import save_file

    flags = {"mean": "mean_tokens", "cls": "cls_token", "last": "lasttoken"}
    (folder / "1_Pooling").mkdir()
    modes = {f"pooling_mode_{flag}": name == pooling for name, flag in flags.items()}
    (folder / "1_Pooling/config.json").write_text(json.dumps({"word_embedding_dimension": WIDTH, **modes}))
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling")]
    generator = torch.Generator().manual_seed(1)
    for into, out, bias in heads:
        where = f"{len(kinds)}_Dense"
        (folder / where).mkdir()
        config = {"in_features": into, "out_features": out, "bias": bias, "activation_function": IDENTITY}
        (folder / where / "config.json").write_text(json.dumps(config))
        tensors = {"linear.weight": torch.randn(out, into, generator=generator)}
        tensors |= {"linear.bias": torch.randn(out, generator=generator)} if bias else {}
        save_file(tensors, folder / where / "model.safetensors")
        kinds.append((where, "Dense"))
    if normalised:
        kinds.append((f"{len(kinds)}_Normalize", "Normalize"))
    rows = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(rows))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": TOKENS, "do_lower_case": False}))


def save_tokenizer(folder: Path, kind: str, pattern: str) -> None:
    """A fast tokenizer trained on the sample's own words; `pattern` holds the special tokens around $A."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    around = [token for token in pattern.split() if token != "$A"]
    bert = "[CLS]" in pattern
    padding, unknown = ("[PAD]", "[UNK]") if bert else ("<pad>", "<unk>")
    # XLM-RoBERTa's order: its position ids count from the padding id 1
    specials = list(dict.fromkeys([padding, unknown, *around] if bert else ["<s>", padding, "</s>", unknown, *around]))
    texts = [*SHORT.values(), CLAIM, DESCRIPTION]
    if kind == "wordpiece":
        raw = Tokenizer(models.WordPiece(unk_token=unknown))
        raw.normalizer = normalizers.BertNormalizer()
        raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=specials, show_progress=False)
    elif kind == "bytes":
        raw = Tokenizer(models.BPE())
        raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        raw.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
        )
    else:
        raw = Tokenizer(models.Unigram())
        raw.pre_tokenizer = pre_tokenizers.Metaspace()
        raw.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=VOCABULARY, special_tokens=specials, unk_token=unknown, show_progress=False
        )
    raw.train_from_iterator(texts, trainer)
    raw.post_processor = processors.TemplateProcessing(
        single=pattern, special_tokens=[(token, raw.token_to_id(token)) for token in around]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token=padding, unk_token=unknown, model_max_length=TOKENS
    ).save_pretrained(folder)


def _bert(folder: Path) -> None:
    from transformers import BertConfig, BertModel

    save(BertModel(BertConfig(vocab_size=VOCABULARY, max_position_embeddings=TOKENS, **SHAPE)), folder)


def _xlm_roberta(folder: Path) -> None:
    from transformers import XLMRobertaConfig, XLMRobertaModel

    positions = TOKENS + 2  # position ids count from the padding id + 1
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY, max_position_embeddings=positions, type_vocab_size=1, pad_token_id=1, **SHAPE
    )
    save(XLMRobertaModel(config), folder, position_embedding_type="absolute")  # as all published ones state it


def _mpnet(folder: Path) -> None:
    from transformers import MPNetConfig, MPNetModel

    save(MPNetModel(MPNetConfig(vocab_size=VOCABULARY, max_position_embeddings=TOKENS + 2, **SHAPE)), folder)


def _decoder(kind: str, **changes: Any) -> Any:
    """A tiny decoder of transformers by the name of its classes."""
    import transformers

    fields = {"vocab_size": VOCABULARY, "num_key_value_heads": 1, "head_dim": HEAD, "max_position_embeddings": TOKENS}
    config = getattr(transformers, f"{kind}Config")(**{**fields, **SHAPE, **changes})
    suffix = "TextModel" if kind.endswith("Text") else "Model"
    return getattr(transformers, kind.removesuffix("Text") + suffix)(config)


def _qwen3(folder: Path) -> None:
    save(_decoder("Qwen3"), folder, architectures=["Qwen3ForCausalLM"])


def _qwen2(folder: Path) -> None:
    code = {"AutoModel": "modeling_qwen.Qwen2Model"}
    save(_decoder("Qwen2"), folder, auto_map=code, architectures=["Qwen2Model"])


def _llama(folder: Path) -> None:
    code = {name: f"llama_bidirectional_model.LlamaBidirectional{name[4:]}" for name in ("AutoConfig", "AutoModel")}
    changes = {"architectures": ["LlamaBidirectionalModel"], "model_type": "llama_bidirec", "pooling": "avg"}
    save(_decoder("Llama"), folder, auto_map=code, **changes)


def _gemma3(folder: Path, bidirectional: bool) -> None:
    # a window shorter than the texts, so that both kinds of layer are at work
    window = {"sliding_window": 32, "layer_types": ["sliding_attention", "full_attention"]}
    model = _decoder("Gemma3Text", use_bidirectional_attention=bidirectional, query_pre_attn_scalar=HEAD, **window)
    save(model, folder, architectures=["Gemma3TextModel"])


def _fields(architecture: str, pooling: str, **changes: Any) -> dict[str, Any]:
    common = {"normalised": True, "attention": "bidirectional", "padding_side": "right"}
    return {"architecture": architecture, "pooling": pooling, **common, **changes}


BERT_TOKENS = ("wordpiece", "[CLS] $A [SEP]")
ROBERTA_TOKENS = ("unigram", "<s> $A </s>")
ST = ("sentence-transformers",)
ROLE_ADAPTERS = {"query": "retrieval_query", "document": "retrieval_passage"} | {
    "classification": "classification",
    "clustering": "separation",
}
QWEN_END = 4  # id of the token that the tiny Qwen3 tokenizer appends, after <s> <pad> </s> <unk>

FAMILIES = (
    Family("bert-mean", ("minilm",), _bert, BERT_TOKENS, _fields("BertModel", "mean")),
    Family(
        "bert-unnormalised",
        ("paecter", "patembed-large"),
        _bert,
        BERT_TOKENS,
        _fields("BertModel", "mean", normalised=False),
    ),
    Family(
        "bert-no-modules",
        ("bert-for-patents",),
        _bert,
        BERT_TOKENS,
        _fields("BertModel", "mean", normalised=False),
        modules=False,
        engines=ST,
    ),
    Family(
        "bert-dense-bias",
        ("conan-v1",),
        _bert,
        BERT_TOKENS,
        _fields("BertModel", "mean", normalised=False),
        heads=((WIDTH, 112, True),),
    ),
    Family(
        "bert-dense", ("patembed-base",), _bert, BERT_TOKENS, _fields("BertModel", "mean"), heads=((WIDTH, 48, False),)
    ),
    Family("xlm-roberta-cls", ("bge-m3",), _xlm_roberta, ROBERTA_TOKENS, _fields("XLMRobertaModel", "cls")),
    Family(
        "xlm-roberta-mean",
        ("multilingual-e5-large", "multilingual-e5-large-instruct"),
        _xlm_roberta,
        ROBERTA_TOKENS,
        _fields("XLMRobertaModel", "mean"),
    ),
    Family(
        "mpnet",
        ("patentsberta",),
        _mpnet,
        ("wordpiece", "<s> $A </s>"),
        _fields("MPNetModel", "cls", normalised=False),
        engines=ST,
    ),
    Family(
        "qwen3-last",
        ("qwen3-embedding-0.6b", "qwen3-embedding-4b", "qwen3-embedding-8b", "octen-8b"),
        _qwen3,
        ("bytes", "$A <|endoftext|>"),
        _fields("Qwen3ForCausalLM", "last", attention="causal", padding_side="left", last_token=QWEN_END),
    ),
    Family(
        "qwen2-bidirectional",
        ("stella-1.5b",),
        _qwen2,
        ("bytes", "$A <|endoftext|>"),
        _fields("Qwen2Model", "mean", padding_side="left", native="qwen2"),
        heads=((WIDTH, 48, True),),
        files={"modeling_qwen.py": FORBIDDEN},
    ),
    Family(
        "llama-bidirectional",
        ("nemotron-1b", "nemotron-8b"),
        _llama,
        ("bytes", "<|begin_of_text|> $A"),
        _fields("LlamaBidirectionalModel", "mean", padding_side="left", native="llama"),
        files={"llama_bidirectional_model.py": FORBIDDEN},
    ),
    Family(
        "gemma3-bidirectional",
        ("embeddinggemma-300m",),
        lambda folder: _gemma3(folder, True),
        ("unigram", "<bos> $A <eos>"),
        _fields("Gemma3TextModel", "mean"),
        heads=((WIDTH, 160, False), (160, WIDTH, False)),
    ),
    Family(
        "gemma3-causal",
        ("kalm-gemma3-12b",),
        lambda folder: _gemma3(folder, False),
        ("unigram", "<bos> $A <eos>"),
        _fields("Gemma3TextModel", "last", attention="causal"),
    ),
    Family(
        "nomic-moe",
        ("nomic-v2-moe",),
        save_nomic,
        ROBERTA_TOKENS,
        _fields("NomicBertModel", "mean", native="nomic-moe"),
        engines=ST,
    ),
    Family(
        "gte",
        ("arctic-embed-m-v2",),
        lambda folder: save_gte(folder, "gte"),
        ROBERTA_TOKENS,
        _fields("GteModel", "cls", native="gte"),
    ),
    Family(
        "gte-new",
        ("gte-multilingual-base",),
        lambda folder: save_gte(folder, "new"),
        ROBERTA_TOKENS,
        _fields("NewModel", "cls", native="gte"),
        engines=ST,
    ),
    Family(
        "jina-v3",
        ("jina-v3",),
        save_jina_v3,
        ROBERTA_TOKENS,
        _fields("JinaEmbeddingsV3Model", "mean", adapters=ROLE_ADAPTERS),
        engines=ST,
    ),
)
"""One for every dense model of the registry that an engine can run; `stands_for` is tested to be complete."""
