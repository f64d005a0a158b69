"""The training that every worker runs. Knows nothing of Ray: a `Session` says who this worker is and keeps checkpoints.

A plain loop rather than a trainer class: the loss needs the batch of all workers, the order of batches must not depend
on their number, and a step is a dozen lines once loss, batches and schedule are functions.
"""

from __future__ import annotations

import itertools
import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow.compute as pc

from patray.encoders.tokens import InputTokenizer
from patray.errors import InputError, ModelError, TrainingError
from patray.models.record import ModelRecord
from patray.recipes.batches import batches, text_codes, training_steps
from patray.recipes.false_negatives import mask
from patray.recipes.kinds import LOSSES
from patray.recipes.loss import LossOptions, cached_backward, gather, share_of
from patray.recipes.memory import free_memory, require_training_memory
from patray.recipes.model import TunedModel, require_tokenizer
from patray.recipes.pairs import PairSet
from patray.recipes.parallel import Parallel, parallel
from patray.recipes.record import Recipe
from patray.recipes.schedule import rate_share
from patray.recipes.state import State, best_weights, load_optimizer, load_state, load_weights, save_state
from patray.recipes.validation import Validation

if TYPE_CHECKING:
    import torch

VALIDATIONS = 10
"""Validations of a training whose recipe does not say how often."""
BETAS, EPSILON = (0.9, 0.999), 1e-8


class Session(Protocol):
    """One worker's view of the run. All workers call `report` together."""

    rank: int
    workers: int
    device: str

    def resume(self) -> Path | None:
        """A local copy of the last checkpoint, None at the start."""
        ...

    def report(self, metrics: dict[str, Any], checkpoint: Path | None) -> None:
        """Keep a checkpoint (worker 0 gives it)."""
        ...

    def progress(self, step: int, steps: int, loss: float, pairs_per_s: float) -> None:
        """Say how far it is, and that it is alive."""
        ...


@dataclass(frozen=True)
class Work:
    """What is trained: the base and a local folder with its files, the recipe, its pairs, what it is watched by.

    checkpoint_every: steps between checkpoints, beside those at each validation; None for no more.
    """

    record: ModelRecord
    snapshot: Path
    recipe: Recipe
    pairs: PairSet
    validation: Validation | None
    checkpoint_every: int | None = None


@dataclass(frozen=True)
class Trained:
    """The result on worker 0: the state at the end, and the file of the weights that are kept."""

    state: State
    weights: Path


@dataclass(frozen=True)
class _Batch:
    """Token ids of anchors, positives, hard negatives (T texts); hidden (B, C) bool, see `loss.ranking_loss`."""

    source: str
    pairs: int
    inputs: list[np.ndarray]
    hidden: np.ndarray


def total_steps(recipe: Recipe, pairs: int) -> int:
    return training_steps(pairs, recipe.batch, recipe.epochs, recipe.steps)


def check_work(work: Work, workers: int) -> None:
    """InputError for what cannot work, before a model is loaded."""
    recipe, record = work.recipe, work.record
    tokens = recipe.max_tokens or record.max_tokens
    if tokens > record.nominal_tokens:
        raise InputError(
            f"recipe {recipe.name}: max_tokens {tokens} is above the {record.nominal_tokens} that {record.name} takes"
        )
    wide = [width for width in recipe.matryoshka if width >= record.dimension]
    if wide:
        raise InputError(
            f"recipe {recipe.name}: matryoshka width {wide[0]} is not below the dimension {record.dimension} of "
            f"{record.name}"
        )
    if recipe.batch < workers:
        raise InputError(f"recipe {recipe.name}: a batch of {recipe.batch} pairs cannot be shared by {workers} workers")
    if record.remote_code is not None or record.adapters:
        raise ModelError(
            f"model {record.name} cannot be tuned: it needs Python code of its own, or has an adapter for each role"
        )


def train(work: Work, session: Session, scratch: Path) -> Trained | None:
    """Train to the end, from the last checkpoint where there is one. `Trained` on worker 0, None on the others.

    scratch: an empty local folder of this worker. Raises TrainingError when the loss or its gradient is not finite;
    the last checkpoint then stays as it was; InputError for pairs without the hard negatives that the recipe asks for.
    """
    import torch

    check_work(work, session.workers)
    _require_negatives(work)
    require_tokenizer(work.record, work.snapshot)
    recipe = work.recipe
    torch.manual_seed(recipe.seed)  # adapters start from random numbers, the same on every worker
    model = TunedModel(work.record, work.snapshot, recipe, session.device)
    negatives = recipe.hard_negatives.per_anchor if recipe.hard_negatives is not None else 0
    require_training_memory(model, session.workers, 2 + negatives, free_memory(session.device))
    copies = parallel(model, recipe.strategy, session.rank, session.workers)
    optimizer = torch.optim.AdamW(_groups(model, recipe), lr=recipe.learning_rate, betas=BETAS, eps=EPSILON)
    best = scratch / "best.safetensors"
    state = State()
    found = session.resume()
    if found is not None:
        state = load_state(found)
        copies.restore(load_weights(found / "weights.safetensors"), load_optimizer(found), optimizer)
        if state.best_step is not None:
            best.write_bytes(best_weights(found).read_bytes())
    state.starts += 1
    state.workers = session.workers
    _Training(work, session, scratch, model, copies, optimizer, state, best).go()
    if state.best_step is None:
        copies.save_weights(best)
    return Trained(state, best) if session.rank == 0 else None


def _require_negatives(work: Work) -> None:
    """Not in `check_work`, which looks before anything is mined."""
    mined = pc.sum(pc.list_value_length(work.pairs.table["negatives"])).as_py()
    if work.recipe.hard_negatives is not None and not mined:
        raise InputError(f"recipe {work.recipe.name}: its hard_negatives are not mined: the pairs have none")


def _groups(model: TunedModel, recipe: Recipe) -> list[dict[str, Any]]:
    """AdamW's groups: vectors (biases, norms) do not decay."""
    parameters = model.parameters().values()
    return [
        {"params": [value for value in parameters if value.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [value for value in parameters if value.ndim < 2], "weight_decay": 0.0},
    ]


@dataclass
class _Training:
    """What the steps of one worker share."""

    work: Work
    session: Session
    scratch: Path
    model: TunedModel
    copies: Parallel
    optimizer: torch.optim.Optimizer
    state: State
    best: Path

    def go(self) -> None:
        recipe, state = self.work.recipe, self.state
        steps = total_steps(recipe, self.work.pairs.table.num_rows)
        every = recipe.validate_every or math.ceil(steps / VALIDATIONS)
        if state.step == 0 and not state.log and self.work.validation is not None:
            state.log.append({"step": 0, "validation": self._validate()})
        if state.step >= steps or state.done:
            return
        with _prefetched(self._batches(state.step)) as ready:
            while True:
                begin = time.perf_counter()
                self._step(next(ready), steps, begin)
                last = state.step == steps
                validated = self.work.validation is not None and (last or state.step % every == 0)
                if validated:
                    self._judge()
                state.done = last or (recipe.patience is not None and state.worse >= recipe.patience)
                also = self.work.checkpoint_every or every
                if validated or state.done or state.step % also == 0:
                    self._checkpoint()
                if state.done:
                    return

    def _step(self, batch: _Batch, steps: int, begin: float) -> None:
        import torch

        recipe, state, session = self.work.recipe, self.state, self.session
        rate = recipe.learning_rate * rate_share(state.step, steps, recipe.warmup_share, recipe.schedule)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        hidden = torch.from_numpy(batch.hidden).to(session.device) if batch.hidden.any() else None
        loss = cached_backward(
            lambda rows, seed: self.model.encode([batch.inputs[row] for row in rows], seed),
            np.array([len(tokens) for tokens in batch.inputs]),
            batch.pairs,
            hidden,
            LossOptions(recipe.temperature, recipe.matryoshka),
            recipe.mini_batch,
            recipe.seed * 1_000_003 + state.step,
            session.rank,
            session.workers,
            LOSSES[recipe.loss],
        )
        norm = self.copies.reduce_and_clip(recipe.max_grad_norm) if math.isfinite(loss) else math.nan
        if not math.isfinite(norm):
            state.step += 1
            what = "loss" if not math.isfinite(loss) else "gradient"
            raise self._spoilt(f"{what}s", f" (batch of source {batch.source}, learning rate {rate:.3g})")
        self.optimizer.step()
        state.step += 1
        seconds = time.perf_counter() - begin
        speed = batch.pairs / seconds
        row = {"step": state.step, "source": batch.source, "loss": loss, "learning_rate": rate, "gradient_norm": norm}
        state.log.append({**row, "seconds": seconds, "pairs_per_s": speed})
        session.progress(state.step, steps, loss, speed)

    def _judge(self) -> None:
        value = self._validate()
        self.state.log[-1]["validation"] = value
        if self.state.judge(value, self.work.recipe.select_by == "loss"):
            self.copies.save_weights(self.best)

    def _validate(self) -> float:
        """The value of the current weights, the same on every worker."""
        validation = self.work.validation
        if validation is None:
            raise AssertionError("no validation")
        prompts = self.work.record.prompts
        queries = self._vectors(validation.queries, prompts.of("query"))
        documents = self._vectors(validation.documents, prompts.of("document"))
        if not (np.isfinite(queries).all() and np.isfinite(documents).all()):
            raise self._spoilt("vectors", "")
        return float(validation.score(queries, documents))

    def _spoilt(self, what: str, where: str) -> TrainingError:
        return TrainingError(
            f"the {what} of step {self.state.step} are not finite{where}. Lower `learning_rate`, raise `temperature`, "
            "or use `precision: float32`"
        )

    def _vectors(self, texts: Sequence[str], prompt: str) -> np.ndarray:
        """(n, d) float32 unit vectors of texts, encoded by all workers together."""
        import torch

        inputs = self._tokenizer()(list(texts), prompt).ids
        lengths = np.array([len(tokens) for tokens in inputs])
        workers = self.session.workers
        shares = [share_of(lengths, 2 * self.work.recipe.mini_batch, rank, workers) for rank in range(workers)]
        mine = shares[self.session.rank]
        with torch.no_grad():
            parts = [self.model.encode([inputs[row] for row in mine.rows[cut]], None).float() for cut in mine.chunks]
            whole = gather(torch.cat(parts), [share.rows for share in shares], len(inputs))
            return torch.nn.functional.normalize(whole, dim=1).cpu().numpy()

    def _tokenizer(self) -> InputTokenizer:
        record, recipe = self.work.record, self.work.recipe
        return InputTokenizer(
            record.model_copy(update={"max_tokens": recipe.max_tokens or record.max_tokens}), self.work.snapshot
        )

    def _checkpoint(self) -> None:
        state = self.state
        weights, optimizer = self.copies.weights(), self.copies.optimizer_state(self.optimizer)
        if not all(bool(value.isfinite().all()) for value in weights.values()):
            raise self._spoilt("weights", "")
        metrics = {"step": state.step, "best_step": state.best_step, "best_value": state.best_value}
        if self.session.rank != 0:
            self.session.report(metrics, None)
            return
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            save_state(Path(folder), state, weights, optimizer, self.best)
            self.session.report(metrics, Path(folder))

    def _batches(self, done: int) -> Iterator[_Batch]:
        """The batches after the first `done` ones, tokenised, without end."""
        recipe, pairs, prompts = self.work.recipe, self.work.pairs, self.work.record.prompts
        table, tokenizer = pairs.table, self._tokenizer()
        names = list(pairs.weights)
        source = np.array([names.index(name) for name in table["source"].to_pylist()])
        weights = list(pairs.weights.values())
        stream = batches(source, *text_codes(table), names, weights, recipe.batch, recipe.seed)
        for rows in itertools.islice(stream, done, None):
            cut = table.take(rows)
            negatives = list(itertools.chain(*cut["negatives"].to_pylist()))
            inputs = tokenizer(cut["anchor"].to_pylist(), prompts.of("query")).ids
            inputs += tokenizer(cut["positive"].to_pylist() + negatives, prompts.of("document")).ids
            hidden = mask(cut, pairs.relations, recipe.mask)
            yield _Batch(names[source[rows[0]]], len(rows), inputs, hidden)


class _prefetched:
    """A `with` block whose iterator makes its next item in a thread while the current one is used."""

    def __init__(self, items: Iterator[_Batch]) -> None:
        self._items, self._pool = items, ThreadPoolExecutor(1)

    def __enter__(self) -> Iterator[_Batch]:
        return self._ahead()

    def _ahead(self) -> Iterator[_Batch]:
        coming = self._pool.submit(next, self._items)
        while True:
            item = coming.result()
            coming = self._pool.submit(next, self._items)
            yield item

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
