"""The training loss: multiple negatives ranking over the batch of all workers, with a gradient cache.

Each anchor must find its own positive among all positives (and hard negatives) of the batch. The loss needs every
vector of the batch, its gradient every activation: far more than memory holds. A gradient cache (Gao et al., "Scaling
deep contrastive learning batch size under memory limited setup", arXiv 2101.06983) computes it in pieces: encode all
chunks without a graph, take the loss and its gradient for the vectors, then encode chunk by chunk again with a graph
and push the kept gradient of its vectors back. Memory is that of one chunk; the result is that of the whole batch.

With several workers each encodes its share of the texts and every worker computes the loss of the whole batch from the
gathered vectors. That repeats a product of small matrices, but needs one exchange of vectors and none of gradients,
and all workers hold the same loss. The gradients of the weights are then summed over the workers, not averaged.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import torch

    Encode = Callable[[Sequence[int], int], torch.Tensor]


SHARE_OF_POSITIVE = 0.95
"""Of the positive's score: a negative that scores higher is left out by `positive_aware_loss`."""


class Loss(Protocol):
    """Gives one number to make small, from the vectors of a whole batch.

    anchors (B, d), candidates (C, d) float32 tensors of any length, the positive of anchor i being candidate i; hidden
    (B, C) bool or None: candidates that are no negative of that anchor. Returns a scalar with a gradient.
    """

    def __call__(
        self, anchors: torch.Tensor, candidates: torch.Tensor, hidden: torch.Tensor | None, options: LossOptions
    ) -> torch.Tensor: ...


@dataclass(frozen=True)
class LossOptions:
    """temperature: cosine similarities are divided by it. widths: further widths (Matryoshka), each one adds the loss
    of the vectors cut to it and normalised again."""

    temperature: float
    widths: tuple[int, ...] = ()


def ranking_loss(
    anchors: torch.Tensor, candidates: torch.Tensor, hidden: torch.Tensor | None, options: LossOptions
) -> torch.Tensor:
    """Mean cross-entropy of each anchor's own positive among all candidates, summed over widths: a scalar.

    anchors (B, d) and candidates (C, d), C >= B, float32, of any length (they are normalised here). The positive of
    anchor i is candidate i; the rest are hard negatives. hidden (B, C) bool: candidates that are no negative of that
    anchor, put to minus infinity; the diagonal must be False.
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize

    target = torch.arange(len(anchors), device=anchors.device)
    total = anchors.new_zeros(())
    for width in (anchors.shape[1], *options.widths):
        left, right = normalize(anchors[:, :width], dim=1), normalize(candidates[:, :width], dim=1)
        scores = left @ right.T / options.temperature
        if hidden is not None:
            scores = scores.masked_fill(hidden, -torch.inf)
        total = total + cross_entropy(scores, target)
    return total


def positive_aware_loss(
    anchors: torch.Tensor, candidates: torch.Tensor, hidden: torch.Tensor | None, options: LossOptions
) -> torch.Tensor:
    """As `ranking_loss`, without the candidates that score above 0.95 of the anchor's own positive: a scalar.

    Such candidates are often relevant themselves. The share of the positive's score is that of NV-Retriever (arXiv
    2407.15831, TopK-PercPos at 95%), here for every negative of the batch and by the model as it is at this step.
    """
    import torch
    from torch.nn.functional import normalize

    with torch.no_grad():
        scores = normalize(anchors, dim=1) @ normalize(candidates, dim=1).T
        positive = scores[:, : len(anchors)].diagonal().unsqueeze(1)
        near = scores > positive - (1 - SHARE_OF_POSITIVE) * positive.abs()
        near.fill_diagonal_(False)
    return ranking_loss(anchors, candidates, near if hidden is None else near | hidden, options)


@dataclass(frozen=True)
class Share:
    """What one worker encodes of a batch. rows: its positions among all texts of the batch, in the order of its
    chunks; chunks: slices of `rows`."""

    rows: np.ndarray
    chunks: tuple[slice, ...]


def share_of(lengths: np.ndarray, chunk: int, rank: int, workers: int) -> Share:
    """The share of worker `rank` of texts with `lengths` (T,) in tokens, in chunks of at most `chunk` texts.

    Texts are dealt out in order of length, so that chunks hold little padding and all workers have the same work and,
    as FSDP demands, the same number of chunks (so a chunk of 1 may become 2). T must be at least `workers`.
    """
    order = np.argsort(-np.asarray(lengths), kind="stable")
    most = -(-len(order) // workers)
    parts = min(-(-most // chunk), len(order) // workers)
    rows = order[rank::workers]
    bounds = np.linspace(0, len(rows), max(parts, 1) + 1).round().astype(int)
    return Share(rows, tuple(slice(a, b) for a, b in itertools.pairwise(bounds.tolist())))


def gather(vectors: torch.Tensor, shares: Sequence[np.ndarray], total: int) -> torch.Tensor:
    """(total, d): the vectors of all workers, each row in its place. vectors: this worker's, in the order of its rows.

    shares: the rows of every worker, by rank. Without a process group there is one worker.
    """
    import torch
    from torch import distributed

    whole = vectors.new_empty((total, vectors.shape[1]))
    if len(shares) == 1:
        whole[torch.as_tensor(shares[0], device=vectors.device)] = vectors
        return whole
    longest = max(len(rows) for rows in shares)
    padded = vectors.new_zeros((longest, vectors.shape[1]))
    padded[: len(vectors)] = vectors
    parts = [torch.empty_like(padded) for _ in shares]
    distributed.all_gather(parts, padded)
    for rows, part in zip(shares, parts, strict=True):
        whole[torch.as_tensor(rows, device=vectors.device)] = part[: len(rows)]
    return whole


def cached_backward(
    encode: Encode,
    lengths: np.ndarray,
    pairs: int,
    hidden: torch.Tensor | None,
    options: LossOptions,
    mini_batch: int,
    seed: int,
    rank: int = 0,
    workers: int = 1,
    loss_of: Loss = ranking_loss,
) -> float:
    """Loss of a batch over all workers; adds this worker's part of its gradient to the parameters behind `encode`.

    encode(rows, seed) -> (n, d): vectors of texts `rows`; it must draw the same random numbers (dropout) for the same
    seed. lengths (T,): tokens of the batch's texts: `pairs` anchors, then `pairs` positives, then hard negatives.
    hidden: as in `ranking_loss`. mini_batch: pairs whose texts are encoded at once; where that is a worker's whole
    share there is one pass, as without a cache. The sum of all workers' gradients is the gradient of the loss. A loss
    that is not finite is returned without any gradient: all workers see the same one.
    """
    import torch

    total = len(lengths)
    shares = [share_of(lengths, mini_batch * total // pairs, at, workers) for at in range(workers)]
    mine = shares[rank]
    seeds = [(seed * workers + rank) * len(mine.chunks) + at for at in range(len(mine.chunks))]
    whole = len(mine.chunks) == 1  # nothing to gain from a second pass: its graph is kept
    parts = []
    with torch.set_grad_enabled(whole):
        for cut, each in zip(mine.chunks, seeds, strict=True):
            parts.append(encode(mine.rows[cut].tolist(), each).float())
    vectors = gather(torch.cat(parts).detach(), [share.rows for share in shares], total).requires_grad_()
    loss = loss_of(vectors[:pairs], vectors[pairs:], hidden, options)
    value = float(loss.detach())
    if not np.isfinite(value):
        return value
    (gradient,) = torch.autograd.grad(loss, vectors)
    gradient = gradient[torch.as_tensor(mine.rows, device=gradient.device)]
    for cut, each in zip(mine.chunks, seeds, strict=True):
        again = parts[0] if whole else encode(mine.rows[cut].tolist(), each).float()
        torch.autograd.backward(again, gradient[cut])
    return value


def sum_gradients(parameters: Sequence[torch.nn.Parameter], bucket: int = 1 << 24) -> None:
    """Replace each gradient by its sum over the workers, in messages of about `bucket` numbers.

    Parameters without a gradient have none on any worker and are left alone.
    """
    import torch
    from torch import distributed

    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    start = 0
    while start < len(gradients):
        stop, size = start, 0
        while stop < len(gradients) and (size == 0 or size + gradients[stop].numel() <= bucket):
            size += gradients[stop].numel()
            stop += 1
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients[start:stop]])
        distributed.all_reduce(flat)
        at = 0
        for gradient in gradients[start:stop]:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
        start = stop
