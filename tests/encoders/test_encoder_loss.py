"""The loss of coarser vectors against a plain loop over texts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.encoders.loss import loss_of, measure_loss


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@given(st.integers(2, 30), st.floats(0, 1), st.integers(0, 99))
def test_it_is_what_a_loop_over_all_texts_finds(n: int, noise: float, seed: int) -> None:
    numbers = np.random.default_rng(seed)
    exact = unit(numbers.standard_normal((n, 8)))
    coarse = unit(exact + noise * numbers.standard_normal((n, 8)))
    ids = [f"P{at}" for at in range(n)]
    found = measure_loss(ids, exact, coarse)
    cosines, kept = [], []
    for at in range(n):
        cosines.append(float(exact[at].astype(np.float64) @ coarse[at].astype(np.float64)))
        near = []
        for side in (exact, coarse):
            others = [(-float(side[at].astype(np.float64) @ side[one].astype(np.float64)), one) for one in range(n)]
            near.append({one for _, one in sorted(pair for pair in others if pair[1] != at)[:10]})
        kept.append(len(near[0] & near[1]))
    assert found.lowest == pytest.approx(min(cosines), abs=1e-12)
    assert found.mean == pytest.approx(np.mean(cosines), abs=1e-12)
    assert cosines[int(found.worst[1:])] == pytest.approx(min(cosines), abs=1e-12)
    assert (found.compared, found.neighbours) == (n, min(10, n - 1))
    assert found.kept == pytest.approx(np.mean(kept))
    assert found.changed == sum(count < found.neighbours for count in kept)
    assert loss_of(found.facts) == found


def test_the_same_vectors_lose_nothing_and_one_text_has_no_neighbour() -> None:
    rows = unit(np.random.default_rng(1).standard_normal((12, 5)))
    found = measure_loss([str(at) for at in range(12)], rows, rows)
    assert (found.kept, found.changed) == (10, 0)
    assert found.lowest == pytest.approx(1)
    assert "10.0 of the 10 nearest texts kept, another one for 0 of 12 texts" in found.words
    with pytest.raises(ValueError, match="at least 2"):
        measure_loss(["one"], rows[:1], rows[:1])
