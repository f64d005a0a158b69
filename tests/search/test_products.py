"""Which library multiplies is measured, and whichever does, the results have the same bits."""

import time

import numpy as np
import pytest
import torch
from search_oracle import best, inner_products, same
from threadpoolctl import threadpool_info

from patray.search import dense, products


def vectors(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_product_is_documents_times_queries(dtype: str) -> None:
    documents, queries = (torch.from_numpy(vectors(n, 70, n)).to(getattr(torch, dtype)) for n in (130, 9))
    expected = (documents.double() @ queries.double().T).numpy()
    rounding = {"float32": 1e-5, "bfloat16": 2.0**-7}[dtype]
    known = products.products(dtype)
    assert {"float32": {"torch", "numpy"}, "bfloat16": {"torch"}}[dtype] <= set(known)
    for make in known.values():
        out = torch.full((200, 9), torch.nan, dtype=documents.dtype)
        make(queries)(documents, out[:130])
        np.testing.assert_allclose(out[:130].double().numpy(), expected, rtol=rounding, atol=rounding * 30)
        assert out[130:].isnan().all()


@pytest.mark.parametrize("name", ["torch", "numpy", "onednn"])
def test_a_search_finds_the_same_bits_by_every_product(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = products.products("float32")
    if name not in known:
        pytest.skip(f"this torch has no {name}")
    monkeypatch.setattr(dense, "choose", lambda documents, n_queries: known[name])
    corpus, queries = vectors(5000, 24, 1), vectors(40, 24, 2)
    found = dense.search_shard(queries, corpus, np.arange(5000), 10, coarse="float32")
    same(found, best(inner_products(queries, corpus), np.arange(5000), 10))


@pytest.mark.parametrize("slow", ["a", "b"])
def test_the_one_that_takes_least_time_of_its_thread_is_taken(slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(queries: torch.Tensor) -> products.Multiply:
        def multiply(documents: torch.Tensor, out: torch.Tensor) -> None:
            end = time.thread_time() + 0.01
            while time.thread_time() < end:
                pass

        return multiply

    def quick(queries: torch.Tensor) -> products.Multiply:
        return lambda documents, out: None

    monkeypatch.setattr(products, "products", lambda dtype: {each: busy if each == slow else quick for each in "ab"})
    products.fastest.cache_clear()
    try:
        assert products.fastest("float32", 3) == ({"a", "b"} - {slow}).pop()
    finally:
        products.fastest.cache_clear()


def test_a_large_search_measures_once_and_a_small_one_never(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fastest(dtype: str, width: int) -> str:
        asked.append((dtype, width))
        return "numpy"

    monkeypatch.setattr(products, "fastest", fastest)
    corpus = torch.zeros(1000, 64)
    assert products.choose(corpus, 100) is products.torch_product
    assert asked == []
    assert products.choose(corpus, 1_000_000) is products.numpy_product
    assert asked == [("float32", 64)]
    assert products.choose(corpus.to("meta"), 1_000_000) is products.torch_product


def test_threads_are_as_before_after_a_product() -> None:
    def blas() -> list[int]:
        return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

    before = torch.get_num_threads(), blas()
    with products.threads_of_products(1):
        assert torch.get_num_threads() == 1
        assert set(blas()) == {1}
    assert (torch.get_num_threads(), blas()) == before
