"""Tiny random checkpoints of the kinds that score pairs: ColBERT in both of its file formats, and cross-encoders."""

import json
import string
from pathlib import Path
from typing import Any

from patray.models.record import ModelRecord
from patray.models.registry import parse_record

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "[unused1]")
WORDS = ("a", "the", "of", "and", "to", "for", "with", "said", "device", "user", "claim", "sensor", "wheel", "brush")
DIMENSION = 12


def save_tokenizer(folder: Path) -> Any:
    """A lower-casing WordPiece tokenizer that knows letters, digits, marks and few words; markers are plain entries
    of its vocabulary, as in Stanford's checkpoints."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertTokenizerFast  # type: ignore[attr-defined]

    letters = string.ascii_lowercase + string.digits
    pieces = [*SPECIALS, *string.punctuation, *letters, *(f"##{letter}" for letter in letters)]
    pieces += [word for word in WORDS if word not in pieces]
    vocabulary = {piece: at for at, piece in enumerate(pieces)}
    raw = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    raw.normalizer = normalizers.BertNormalizer(lowercase=True)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.decoder = decoders.WordPiece()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    tokenizer = BertTokenizerFast(tokenizer_object=raw, model_max_length=128)
    tokenizer.save_pretrained(folder)
    return tokenizer


def bert_config(vocabulary: int, **changes: Any) -> Any:
    from transformers import BertConfig

    fields: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 128,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.5,  # large enough that positions and attention matter
    }
    return BertConfig(**(fields | changes))


def _fields(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "repo": "nobody/tiny",
        "revision": "local",
        "family": "tiny",
        "parameters": None,
        "trained_dimensions": [],
        "nominal_tokens": 128,
        "normalised": None,
        "attention": "bidirectional",
        "padding_side": "right",
        "prompts_shipped": None,
        "engines": ["sentence-transformers"],
        "dtype": "float32",
        "licence": "none needed",
        "commercial": True,
        "released": None,
        "training_data": "none",
        "unknown": ["release date"],
    }
    return {**fields, **changes}


def late_record(**changes: Any) -> ModelRecord:
    """The record of the tiny ColBERT, in both formats."""
    fields = _fields(
        name="tiny-colbert",
        kind="late-interaction",
        dimension=DIMENSION,
        max_tokens=40,
        query_tokens=16,
        document_tokens=40,
        expansion_attended=False,
        punctuation_skipped=True,
        pooling="token",
        dense_heads=[[16, DIMENSION]],
        architecture="HF_ColBERT",
        prompts={"document": "[unused1] ", "query": "[unused0] ", "origin": "this test"},
    )
    return parse_record({**fields, **changes}, "test")


def save_stanford_colbert(folder: Path, attend: bool = False, punctuation: bool = True) -> Path:
    """A checkpoint as Stanford's ColBERT saves it: HF_ColBERT, the projection in `linear.weight`, artifact.metadata."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertModel

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    tokenizer = save_tokenizer(folder)
    config = bert_config(len(tokenizer), architectures=["HF_ColBERT"])
    weights = {f"bert.{name}": value for name, value in BertModel(config).state_dict().items()}
    weights["linear.weight"] = torch.randn(DIMENSION, 16)
    save_file(
        {name: value.contiguous() for name, value in weights.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    (folder / "config.json").write_text(json.dumps({**config.to_dict(), "architectures": ["HF_ColBERT"]}))
    metadata = {
        "query_token_id": "[unused0]",
        "doc_token_id": "[unused1]",
        "query_maxlen": 16,
        "doc_maxlen": 40,
        "attend_to_mask_tokens": attend,
        "mask_punctuation": punctuation,
    }
    (folder / "artifact.metadata").write_text(json.dumps(metadata))
    return folder


def save_colbert(folder: Path, attend: bool = False, punctuation: bool = True) -> Path:
    """The same model as sentence-transformers saves it: modules.json with a Dense, a mask and Normalize."""
    from sentence_transformers import MultiVectorEncoder

    plain = save_stanford_colbert(folder.with_name(folder.name + "-stanford"), attend, punctuation)
    MultiVectorEncoder(str(plain), device="cpu", local_files_only=True).save(str(folder))
    return folder


def cross_record(**changes: Any) -> ModelRecord:
    """The record of the tiny cross-encoder."""
    fields = _fields(
        name="tiny-cross",
        kind="reranker",
        dimension=1,
        max_tokens=64,
        pooling="cls",
        dense_heads=[],
        architecture="BertForSequenceClassification",
        prompts={"document": "", "query": "", "origin": "this test"},
        score="sigmoid",
    )
    return parse_record({**fields, **changes}, "test")


def save_cross_encoder(folder: Path, labels: int = 1) -> Path:
    """A BERT with a classifier of `labels` outputs, as cross-encoders are saved."""
    import torch
    from transformers import BertForSequenceClassification

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(2)
    tokenizer = save_tokenizer(folder)
    BertForSequenceClassification(bert_config(len(tokenizer), num_labels=labels)).save_pretrained(folder)
    return folder


TEMPLATE = {
    "prefix": "[unused0] judge . ",
    "body": "task : {task} query : {query} document : {document}",
    "suffix": " [SEP] answer : ",
    "task": "find what the user can claim",
    "origin": "this test",
}


def yes_no_record(**changes: Any) -> ModelRecord:
    """The record of the tiny generative reranker."""
    fields = _fields(
        name="tiny-yes-no",
        kind="reranker",
        dimension=1,
        max_tokens=96,
        pooling="last",
        dense_heads=[],
        attention="causal",
        architecture="Qwen3ForCausalLM",
        prompts={"document": "", "query": "", "origin": "the pair stands in the template"},
        template=TEMPLATE,
        score="yes-no",
        padding_side="left",
    )
    return parse_record({**fields, **changes}, "test")


def save_yes_no(folder: Path) -> Path:
    """A causal Qwen3 whose tokenizer has `yes` and `no`."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    tokenizer = save_tokenizer(folder)
    tokenizer.add_tokens(["yes", "no"])
    tokenizer.padding_side = "left"
    tokenizer.save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=128,
        initializer_range=0.5,
        tie_word_embeddings=False,
        pad_token_id=0,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder
