"""The model that is tuned: loaded from the base's snapshot, with adapters where asked, encoding token ids, and saved.

Weights that are tuned are held in float32 and the forward pass may run in bfloat16. With LoRA the frozen base keeps
the dtype of its record and the adapters are float32; they are merged into the weights when the model is saved.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from patray.encoders.batching import padded
from patray.encoders.cpu_linear import quicken
from patray.encoders.sentence_transformers import check_modules
from patray.errors import ModelError
from patray.models.limits import write_limit
from patray.models.record import ModelRecord
from patray.recipes.record import Lora, Recipe

if TYPE_CHECKING:
    import torch

LORA_FROM = 1_000_000_000
"""Bases with at least so many weights are tuned with adapters where the recipe does not say how."""
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt",
    "added_tokens.json", "tokenizer.model", "sentencepiece.bpe.model", "spiece.model", "chat_template.jinja",
)  # fmt: skip
VOCABULARIES = (
    "tokenizer.json",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
    "vocab.txt",
    "vocab.json",
)


def lora_of(recipe: Recipe, record: ModelRecord) -> Lora | None:
    """The recipe's adapters; for a base of a billion weights or more default ones; else None, full fine-tuning."""
    if recipe.lora is not None:
        return recipe.lora
    return Lora() if (record.size or 0) >= LORA_FROM else None


def require_tokenizer(record: ModelRecord, snapshot: Path) -> None:
    """ModelError when a snapshot has no tokenizer: transformers would make an empty one, for which words are alike."""
    if not any((snapshot / name).is_file() for name in VOCABULARIES):
        raise ModelError(
            f"model {record.name}: {snapshot} has no tokenizer (none of {', '.join(VOCABULARIES)}), so it cannot be "
            "tuned; use the base's complete snapshot"
        )


class TunedModel:
    """A sentence-transformers model in training.

    parameters: those that are tuned, by name. The model's dropout is active inside `encode` with a seed, never
    without one.
    """

    def __init__(self, record: ModelRecord, snapshot: Path, recipe: Recipe, device: str) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        lora = lora_of(recipe, record)
        keep = lora is not None and recipe.strategy == "ddp"  # FSDP wants one dtype in every piece
        dtype = getattr(torch, record.dtype) if keep else torch.float32
        try:
            self.model: Any = SentenceTransformer(
                str(snapshot),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": dtype, "use_safetensors": True},
            )
        except (OSError, ValueError) as error:
            raise ModelError(
                f"model {record.name}: {snapshot} cannot be loaded to be tuned: {' '.join(str(error).split())[:500]}"
            ) from error
        check_modules(record, self.model)
        self.record, self.recipe, self.device, self.snapshot = record, recipe, device, snapshot
        self._peft: Any = None
        if lora is not None:
            self._add_adapters(lora)
        if device == "cpu" and recipe.strategy == "ddp":
            quicken(self.model)
        if recipe.gradient_checkpointing:
            self._transformer.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        tokenizer = self.model.tokenizer
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
        self._left = record.padding_side == "left"
        self._autocast = torch.bfloat16 if recipe.precision == "bfloat16" else None

    @property
    def _transformer(self) -> Any:
        return self.model[0].auto_model

    def _add_adapters(self, lora: Lora) -> None:
        from peft import LoraConfig, get_peft_model

        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        targets: str | list[str] = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
        config = LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,  # type: ignore[arg-type]
            lora_dropout=lora.dropout,
            target_modules=targets,
            task_type="FEATURE_EXTRACTION",
        )
        try:
            # The adapters go into the model in place, so the model that is called stays of its own class.
            self._peft = get_peft_model(self._transformer, config)
        except ValueError as error:
            raise ModelError(
                f"model {self.record.name}: no adapter could be put into {lora.targets}: {error}"
            ) from error

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        return {name: value for name, value in self.model.named_parameters() if value.requires_grad}

    def encode(self, inputs: Sequence[np.ndarray], seed: int | None) -> torch.Tensor:
        """(n, d): vectors of token ids, not normalised where the model does not. seed: of dropout; None: no dropout."""
        import torch

        self.model.train(seed is not None)
        if seed is not None:
            torch.manual_seed(seed)
        cast = nullcontext() if self._autocast is None else torch.autocast(self.device.split(":")[0], self._autocast)
        features = {
            name: torch.from_numpy(values).to(self.device)
            for name, values in padded(inputs, self._pad, self._left).items()
        }
        with cast:
            vectors: torch.Tensor = self.model(features)["sentence_embedding"]
        return vectors

    def load(self, weights: dict[str, torch.Tensor]) -> None:
        """Put tuned weights in, all of those that `parameters` names."""
        import torch

        own = self.parameters()
        if own.keys() != weights.keys():
            raise ModelError(f"model {self.record.name}: the checkpoint's weights are not those of this recipe")
        with torch.no_grad():
            for name, value in weights.items():
                own[name].copy_(value)

    def save(self, folder: Path) -> None:
        """Write a folder that sentence-transformers and vLLM load: adapters merged, dtype of the record, safetensors.

        Limit and prompts are the record's, where each of them reads these: what is used is what was judged. The
        tokenizer's files are the base's own, byte for byte but for that limit. The model cannot be trained on after.
        """
        import torch

        if self._peft is not None:
            self._peft.merge_and_unload()
        self.model.to(getattr(torch, self.record.dtype))
        prompts = {role: self.record.prompts.of(role) for role in ("query", "document")}
        self.model.prompts = {**self.model.prompts, **prompts}
        self.model.save_pretrained(str(folder), create_model_card=False, safe_serialization=True)
        for name in TOKENIZER_FILES:
            if (self.snapshot / name).is_file():
                shutil.copyfile(self.snapshot / name, folder / name)
        write_limit(folder, self.record.max_tokens)
