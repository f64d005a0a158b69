"""A language model that orders texts, by vLLM: prompts in, answers out.

The prompt is RankGPT's in short (Sun et al. 2023), through the tokenizer's chat template where it has one. Every text
of a prompt gets the same share of what the model reads; what is beyond is cut and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from patray.encoders.protocol import EncoderSettings
from patray.errors import ModelError
from patray.models.record import ModelRecord

SYSTEM = "You order patents by how relevant they are to a query patent."
ASK = (
    "Here are {n} patents, each behind its number in brackets. Order them by relevance to the query patent, the most "
    "relevant first.\n\nQuery patent: {query}\n\n{patents}\n\nAnswer with all {n} numbers in order and nothing else, "
    "such as [2] > [1]."
)
ANSWER_TOKENS = 6
"""Of one number in an answer: `[12] > `."""


class Lister(Protocol):
    """Answers prompts: the edge behind which the engine lies."""

    def answer(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[str]: ...


class ListPrompt:
    """Makes the token ids of a prompt from texts; tokens, cut: read so far, and texts that were cut."""

    def __init__(self, record: ModelRecord, snapshot: Path, window: int) -> None:
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(snapshot), local_files_only=True)
        self._limit = record.max_tokens - window * ANSWER_TOKENS
        room = self._limit - len(self._ids("", [""] * window))
        self._share = room // (window + 1)
        self.tokens = self.cut = 0
        if self._share < 1:
            raise ModelError(
                f"model {record.name}: {record.max_tokens} tokens hold no prompt of {window} patents; set a smaller "
                "`window`"
            )

    def __call__(self, query: str, patents: Sequence[str]) -> list[int]:
        """The ids of a prompt with these texts, each cut to its share."""
        ids = self._ids(self._shortened(query), [self._shortened(text) for text in patents])[: self._limit]
        self.tokens += len(ids)
        return ids

    def _shortened(self, text: str) -> str:
        offsets = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        if len(offsets) <= self._share:
            return text
        self.cut += 1
        return text[: offsets[self._share - 1][1]]

    def _ids(self, query: str, patents: Sequence[str]) -> list[int]:
        listed = "\n\n".join(f"[{at}] {text}" for at, text in enumerate(patents, 1))
        asked = ASK.replace("{n}", str(len(patents))).replace("{query}", query, 1).replace("{patents}", listed, 1)
        if self._tokenizer.chat_template is None:
            return list(self._tokenizer(f"{SYSTEM}\n\n{asked}\n\n")["input_ids"])
        turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": asked}]
        text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


class VllmLister:
    """A causal language model in vLLM, asked greedily, so that the same prompts get the same answers.

    Prefix caching is off: an answer would depend on what was asked before it, and a run that goes on asks other things.
    """

    def __init__(self, record: ModelRecord, snapshot: Path, settings: EncoderSettings) -> None:
        from patray.encoders.vllm import CPU_CACHE_BYTES, import_engine

        on_cpu = settings.device == "cpu"
        chosen: dict[str, Any] = {"enforce_eager": on_cpu, **record.engine_arguments}
        if on_cpu:
            chosen["kv_cache_memory_bytes"] = CPU_CACHE_BYTES
        elif settings.gpu_share < 1:
            chosen["gpu_memory_utilization"] = 0.9 * settings.gpu_share
        try:
            self._engine: Any = import_engine(settings)(
                **chosen, model=str(snapshot), load_format="safetensors", dtype=settings.dtype, seed=0,
                max_model_len=record.max_tokens, enable_prefix_caching=False, disable_log_stats=True,
                tensor_parallel_size=record.tensor_parallel,
                trust_remote_code=record.remote_code is not None and settings.allow_remote_code, use_tqdm_on_load=False,
            )  # fmt: skip
        except (ValueError, NotImplementedError) as error:
            raise ModelError(f"model {record.name}: vLLM cannot run {snapshot}: {error}") from error

    def answer(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[str]:
        """The text that follows each prompt, at most `tokens` tokens of it."""
        from vllm import SamplingParams

        asked = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        outputs = self._engine.generate(asked, SamplingParams(temperature=0, max_tokens=tokens), use_tqdm=False)
        return [str(output.outputs[0].text) for output in outputs]
