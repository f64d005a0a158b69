"""A saved model is what was trained, for whoever loads its folder: the same limit, the same vectors of long texts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patray.encoders.tokens import InputTokenizer
from patray.errors import TrainingError
from patray.files import Folder
from patray.models.record import ModelRecord
from patray.models.verify import verify
from patray.recipes.checkpoint import Origin, export, open_checkpoint
from patray.recipes.model import TunedModel
from patray.recipes.state import load_weights
from patray.recipes.train import Work, train
from tests.models.tiny_snapshots import edit
from tests.recipes.tiny_bases import WORDS, qwen_record, save_bert, save_qwen, tiny_record
from tests.recipes.tiny_training import LocalSession, tiny_pairs, tiny_recipe

torch = pytest.importorskip("torch")
ORIGIN = Origin("tiny--r1--home--s0", "home", "0" * 16, {"any": "thing"})
LONG = [" ".join((WORDS * 4)[at : at + size]) for at, size in enumerate((10, 29, 30, 31, 45, 62, 63, 200))]


def old_way(folder: Path) -> None:
    """The limit in sentence_bert_config.json alone, a larger one in the tokenizer, as all-MiniLM-L6-v2 has them."""
    edit(folder / "sentence_bert_config.json", lambda config: config.update(max_seq_length=32))
    edit(folder / "tokenizer_config.json", lambda config: config.update(model_max_length=64))


def another_file(folder: Path) -> None:
    """The limit in sentence_roberta_config.json, the tokenizer's placeholder for none."""
    (folder / "sentence_bert_config.json").unlink()
    (folder / "sentence_roberta_config.json").write_text(json.dumps({"max_seq_length": 32}))
    edit(folder / "tokenizer_config.json", lambda config: config.update(model_max_length=10**30))


def new_way(folder: Path) -> None:
    """The limit in the tokenizer alone, as sentence-transformers saves it from 5.4 on."""
    edit(folder / "tokenizer_config.json", lambda config: config.update(model_max_length=32))


def published_longer(folder: Path) -> None:
    """The base's authors cut further on than patray does."""
    edit(folder / "tokenizer_config.json", lambda config: config.update(model_max_length=64))


def trained(snapshot: Path, record: ModelRecord, folder: Path, **changes: Any) -> tuple[Work, Any]:
    work = Work(record, snapshot, tiny_recipe(steps=2, learning_rate=0.02, **changes), tiny_pairs(), None)
    (folder / "scratch").mkdir()
    result = train(work, LocalSession(folder / "kept"), folder / "scratch")
    assert result is not None
    return work, result


@pytest.mark.parametrize(
    "limit", [old_way, another_file, new_way, published_longer], ids=lambda function: function.__name__
)
@pytest.mark.parametrize("make", ["bert", "adapters on qwen"])
def test_a_saved_model_cuts_where_its_record_says_and_gives_the_trained_vectors_of_long_texts(
    tmp_path: Path, limit: Callable[[Path], None], make: str
) -> None:
    from sentence_transformers import SentenceTransformer
    from transformers import AutoTokenizer

    snapshot = save_bert(tmp_path) if make == "bert" else save_qwen(tmp_path)
    limit(snapshot)
    prompts = {"document": "w1 ", "query": "w2 w3 ", "origin": "this test"}
    own: dict[str, Any] = {"prompts": prompts, "engines": ["sentence-transformers"], "parameters": None}
    base = tiny_record(**own) if make == "bert" else qwen_record(**own)
    work, result = trained(snapshot, base, tmp_path, **({} if make == "bert" else {"lora": {"rank": 4, "alpha": 8}}))
    folder = Folder.at(tmp_path / "result")
    export(result, work, ORIGIN, folder)
    record = open_checkpoint(folder)
    assert record.max_tokens == 32
    for engines in (("sentence-transformers",), ("vllm",)):
        assert verify(record.model_copy(update={"engines": engines}), Path(folder.uri)) == []
    saved = SentenceTransformer(folder.uri, device="cpu")
    assert saved.max_seq_length == 32
    assert AutoTokenizer.from_pretrained(folder.uri).model_max_length == 32
    memory = TunedModel(work.record, snapshot, work.recipe, "cpu")
    memory.load(load_weights(result.weights))
    for role, encode in (("query", saved.encode_query), ("document", saved.encode_document)):
        inputs = InputTokenizer(record, Path(folder.uri))(LONG, record.prompts.of(role)).ids
        assert max(map(len, inputs)) == 32
        with torch.no_grad():
            ours = memory.encode(inputs, None).numpy()
        np.testing.assert_allclose(encode(LONG), ours, atol=1e-5)


def test_the_reload_check_is_told_in_the_artifact_and_on_the_card(tmp_path: Path) -> None:
    work, result = trained(save_bert(tmp_path), tiny_record(), tmp_path)
    folder = Folder.at(tmp_path / "result")
    export(result, work, ORIGIN, folder)
    check = folder.read_json("artifact.json")["reload"]
    (engine,) = check["engines"]
    assert (engine["engine"], engine["limit"], check["bound"]) == ("sentence-transformers", 32, 0.9999)
    assert engine["least_cosine"] >= 0.9999
    assert check["texts"] >= 20
    assert check["cut"] >= 1
    card = folder.read_text("README.md")
    assert "## This folder, loaded again" in card
    assert f"| {engine['versions']} | 32 tokens | {engine['least_cosine']:.6f} |" in card


def lost_limit(folder: Path) -> None:
    edit(folder / "sentence_bert_config.json", lambda config: config.update(max_seq_length=64))


def other_pooling(folder: Path) -> None:
    edit(folder / "1_Pooling/config.json", lambda config: config.update(pooling_mode="cls"))


def other_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("attention.output.dense.weight"))
    save_file({**weights, name: -weights[name]}, folder / "model.safetensors", {"format": "pt"})


def other_tokens(folder: Path) -> None:
    alone = [{"Sequence": {"id": "A", "type_id": 0}}]  # no [CLS] and no [SEP]
    edit(folder / "tokenizer.json", lambda config: config["post_processor"].update(single=alone))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lost_limit, "it cuts texts at 64 tokens, the training did at 32"),
        (other_pooling, r"the cosine of its vector with the trained weights' is .* below 0\.9999"),
        (other_weights, r"the cosine of its vector with the trained weights' is .* below 0\.9999"),
        (other_tokens, r"the cosine of its vector with the trained weights' is .* below 0\.9999"),
    ],
)
def test_a_folder_that_is_not_what_was_trained_fails_the_training_and_nothing_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None], said: str
) -> None:
    work, result = trained(save_bert(tmp_path), tiny_record(), tmp_path)
    save = TunedModel.save

    def damaged(self: TunedModel, folder: Path) -> None:
        save(self, folder)
        damage(folder)

    monkeypatch.setattr(TunedModel, "save", damaged)
    with pytest.raises(TrainingError, match=f"tiny--r1--home--s0: the saved folder, loaded by sentence-.*{said}"):
        export(result, work, ORIGIN, Folder.at(tmp_path / "result"))
    assert not (tmp_path / "result" / "artifact.json").exists()


def test_half_precision_is_held_to_its_own_bound(tmp_path: Path) -> None:
    work, result = trained(save_bert(tmp_path), tiny_record(dtype="bfloat16"), tmp_path, precision="bfloat16")
    folder = Folder.at(tmp_path / "result")
    export(result, work, ORIGIN, folder)
    check = folder.read_json("artifact.json")["reload"]
    assert check["bound"] == 0.99
    assert 0.99 <= check["engines"][0]["least_cosine"] < 1.0
