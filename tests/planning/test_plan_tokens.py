"""Counted tokens are those that the encoder will see, by the tokenizers library alone and by the encoders' own code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from patray.encoders.tokens import InputTokenizer
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.landscapes.load import iter_sections
from patray.landscapes.validate import prepare
from patray.landscapes.views import get_view, render
from patray.models.registry import find_record
from patray.planning.embeddings import EmbedPlan
from patray.planning.estimates import read_estimates
from patray.planning.plan import Plan, make_plan
from patray.planning.tokens import proxy_counter, read_counter
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve

VIEWS = ("ta", "claim1", "tac")


@pytest.fixture(scope="module")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "small"
    generate(Folder.at(path), seed=7, patents=60, name="small")
    return path


@pytest.fixture(scope="module")
def texts(landscape: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The distinct texts of each view."""
    clean = Folder.at(tmp_path_factory.mktemp("clean") / "copy")
    prepare(Folder.at(landscape), clean, "small")
    found = {}
    for name in VIEWS:
        view = get_view(name)
        found[name] = sorted({text for batch in iter_sections(clean, view.sections) for text in render(batch, view)})
    return found


def planned(landscape: Path, models: str, workdir: Path, *changes: str) -> Plan:
    text = f"name: planned\nlandscapes: [{{path: {landscape}}}]\nviews: [{', '.join(VIEWS)}]\nmodels: {models}\n"
    return make_plan(resolve(parse_suite(text, "planned.yaml", list(changes))), str(workdir), None, read_estimates())


def step_of(plan: Plan, view: str, role: str, model: str | None = None) -> EmbedPlan:
    found = [one for one in plan.embeddings if (one.view, one.role) == (view, role) and model in (None, one.model)]
    assert len(found) == 1
    return found[0]


def minilm_with(name: str, **changes: Any) -> str:
    record = find_record("minilm").model_dump(mode="json") | {"name": name} | changes
    return json.dumps([{"record": record}])


def save_snapshot(folder: Path, tokenizer: Tokenizer) -> Path:
    """What the registry looks for in a snapshot, around a tokenizer."""
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    return folder


def byte_level(first: str) -> Tokenizer:
    """A tokenizer that looks across blanks, as those of large models do, and ends every text with a token.

    An "a" and the letter `first` after it are one token: a prompt that ends in "a" melts with such a text.
    """
    vocabulary = {char: at for at, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = [("a", first), ("i", "n"), ("e", "r"), ("in", "g")]
    for left, right in merges:
        vocabulary.setdefault(left + right, len(vocabulary))
    vocabulary["<end>"] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <end>", special_tokens=[("<end>", vocabulary["<end>"])]
    )
    return tokenizer


def test_a_model_at_hand_is_counted_text_by_text_up_to_its_limit(
    landscape: Path, texts: dict[str, list[str]], minilm_path: Path, tmp_path: Path
) -> None:
    plan = planned(landscape, "[minilm]", tmp_path)
    tokenizer = Tokenizer.from_file(str(minilm_path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for view in VIEWS:
        lengths = np.array([len(tokenizer.encode(text)) for text in texts[view]])
        step = step_of(plan, view, "document")
        assert step.inputs == len(lengths)
        assert step.tokens == step.to_do == (np.minimum(lengths, 256).sum(),) * 3
        assert step.truncated == (lengths > 256).sum()
    assert step_of(plan, "tac", "document").truncated > 0
    assert plan.models[0].model.vocabulary is None


@pytest.mark.slow
def test_prompts_are_counted_with_the_text(
    landscape: Path, texts: dict[str, list[str]], minilm_path: Path, tmp_path: Path
) -> None:
    prompts = {"document": "passage: ", "query": "find this: ", "clustering": "topic? ", "origin": "this test"}
    plan = planned(landscape, minilm_with("prompted", prompts=prompts), tmp_path)
    record = plan.models[0].model.record
    for role in ("document", "clustering"):
        counted = InputTokenizer(record, minilm_path)(texts["ta"], prompts[role])
        assert step_of(plan, "ta", role).tokens[1] == sum(len(ids) for ids in counted.ids)
    assert 0 < step_of(plan, "ta", "query").inputs <= plan.corpora[0].queries
    assert not [step for step in plan.embeddings if step.role == "classification"]


def test_a_tokenizer_that_looks_across_blanks_is_given_the_whole_text(
    landscape: Path, texts: dict[str, list[str]], tmp_path: Path
) -> None:
    tokenizer = byte_level(texts["ta"][0][0])
    snapshot = save_snapshot(tmp_path / "snapshot", tokenizer)
    record = find_record("minilm").model_dump(mode="json") | {
        "name": "across", "max_tokens": 300, "package": None, "revision": "local",
        "prompts": {"document": "about a", "query": "", "origin": "this test"},
    }  # fmt: skip
    plan = planned(landscape, json.dumps([{"record": record, "path": str(snapshot)}]), tmp_path / "work")
    for view in VIEWS:
        lengths = [min(len(tokenizer.encode("about a" + text)), 300) for text in texts[view]]
        assert step_of(plan, view, "document").tokens == (float(sum(lengths)),) * 3
    whole = [len(tokenizer.encode("about a" + text)) for text in texts["ta"]]
    apart = [len(tokenizer.encode("about a")) + len(tokenizer.encode(text)) - 1 for text in texts["ta"]]
    assert sum(whole) < sum(apart)


def test_a_model_whose_tokenizer_is_nowhere_is_estimated_and_says_so(
    landscape: Path, texts: dict[str, list[str]], minilm_path: Path, tmp_path: Path
) -> None:
    plan = planned(landscape, "[bge-m3]", tmp_path)
    vocabulary = plan.models[0].model.vocabulary
    assert vocabulary is not None
    assert vocabulary.name == "xlm-roberta"
    tokenizer = Tokenizer.from_file(str(minilm_path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    content = np.array([len(tokenizer.encode(text, add_special_tokens=False)) for text in texts["tac"]])
    expected = [np.minimum(np.rint(ratio * content) + 2, 8192).sum() for ratio in vocabulary.ratio]
    found = step_of(plan, "tac", "document").tokens
    assert list(found) == expected
    assert found[0] < found[1] < found[2]


def test_the_estimate_of_a_text_never_passes_the_models_limit(landscape: Path, tmp_path: Path) -> None:
    plan = planned(landscape, "[{model: bge-m3, max_tokens: 40}]", tmp_path)
    step = step_of(plan, "tac", "document")
    assert step.tokens[2] <= 40 * step.inputs
    assert 0 < step.truncated <= step.inputs


def test_expansion_fills_every_query_of_a_late_interaction_model(landscape: Path, tmp_path: Path) -> None:
    plan = planned(landscape, "[colbertv2]", tmp_path)
    query, document = step_of(plan, "ta", "query"), step_of(plan, "ta", "document")
    assert query.tokens == (32.0 * query.inputs,) * 3
    assert document.tokens[2] <= 180 * document.inputs


@given(
    st.lists(st.text(max_size=60) | st.text("ab \n\t.,-é中\u00a0\u2028\x1c\x85\u0301[SEP]#", max_size=60), max_size=8)
)
@settings(deadline=None, max_examples=300)
def test_counting_by_words_is_counting_by_texts_for_any_text(texts: list[str]) -> None:
    counter = proxy_counter()
    whole = counter.tokenizer.encode_batch(texts, add_special_tokens=False)
    assert counter.additive
    assert counter.count(texts, 1000).tolist() == [len(encoding) for encoding in whole]


def test_a_text_far_beyond_the_limit_is_cut_before_it_is_counted_and_still_counts_as_too_long() -> None:
    counter = proxy_counter()
    short_words, no_words = "a " * 5000, "." + " " * 3000 + "end of the text"
    assert counter.count([short_words], 100)[0] >= 100
    assert counter.count([no_words], 100).tolist() == [5]


def test_a_tokenizer_that_does_not_cut_at_blanks_first_is_not_taken_for_one_that_does(tmp_path: Path) -> None:
    bert = json.loads(proxy_counter().tokenizer.to_str())
    tokenizer = Tokenizer.from_str(json.dumps(bert))
    tokenizer.normalizer = normalizers.Sequence([normalizers.BertNormalizer(), normalizers.Replace("\n", "_")])
    for name, one, additive in (("bert", Tokenizer.from_str(json.dumps(bert)), True), ("other", tokenizer, False)):
        counter = read_counter(Folder.at(save_snapshot(tmp_path / name, one)))
        assert counter is not None
        assert counter.additive is additive
