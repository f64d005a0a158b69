"""Where a snapshot's own files cut a text, tool by tool, and whether that is where its record cuts it.

The same folder is cut in different places by different tools (docs/models.md has the versions):

- sentence-transformers: `model_max_length` among the tokenizer arguments of the first sentence_*_config.json that holds
  anything, else its `max_seq_length`, each as it stands; else the smaller of `model_max_length` in
  tokenizer_config.json and `max_position_embeddings` in config.json.
- vLLM: the same `max_seq_length` as it stands; else `max_position_embeddings`, and `model_max_length` only where
  config.json says `position_embedding_type: absolute`.

From 5.4 on sentence-transformers saves the limit as `model_max_length` alone, where vLLM may not look. A number above
1e9 is the tokenizers' way to say that there is no limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patray.errors import ModelError
from patray.models.difference import Difference
from patray.models.record import ModelRecord

TRANSFORMER_CONFIGS = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
OFFSET_POSITIONS = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer"}
"""Model types whose position ids start after the padding id, so that two of the positions hold no token."""
TABLES = ("max_position_embeddings", "n_positions", "max_seq_len")
ROTARY = ("rope_scaling", "rope_parameters", "rope_theta")
NO_LIMIT = 1e9


@dataclass(frozen=True)
class TokenLimits:
    """The lengths that a snapshot's files state, in tokens; None: not stated.

    arguments, module: `model_max_length` and `max_seq_length` of the sentence_*_config.json called `file`; tokenizer:
    `model_max_length` of tokenizer_config.json; table: the positions as config.json states them; positions: the tokens
    that fit into them (RoBERTa's first two hold none), not known to be a hard limit where they are `rotary`; absolute:
    whether config.json says so; query, document: of late interaction; lower_case: whether `file` asks for it.
    """

    file: str
    arguments: int | None
    module: int | None
    tokenizer: int | None
    table: int | None
    positions: int | None
    rotary: bool
    absolute: bool
    query: int | None
    document: int | None
    lower_case: bool = False

    @property
    def sentence_transformers(self) -> int | None:
        """Where sentence-transformers cuts; None where it does not."""
        if self.arguments is not None:
            return self.arguments
        return self.module if self.module is not None else _least(self.tokenizer, self.table)

    @property
    def vllm(self) -> int | None:
        """The longest input that vLLM takes."""
        return self.module if self.module is not None else _least(self.table, self.tokenizer if self.absolute else None)

    @property
    def source(self) -> str:
        """The place that decides for sentence-transformers."""
        if self.arguments is not None or self.module is not None:
            return f"{'model_max_length' if self.arguments is not None else 'max_seq_length'} in {self.file}"
        if self.tokenizer is not None and self.tokenizer == self.sentence_transformers:
            return "model_max_length in tokenizer_config.json"
        return "the positions in config.json" if self.table is not None else "no file"


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def read_limits(folder: Path, config: dict[str, Any], tokenizer: dict[str, Any]) -> TokenLimits:
    """The limits in `folder`; `config` of its text model, `tokenizer`: tokenizer_config.json."""
    file, own = next(
        ((name, content) for name in TRANSFORMER_CONFIGS if (content := json_object(folder / name))),
        (TRANSFORMER_CONFIGS[0], {}),
    )
    arguments = own.get("processor_kwargs") or own.get("tokenizer_args") or {}
    table = _first([config.get(key) for key in TABLES])
    query, document = _late(folder, own)
    return TokenLimits(
        file=file,
        arguments=_number(arguments.get("model_max_length")) if isinstance(arguments, dict) else None,
        module=_number(own.get("max_seq_length")),
        tokenizer=_limit(tokenizer.get("model_max_length")),
        table=table,
        positions=_fitting(table, config),
        rotary=any(config.get(key) for key in ROTARY),
        absolute=config.get("position_embedding_type") == "absolute",
        query=query,
        document=document,
        lower_case=own.get("do_lower_case") is True,
    )


def _number(value: Any) -> int | None:
    """A length as a file states it."""
    return None if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 else int(value)


def _limit(value: Any) -> int | None:
    """A length that a file states; None for one that stands for no limit."""
    number = _number(value)
    return None if number is None or number > NO_LIMIT else number


def _fitting(table: int | None, config: dict[str, Any]) -> int | None:
    if table is None or config.get("model_type") not in OFFSET_POSITIONS:
        return table
    padding = config.get("pad_token_id")
    return table - (padding if isinstance(padding, int) else 1) - 1


def _late(folder: Path, own: dict[str, Any]) -> tuple[int | None, int | None]:
    """Query and document length of sentence-transformers, PyLate or Stanford's ColBERT."""
    pylate, stanford = (
        json_object(folder / "config_sentence_transformers.json"),
        json_object(folder / "artifact.metadata"),
    )
    expansion = own.get("query_expansion")
    lengths = [expansion.get("length")] if isinstance(expansion, dict) else []
    queries = [*lengths, own.get("query_length"), pylate.get("query_length"), stanford.get("query_maxlen")]
    documents = [own.get("document_length"), pylate.get("document_length"), stanford.get("doc_maxlen")]
    return _first(queries), _first(documents)


def _first(values: list[Any]) -> int | None:
    return next((limit for value in values if (limit := _limit(value)) is not None), None)


def write_limit(folder: Path, tokens: int) -> None:
    """State `tokens` as the limit of a saved model wherever sentence-transformers and vLLM read one.

    `max_seq_length` in sentence_bert_config.json is what both obey; `model_max_length` in tokenizer_config.json is what
    transformers and all that load the tokenizer alone obey.
    """
    for name, key in ((TRANSFORMER_CONFIGS[0], "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        content = {**json_object(folder / name), key: tokens}
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def json_object(path: Path) -> dict[str, Any]:
    """A JSON object, {} where the file is absent."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: must hold a JSON object, holds a {type(value).__name__}")
    return value


def limit_differences(record: ModelRecord, limits: TokenLimits, has_modules: bool) -> Iterator[Difference]:
    """Every limit of the files that is not the record's, too small or too large, wherever it stands.

    Where the record says that its files cut elsewhere (`limit_shipped: false`) only a limit that is too small or beyond
    the positions is a difference; where nobody knows (null), and for a reranker, one that is too large is a note.
    """
    if limits.positions is not None and record.nominal_tokens > limits.positions:
        yield Difference(
            "nominal_tokens",
            str(record.nominal_tokens),
            f"takes {limits.positions} by its config.json",
            "Longer inputs fail or reach positions that were never trained.",
        )
    if record.kind == "late-interaction":
        yield from _late_differences(record, limits)
        return
    if record.kind == "dense" and not has_modules:
        return  # the files are no sentence-transformers model, and state no limit of one
    cut, note = limits.sentence_transformers, record.limit_shipped is None or record.kind == "reranker"
    where = f"is set to cut at {cut}" if cut is not None and cut <= NO_LIMIT else "is set to cut nowhere"
    if cut is None:
        yield Difference(
            "max_tokens", str(record.max_tokens), "states no limit", "Other tools would read a text to its end.", True
        )
    elif cut < record.max_tokens:
        yield Difference(
            "max_tokens",
            str(record.max_tokens),
            where,
            f"patray would feed it longer inputs than its authors do ({limits.source}).",
        )
    elif limits.positions is not None and cut > limits.positions and not limits.rotary:
        yield Difference(
            "max_tokens",
            str(record.max_tokens),
            where,
            f"It has {limits.positions} positions: other tools fail on longer texts ({limits.source}).",
        )
    elif cut > record.max_tokens and record.limit_shipped is not False:
        yield Difference(
            "max_tokens",
            str(record.max_tokens),
            where,
            "Other tools read more of a long text than patray, and give it another vector or score "
            f"({limits.source}); if that is how it was published, set limit_shipped: false.",
            note,
        )
    if record.kind == "dense" and "vllm" in record.engines and record.limit_shipped is not False:
        yield from _vllm_differences(record, limits, note)


def _vllm_differences(record: ModelRecord, limits: TokenLimits, note: bool) -> Iterator[Difference]:
    """A limit that stands where vLLM does not look."""
    if limits.vllm != limits.sentence_transformers and limits.vllm != record.max_tokens:
        yield Difference(
            "max_tokens for vLLM",
            str(record.max_tokens),
            f"lets vLLM take {'any length' if limits.vllm is None else limits.vllm}",
            f"sentence-transformers cuts at {limits.sentence_transformers} ({limits.source}), vLLM looks elsewhere. "
            f"State max_seq_length in {limits.file}.",
            note,
        )


def _late_differences(record: ModelRecord, limits: TokenLimits) -> Iterator[Difference]:
    for what, own, cut in (
        ("query_tokens", record.query_tokens, limits.query),
        ("document_tokens", record.document_tokens, limits.document),
    ):
        if cut is not None and cut != own and (record.limit_shipped is not False or cut < (own or 0)):
            yield Difference(
                what,
                str(own),
                f"is set to {cut}",
                "Other tools give a long text other vectors than patray.",
                record.limit_shipped is None,
            )
