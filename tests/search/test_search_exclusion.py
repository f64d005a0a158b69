import numpy as np
import pytest
from search_oracle import make_truth

from patray.errors import InputError
from patray.search.exclusion import Exclusions, exclusions


def as_mask(found: Exclusions, n_queries: int, n: int) -> np.ndarray:
    scores = np.zeros((n_queries, n))
    found.blank(scores, 1.0)
    return scores == 1


def test_only_the_shards_rows_of_the_asked_queries_are_excluded() -> None:
    truth = make_truth(4, 6, [[0, 5], [], [1, 2, 3], [2]])
    found = exclusions(truth, np.array([2, 0, 1]), np.array([5, 3, 1, 0]))
    assert list(zip(found.query.tolist(), found.row.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 0), (1, 3)]
    assert found.most() == 2
    assert found.before is None


def test_not_earlier_is_excluded_and_an_unknown_date_never_excludes() -> None:
    # -1 is unknown; other negative days lie before 1970.
    truth = make_truth(4, 5, query_date=[100, -1, -400, 50], patent_date=[99, 100, -1, -500, 101])
    expected = [
        [False, True, False, False, True],
        [False, False, False, False, False],
        [True, True, False, False, True],
        [True, True, False, False, True],
    ]
    found = exclusions(truth, np.arange(4), np.arange(5))
    assert as_mask(found, 4, 5).tolist() == expected
    query, row = np.arange(4)[:, None], np.tile(np.arange(5), (4, 1))
    assert found.contain(query, row).tolist() == expected


def test_blocks_and_selections_count_from_zero() -> None:
    random = np.random.default_rng(0)
    truth = make_truth(
        30,
        20,
        [random.permutation(20)[: random.integers(0, 8)].tolist() for _ in range(30)],
        query_date=random.integers(0, 50, 30).tolist(),
        patent_date=random.integers(0, 50, 20).tolist(),
    )
    found = exclusions(truth, np.arange(30), np.arange(20))
    whole = as_mask(found, 30, 20)
    assert whole.any()
    assert (as_mask(found.block(7, 19), 12, 20) == whole[7:19]).all()
    chosen = np.array([0, 3, 4, 17, 29])
    part = found.select(chosen)
    assert (as_mask(part, 5, 20) == whole[chosen]).all()
    assert (part.contain(np.arange(5)[:, None], np.tile(np.arange(20), (5, 1))) == whole[chosen]).all()


def test_no_exclusions_exclude_nothing() -> None:
    found = Exclusions.none()
    assert not as_mask(found, 3, 4).any()
    assert not found.contain(np.arange(3)[:, None], np.zeros((3, 4), np.int64)).any()
    assert found.most() == 0
    assert len(found.select(np.array([1])).query) == 0


def test_positions_outside_the_truth_are_refused() -> None:
    truth = make_truth(2, 3)
    with pytest.raises(InputError, match=r"queries: positions 0..2, the truth has 0..1"):
        exclusions(truth, np.arange(3), np.arange(3))
    with pytest.raises(InputError, match="patents: positions -1"):
        exclusions(truth, np.arange(2), np.array([-1, 0]))
