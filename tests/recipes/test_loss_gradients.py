"""The cached, gathered loss against sentence-transformers' losses on the joined batch; its parts against oracles."""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patray.encoders.tokens import InputTokenizer
from patray.recipes.loss import LossOptions, cached_backward, ranking_loss, share_of, sum_gradients
from patray.recipes.model import TunedModel
from patray.recipes.record import Recipe
from tests.recipes.tiny_bases import save_bert, texts, tiny_record

torch = pytest.importorskip("torch")
PAIRS, NEGATIVES = 13, 1
RECIPE = Recipe.model_validate({"name": "t", "sources": [{"kind": "citations"}], "batch": PAIRS, "mini_batch": 4})


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("bert"), dropout=0.0)


def joined() -> list[list[str]]:
    return [texts(PAIRS, 1), texts(PAIRS, 2), texts(PAIRS * NEGATIVES, 3)]


def gradients_of_ours(
    snapshot: Path, columns: list[list[str]], rank: int = 0, workers: int = 1, widths: tuple[int, ...] = ()
) -> tuple[float, dict[str, np.ndarray]]:
    torch.set_num_threads(1)
    record = tiny_record()
    model = TunedModel(record, snapshot, RECIPE, "cpu")
    inputs = [ids for column in columns for ids in InputTokenizer(record, snapshot)(column, "").ids]
    loss = cached_backward(
        lambda rows, seed: model.encode([inputs[row] for row in rows], seed),
        np.array([len(ids) for ids in inputs]),
        PAIRS,
        None,
        LossOptions(0.05, widths),
        RECIPE.mini_batch,
        7,
        rank,
        workers,
    )
    parameters = model.parameters()
    if workers > 1:
        sum_gradients(list(parameters.values()), bucket=100)
    return loss, {name: value.grad.numpy() for name, value in parameters.items() if value.grad is not None}


def gradients_of_theirs(
    snapshot: Path, columns: list[list[str]], cached: bool, widths: tuple[int, ...] = ()
) -> tuple[float, dict[str, np.ndarray]]:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import (
        CachedMultipleNegativesRankingLoss,
        MatryoshkaLoss,
        MultipleNegativesRankingLoss,
    )

    model = SentenceTransformer(str(snapshot), device="cpu")
    model.train()
    loss = (
        CachedMultipleNegativesRankingLoss(model, mini_batch_size=5) if cached else MultipleNegativesRankingLoss(model)
    )
    if widths:
        loss = MatryoshkaLoss(model, loss, [16, *widths])
    value = loss([model.preprocess(column) for column in columns], torch.zeros(PAIRS))
    value.backward()
    return float(value.detach()), {name: p.grad.numpy() for name, p in model.named_parameters() if p.grad is not None}


def agree(left: tuple[float, dict[str, np.ndarray]], right: tuple[float, dict[str, np.ndarray]]) -> None:
    assert left[0] == pytest.approx(right[0], abs=1e-5)
    assert left[1].keys() == right[1].keys()
    assert len(left[1]) > 30
    for name, gradient in left[1].items():
        np.testing.assert_allclose(gradient, right[1][name], atol=1e-5, rtol=0, err_msg=name)
    assert max(np.abs(gradient).max() for gradient in left[1].values()) > 1e-2


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("columns", [2, 3])
def test_loss_and_gradients_are_those_of_sentence_transformers(bert: Path, columns: int, cached: bool) -> None:
    batch = joined()[:columns]
    agree(gradients_of_ours(bert, batch), gradients_of_theirs(bert, batch, cached))


def test_matryoshka_is_the_sum_over_widths_of_sentence_transformers(bert: Path) -> None:
    batch = joined()[:2]
    agree(gradients_of_ours(bert, batch, widths=(8, 4)), gradients_of_theirs(bert, batch, False, widths=(8, 4)))


def one_worker(rank: int, workers: int, store: str, snapshot: Path, results: "multiprocessing.Queue") -> None:
    torch.distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=workers)
    results.put((rank, gradients_of_ours(snapshot, joined(), rank, workers)))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_gradients_summed_over_two_workers_are_those_of_the_joined_batch(bert: Path, tmp_path: Path) -> None:
    workers = 2
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    started = [
        context.Process(target=one_worker, args=(rank, workers, str(tmp_path / "store"), bert, results))
        for rank in range(workers)
    ]
    for process in started:
        process.start()
    found = dict(results.get(timeout=120) for _ in started)
    for process in started:
        process.join(timeout=60)
        assert process.exitcode == 0
    for cached in (False, True):
        agree(found[0], gradients_of_theirs(bert, joined(), cached))
    for rank in range(1, workers):
        assert found[rank][0] == found[0][0]
        for name, gradient in found[0][1].items():
            np.testing.assert_array_equal(gradient, found[rank][1][name])


def test_dropout_is_the_same_in_both_passes(tmp_path: Path) -> None:
    """With dropout the cached gradient is that of one plain pass over vectors drawn with the same seeds."""
    record, snapshot = tiny_record(), save_bert(tmp_path, dropout=0.3)
    model = TunedModel(record, snapshot, RECIPE, "cpu")
    inputs = [ids for column in joined()[:2] for ids in InputTokenizer(record, snapshot)(column, "").ids]
    lengths = np.array([len(ids) for ids in inputs])
    seeds: dict[tuple[int, ...], int] = {}

    def encode(rows: list[int], seed: int):  # type: ignore[no-untyped-def]
        seeds[tuple(rows)] = seed
        return model.encode([inputs[row] for row in rows], seed)

    loss = cached_backward(encode, lengths, PAIRS, None, LossOptions(0.05), 4, 11)
    ours = {name: value.grad.clone() for name, value in model.parameters().items() if value.grad is not None}
    model.model.zero_grad()
    order = [row for rows in seeds for row in rows]
    stacked = torch.cat([model.encode([inputs[row] for row in rows], seed) for rows, seed in seeds.items()])
    vectors = stacked[torch.tensor(np.argsort(order))]
    plain = ranking_loss(vectors[:PAIRS], vectors[PAIRS:], None, LossOptions(0.05))
    plain.backward()
    assert loss == pytest.approx(float(plain), abs=1e-6)
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, model.parameters()[name].grad, atol=1e-5, rtol=0)
    undisturbed = cached_backward(
        lambda rows, _: model.encode([inputs[row] for row in rows], None),
        lengths,
        PAIRS,
        None,
        LossOptions(0.05),
        4,
        11,
    )
    assert abs(undisturbed - loss) > 1e-3


def test_a_hidden_candidate_counts_as_if_it_were_not_there() -> None:
    rng = np.random.default_rng(5)
    anchors, candidates = (torch.tensor(rng.normal(size=(n, 6)), dtype=torch.float32) for n in (4, 7))
    hidden = torch.zeros(4, 7, dtype=torch.bool)
    hidden[0, 2] = hidden[3, 5] = True
    expected = 0.0
    for row in range(4):
        kept = [column for column in range(7) if not hidden[row, column]]
        cosine = torch.nn.functional.cosine_similarity(anchors[row : row + 1], candidates[kept]) / 0.1
        expected += float(torch.logsumexp(cosine, 0) - cosine[kept.index(row)]) / 4
    assert float(ranking_loss(anchors, candidates, hidden, LossOptions(0.1))) == pytest.approx(expected, abs=1e-5)


def test_a_loss_that_is_not_finite_leaves_no_gradient() -> None:
    weight = torch.nn.Parameter(torch.tensor([[float("nan"), 1.0]]))
    loss = cached_backward(
        lambda rows, _: torch.ones(len(rows), 1) @ weight, np.ones(4, int), 2, None, LossOptions(0.05), 2, 0
    )
    assert np.isnan(loss)
    assert weight.grad is None


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 5))
def test_shares_hold_every_text_once_in_equally_many_small_chunks(lengths: list[int], mini: int, workers: int) -> None:
    workers = min(workers, len(lengths))
    shares = [share_of(np.array(lengths), mini, rank, workers) for rank in range(workers)]
    assert sorted(row for share in shares for row in share.rows) == list(range(len(lengths)))
    assert len({len(share.chunks) for share in shares}) == 1
    for share in shares:
        covered = [row for cut in share.chunks for row in share.rows[cut]]
        assert covered == share.rows.tolist()
        sizes = [len(share.rows[cut]) for cut in share.chunks]
        assert min(sizes) >= 1
        assert max(sizes) <= (mini if mini > 1 else 2)
