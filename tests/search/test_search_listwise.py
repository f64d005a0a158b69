"""Listwise reranking: windows, answers that are no permutation, prompts, and rankings by an engine that is faked."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patray.cluster.listwise import order_by
from patray.encoders.listwise import ANSWER_TOKENS, ListPrompt
from patray.errors import InputError, ModelError
from patray.files import Folder
from patray.models.record import ModelRecord
from patray.models.registry import find_record
from patray.models.resolve import require_runnable
from patray.search.listwise import read_order, reorder, windows
from patray.search.ranking import Ranking
from patray.steps.answers import Remembered
from patray.systems.kinds import read_system
from patray.systems.listwise import Listwise
from patray.systems.resolve import resolve_systems
from tests.models.tiny_late import save_tokenizer
from tests.models.tiny_snapshots import record as tiny_record


def lister_record(**changes: object) -> ModelRecord:
    fields = {"kind": "listwise", "engines": ["vllm"], "dense_heads": [], "dimension": 1, "pooling": "none"}
    return tiny_record(**{**fields, "normalised": False, "max_tokens": 400, "nominal_tokens": 400, **changes})


@given(st.integers(1, 200), st.integers(2, 30), st.integers(1, 30))
def test_windows_reach_every_result_and_overlap_as_asked(depth: int, window: int, step: int) -> None:
    step = min(step, window)
    found = windows(depth, window, step)
    assert (found[0][1], found[-1][0]) == (depth, 0)
    assert {at for start, stop in found for at in range(start, min(stop, depth))} == set(range(depth))
    for (start, stop), (before, _) in zip(found[1:], found, strict=False):
        assert stop - start == window
        assert before - start == step or start == 0
        assert stop >= before  # none falls between
    assert all(stop <= depth for _, stop in found)


@given(st.integers(1, 30), st.lists(st.integers(0, 40), max_size=40))
def test_an_answer_becomes_a_permutation_and_its_faults_are_counted(size: int, numbers: list[int]) -> None:
    answer = read_order(" > ".join(f"[{number}]" for number in numbers), size)
    assert sorted(answer.order) == list(range(size))
    known = [number - 1 for number in numbers if 1 <= number <= size]
    first = list(dict.fromkeys(known))
    assert list(answer.order[: len(first)]) == first
    assert list(answer.order[len(first) :]) == sorted(set(range(size)) - set(first))
    assert answer.unknown == len(numbers) - len(known)
    assert answer.repeated == len(known) - len(first)
    assert answer.missing == size - len(first)


def test_answers_are_read_in_what_models_write() -> None:
    assert read_order("[3] > [1] > [2]", 3).order == (2, 0, 1)
    assert read_order("Sure! 2, 1", 3).order == (1, 0, 2)
    assert read_order("", 3).order == (0, 1, 2)


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(2, 10))
def test_a_perfect_model_brings_the_best_to_the_top(seed: int, depth: int, window: int) -> None:
    rng = np.random.default_rng(seed)
    lists = [rng.permutation(60)[: rng.integers(0, 45)].tolist() for _ in range(3)]
    step, calls = max(1, window // 2), 0

    def ask(asked: list[tuple[int, list[int]]]) -> list[str]:
        nonlocal calls
        calls += len(asked)
        return [" > ".join(f"[{at + 1}]" for at in np.argsort(entries)) for _, entries in asked]

    found, counted = reorder(lists, depth, window, step, ask)
    assert counted["calls"] == calls
    assert counted["broken answers"] == 0
    for before, after in zip(lists, found, strict=True):
        top = before[:depth]
        assert sorted(after) == sorted(before)
        assert after[depth:] == before[depth:]
        kept = window - step if len(top) > window else len(top)  # what every window hands on to the next
        assert after[:kept] == sorted(top)[:kept]


class Backwards:
    """An engine that turns each window round, and now and then answers badly."""

    def __init__(self) -> None:
        self.prompts: list[list[int]] = []

    def answer(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[str]:
        assert tokens == 4 * ANSWER_TOKENS
        self.prompts += [list(prompt) for prompt in prompts]
        return ["[4] > [3] > [2] > [1]" if at else "[9] [2] [2]" for at in range(len(prompts))]


def test_a_ranking_is_put_in_order_and_what_was_repaired_is_told(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    system = Listwise.model_validate(
        {"listwise": "bm25", "with": "llm", "depth": 4, "window": 4, "step": 2, "name": "x"}
    )
    base = Ranking(
        np.array([[5, 3, 1, 0, 2], [4, 5, 0, 1, -1]], np.int32),
        np.array([[5, 4, 3, 2, 1], [4, 3, 2, 1, -np.inf]], float),
    )
    prompt, engine = ListPrompt(lister_record(), tmp_path, 4), Backwards()
    texts = [f"a device {'with a wheel ' * at * 9}" for at in range(6)]
    ranking, facts = order_by(engine, prompt, base, texts, ["a brush", "a sensor"], system)
    assert ranking.patents.tolist() == [[3, 5, 1, 0, 2], [1, 0, 5, 4, -1]]
    assert (np.diff(ranking.scores[0]) < 0).all()
    wanted = {"calls": 2, "repeated": 1, "unknown": 1, "missing": 3, "broken answers": 1}
    assert {key: facts[key] for key in wanted} == wanted
    assert facts["tokens"] == sum(map(len, engine.prompts))
    assert facts["truncated"] > 0
    assert max(map(len, engine.prompts)) <= 400 - 4 * ANSWER_TOKENS
    with pytest.raises(ModelError, match="400 tokens hold no prompt of 60 patents; set a smaller `window`"):
        ListPrompt(lister_record(), tmp_path, 60)


class Stopped(Exception):
    """A run that was killed."""


class Dies(Backwards):
    """Answers some groups of prompts, then dies."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def answer(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[str]:
        if not self.left:
            raise Stopped
        self.left -= 1
        return super().answer(prompts, tokens)


@pytest.mark.parametrize("after", [0, 1, 3, 6])
def test_a_run_that_was_stopped_asks_for_no_answer_again(tmp_path: Path, after: int) -> None:
    save_tokenizer(tmp_path)
    system = Listwise.model_validate(
        {"listwise": "bm25", "with": "llm", "depth": 6, "window": 4, "step": 2, "name": "x"}
    )
    rows = [np.random.default_rng(at).permutation(9)[:7] for at in range(5)]
    base = Ranking(np.array(rows, np.int32), np.tile(np.arange(7, 0, -1.0), (5, 1)))
    texts, queries = [f"a device {at}" for at in range(9)], [f"a brush {at}" for at in range(5)]

    def order(engine: Backwards, folder: Path, identity: str = "llm") -> tuple[list[list[int]], int]:
        lister = Remembered(lambda: engine, Folder.at(folder), {"model": identity}, group=2)
        prompt = ListPrompt(lister_record(), tmp_path, 4)
        return order_by(lister, prompt, base, texts, queries, system)[0].patents.tolist(), lister.kept

    whole = Backwards()
    wanted, none = order(whole, tmp_path / "unbroken")
    assert (len(whole.prompts), none) == (10, 0)  # two windows of five queries, two prompts at a time: six groups
    first = Dies(after)
    if after < 6:
        with pytest.raises(Stopped):
            order(first, tmp_path / "kept")
    else:
        order(first, tmp_path / "kept")
    second = Backwards()
    assert order(second, tmp_path / "kept") == (wanted, len(first.prompts))
    assert first.prompts + second.prompts == whole.prompts
    other = Backwards()
    assert order(other, tmp_path / "kept", "another model")[1] == 0
    assert len(other.prompts) == 10


def test_a_line_of_a_suite_is_checked_and_its_budget_kept() -> None:
    models = {"llm": lister_record(), "minilm": find_record("minilm")}
    bm25 = read_system({"lexical": "bm25"})
    [_, found] = resolve_systems([bm25, read_system({"listwise": "bm25", "with": "llm"})], models, 50)
    assert isinstance(found, Listwise)
    assert (found.name, found.sizes) == ("llm(bm25)", (50, 20, 10))
    assert found.calls(7, 1000) == 7 * 4
    assert found.calls(7, 15) == 7
    with pytest.raises(InputError, match=r"7 queries need 28 prompts, its budget is 27; lower `depth`"):
        found.model_copy(update={"budget": 27}).calls(7, 1000)
    for said, message in (
        ({"depth": 51}, "depth 51 is beyond the rankings, which hold 50"),
        ({"window": 4, "step": 5}, "a step of 5 leaves patents out between windows of 4"),
        ({"with": "minilm"}, "minilm is a dense model, not listwise"),
    ):
        with pytest.raises(InputError, match=message):
            resolve_systems([bm25, read_system({"listwise": "bm25", "with": "llm", **said})], models, 50)
    with pytest.raises(ModelError, match="asks a language model by vllm only"):
        require_runnable(lister_record(engines=["sentence-transformers"]), "sentence-transformers", False)
