"""The estimate of a model's GPU memory: of the right size, growing with what it depends on, and said in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tiny_snapshots import PLAIN, record

from patray.errors import ModelError, ResourceError
from patray.models.memory import WORKSPACE, gib, gpu_bytes, hidden_width, require_gpu_memory
from patray.models.registry import find_record, registry

TRUE_WIDTHS = {  # from the models' published configurations
    "minilm": 384, "bge-m3": 1024, "bge-reranker-v2-m3": 1024, "jina-colbert-v2": 1024, "jina-reranker-v2": 768,
    "qwen3-embedding-0.6b": 1024, "qwen3-embedding-4b": 2560, "qwen3-embedding-8b": 4096, "stella-1.5b": 1536,
    "qwen3-reranker-0.6b": 1024, "embeddinggemma-300m": 768, "colbertv2": 768, "patembed-base": 1024,
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE_WIDTHS)
def test_the_hidden_width_is_the_true_one_or_an_upper_bound_within_twice(name: str) -> None:
    width = hidden_width(find_record(name))
    assert TRUE_WIDTHS[name] <= width <= 2 * TRUE_WIDTHS[name]


def test_the_weights_are_size_times_bytes() -> None:
    assert gpu_bytes(find_record("qwen3-embedding-8b"), 1024).weights == 2 * 7_567_295_488
    assert gpu_bytes(find_record("minilm"), 1024).weights == 4 * 22_713_216


def test_every_model_of_the_registry_has_an_estimate_that_adds_up() -> None:
    for model in registry().values():
        need = gpu_bytes(model, 8192)
        assert need.total == need.weights + need.activations + WORKSPACE
        assert need.weights > 0


@given(tokens=some.integers(1, 1 << 20), more=some.integers(1, 1 << 20), name=some.sampled_from(sorted(registry())))
def test_more_tokens_never_need_less(tokens: int, more: int, name: str) -> None:
    model = registry()[name]
    assert gpu_bytes(model, tokens + more).activations > gpu_bytes(model, tokens).activations


def test_several_gpus_share_the_weights() -> None:
    one = find_record("qwen3-embedding-8b")
    assert gpu_bytes(one.model_copy(update={"tensor_parallel": 2}), 64).weights * 2 == gpu_bytes(one, 64).weights


def test_a_gpu_that_is_too_small_is_said_with_what_to_do() -> None:
    model = find_record("qwen3-embedding-8b")
    require_gpu_memory(model, 16384, 80 << 30, "GPU 0")
    with pytest.raises(ResourceError, match=r"needs about 17\.8 GiB .* GPU 0 \(card\) has 12\.0 GiB free: use a GPU"):
        require_gpu_memory(model, 16384, 12 << 30, "GPU 0 (card)")
    with pytest.raises(ResourceError, match="`dtype: bfloat16`"):
        require_gpu_memory(find_record("stella-1.5b"), 16384, 4 << 30, "GPU 0")


def test_a_smaller_batch_is_proposed_where_that_is_enough_and_is_enough() -> None:
    model = find_record("qwen3-embedding-8b")
    free = 18 << 30
    with pytest.raises(ResourceError, match="tokens_per_batch") as caught:
        require_gpu_memory(model, 131_072, free, "GPU 0")
    proposed = int(str(caught.value).rpartition("to ")[2].removesuffix(" or less").replace(",", ""))
    require_gpu_memory(model, proposed, free, "GPU 0")
    assert gpu_bytes(model, proposed + 1).total > free


def test_a_record_without_a_size_is_told_to_state_one() -> None:
    with pytest.raises(ModelError, match="`parameters` or `rounded_parameters`"):
        gpu_bytes(record(**PLAIN), 64)


def test_bytes_read_as_gibibytes() -> None:
    assert gib(3 << 29) == "1.5 GiB"
