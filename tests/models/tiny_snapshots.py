"""Records and helpers for tests on tiny snapshots."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from patray.models.difference import Difference
from patray.models.record import ModelRecord
from patray.models.registry import parse_record

END = 3  # id of the token that the tiny Qwen3 appends


def record(**changes: Any) -> ModelRecord:
    """A complete record of the tiny BERT with a Dense head and Normalize."""
    fields: dict[str, Any] = {
        "name": "tiny",
        "repo": "nobody/tiny",
        "revision": "local",
        "kind": "dense",
        "family": "tiny",
        "parameters": None,
        "dimension": 8,
        "trained_dimensions": [],
        "max_tokens": 32,
        "nominal_tokens": 64,
        "pooling": "mean",
        "dense_heads": [[16, 8]],
        "normalised": True,
        "attention": "bidirectional",
        "architecture": "BertModel",
        "prompts": {"document": "passage: ", "query": "query: ", "origin": "this test"},
        "padding_side": "right",
        "engines": ["sentence-transformers"],
        "dtype": "float32",
        "licence": "none needed",
        "commercial": True,
        "released": None,
        "training_data": "none",
        "unknown": ["release date"],
    }
    return parse_record({**fields, **changes}, "test")


PLAIN: dict[str, Any] = {"dimension": 16, "dense_heads": []}


def save_tokenizer(folder: Path, append_end: bool = False) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": END, "a": 4, "claim": 5, "[Q]": 6, "[D]": 7}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    raw.decoder = decoders.WordPiece()
    pattern = "$A [SEP]" if append_end else "[CLS] $A [SEP]"
    specials = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    raw.post_processor = processors.TemplateProcessing(single=pattern, special_tokens=specials)
    PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    value = json.loads(path.read_text())
    path.write_text(json.dumps(change(value) or value))


def whats(differences: list[Difference]) -> list[str]:
    return [difference.what for difference in differences]


def make_old(folder: Path) -> None:
    """Rewrite a snapshot into what sentence-transformers 2 to 5.3 saved."""
    edit(
        folder / "modules.json",
        lambda rows: [
            {**row, "type": f"sentence_transformers.models.{row['type'].rpartition('.')[2]}"} for row in rows
        ],
    )
    mode = json.loads((folder / "1_Pooling/config.json").read_text())["pooling_mode"]
    flags = {"mean": "mean_tokens", "cls": "cls_token", "lasttoken": "lasttoken"}
    old = {f"pooling_mode_{flag}": name == mode for name, flag in flags.items()}
    (folder / "1_Pooling/config.json").write_text(json.dumps({"word_embedding_dimension": 16, **old}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32, "do_lower_case": False}))
    edit(folder / "tokenizer_config.json", lambda config: config.update(model_max_length=10**30))
