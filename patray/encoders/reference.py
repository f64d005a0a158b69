"""The reference that engines are compared with: a plain forward pass, then pooling and Dense heads by the record.

Nothing of sentence-transformers or vLLM is used. One text at a time, so that no padding can be wrong; float32 on the
CPU; pooling and heads in numpy's float64. What the snapshot's modules.json says is read for the heads' weights alone:
which pooling, how many heads and of what width comes from the record, and a head that does not fit it is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from patray.encoders.native import native_view
from patray.encoders.sentence_transformers import load_adapters
from patray.errors import ModelError
from patray.models.record import ModelRecord
from patray.models.stated import read_stated

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "torch.nn.modules.linear.Identity": lambda values: values,
    "torch.nn.modules.activation.Tanh": np.tanh,
    "torch.nn.modules.activation.ReLU": lambda values: np.maximum(values, 0.0),
}


class Reference:
    """A dense model run as plainly as can be. ModelError where the installed transformers cannot run it."""

    def __init__(self, record: ModelRecord, snapshot: Path, allow_remote_code: bool) -> None:
        import torch
        from transformers import AutoModel

        code = record.remote_code
        self._record, self._torch = record, torch
        try:
            with native_view(record, snapshot) as folder:
                loaded: Any = AutoModel.from_pretrained(
                    str(folder),
                    local_files_only=True,
                    trust_remote_code=code is not None and allow_remote_code,
                    use_safetensors=True,
                    dtype=torch.float32,
                    output_loading_info=True,
                    **record.code_pin(),
                )
        except ModelError:
            raise
        except Exception as error:  # remote code and the library raise what they like
            raise ModelError(f"model {record.name}: transformers cannot load {snapshot}: {error}") from error
        self._model, info = loaded[0].eval(), loaded[1]
        random = sorted(name for name in info["missing_keys"] if "pooler." not in name)  # BERT's pooler is not used
        if random:  # the library draws these at random and only logs it
            raise ModelError(
                f"model {record.name}: {snapshot} has no weights for {len(random)} parameters of the class that "
                f"transformers runs, such as {random[0]}: it is another architecture"
            )
        load_adapters(record, snapshot, self._model)
        if record.adapters:
            self._model.set_adapter(record.adapter_of("document"))
        self._heads = dense_heads(record, snapshot)

    def encode(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Token ids, one int array an input, to (n, dimension) float32, not normalised."""
        pooled = np.stack([pool(self._hidden(tokens), self._record.pooling) for tokens in inputs])
        for weight, bias, activation in self._heads:
            pooled = activation(pooled @ weight.T + bias)
        return pooled.astype(np.float32)

    def attention(self) -> str:
        """`causal` when the first token cannot see the last one, else `bidirectional`: observed, not read."""
        limit = min(8, self._record.max_tokens)
        tokens = np.arange(limit, dtype=np.int64) + 8
        other = tokens.copy()
        other[-1] += 1
        same = np.array_equal(self._hidden(tokens)[0], self._hidden(other)[0])
        return "causal" if same else "bidirectional"

    def require_attention(self) -> None:
        """ModelError when the installed transformers runs the model with another attention than its record says."""
        observed = self.attention()
        if self._record.attention not in ("unknown", observed):
            raise ModelError(
                f"model {self._record.name}: its record says that attention is {self._record.attention}, but the "
                f"installed transformers runs it {observed}: every vector would be wrong"
            )

    def _hidden(self, tokens: np.ndarray) -> np.ndarray:
        """(tokens, width) float64: the last hidden state of one text."""
        ids = self._torch.from_numpy(np.asarray(tokens, dtype=np.int64)[None])
        with self._torch.inference_mode():
            output = self._model(input_ids=ids, attention_mask=self._torch.ones_like(ids))
        return np.asarray(output[0][0].float().numpy(), dtype=np.float64)


def pool(hidden: np.ndarray, how: str) -> np.ndarray:
    """(tokens, width) to (width,): the mean over the tokens, the first or the last one."""
    if how == "mean":
        return hidden.mean(axis=0)
    if how in ("cls", "last"):
        return hidden[0 if how == "cls" else -1]
    raise ModelError(f"pooling {how!r} gives no single vector; allowed: mean, cls, last")


def dense_heads(
    record: ModelRecord, snapshot: Path
) -> list[tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]]:
    """(weight (out, in), bias (out,), activation) of each Dense head, float64, in order, as many as the record says."""
    from safetensors.numpy import load_file

    stated = read_stated(snapshot)
    modules = [module for module in stated.modules or () if module.kind == "Dense"]
    if len(modules) != len(record.dense_heads):
        raise ModelError(
            f"model {record.name}: its record has {len(record.dense_heads)} Dense heads, {snapshot} {len(modules)}"
        )
    heads = []
    for module, (into, out) in zip(modules, record.dense_heads, strict=True):
        where = snapshot / module.path
        name = str(module.config.get("activation_function", "torch.nn.modules.activation.Tanh"))
        if name not in ACTIVATIONS or module.config.get("use_residual"):
            raise ModelError(
                f"{where / 'config.json'}: activation {name} or a residual is not known here; "
                f"known activations: {', '.join(ACTIVATIONS)}"
            )
        tensors = load_file(where / "model.safetensors")
        weight = tensors["linear.weight"].astype(np.float64)
        if weight.shape[0] != out or (into is not None and weight.shape[1] != into):
            raise ModelError(
                f"{where}: the Dense head is {weight.shape[1]} to {weight.shape[0]}, the record says {into} to {out}"
            )
        heads.append((weight, tensors.get("linear.bias", np.zeros(out)).astype(np.float64), ACTIVATIONS[name]))
    return heads
