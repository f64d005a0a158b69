"""What a training needs, and what is said when it does not fit."""

from pathlib import Path

import pytest

from patray.errors import ResourceError
from patray.recipes.memory import RESERVE, free_memory, require_training_memory, training_memory
from patray.recipes.model import TunedModel
from tests.recipes.tiny_bases import save_bert, tiny_record
from tests.recipes.tiny_training import tiny_recipe

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("bert"))


def model(bert: Path, **changes: object) -> TunedModel:
    return TunedModel(tiny_record(), bert, tiny_recipe(**changes), "cpu")


def test_a_training_that_fits_is_let_go(bert: Path) -> None:
    require_training_memory(model(bert), 1, 2, free_memory("cpu"))


def test_a_chunk_too_large_names_the_largest_that_fits(bert: Path) -> None:
    large = model(bert, batch=4096, mini_batch=4096, max_tokens=64)
    need = training_memory(large, 1, 2)
    free = need.total - need.activations // 2
    with pytest.raises(ResourceError, match=r"activations of 4096 pairs .* `mini_batch: 2048` would fit"):
        require_training_memory(large, 1, 2, free)
    smaller = model(bert, batch=4096, mini_batch=2048, max_tokens=64)
    require_training_memory(smaller, 1, 2, free)


def test_where_no_chunk_fits_other_ways_are_named(bert: Path) -> None:
    with pytest.raises(ResourceError, match=r"no `mini_batch` fits: try `gradient_checkpointing: true`, `lora`"):
        require_training_memory(model(bert), 1, 2, RESERVE)


def test_memory_of_activations_follows_the_chunk_and_not_the_batch(bert: Path) -> None:
    small, large = (training_memory(model(bert, batch=batch), 1, 2) for batch in (8, 512))
    assert small.activations == large.activations
    assert training_memory(model(bert, mini_batch=8), 1, 2).activations == 2 * small.activations
    assert training_memory(model(bert, gradient_checkpointing=True), 1, 2).activations < small.activations
    assert training_memory(model(bert, lora={"rank": 1}), 1, 2).tuned < small.tuned
