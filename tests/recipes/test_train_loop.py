"""The training loop in one process: it learns, goes on after a stop with the same bits, and stops when it should."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patray.encoders.tokens import InputTokenizer
from patray.errors import InputError, ModelError, TrainingError
from patray.files import Folder
from patray.recipes.checkpoint import Origin, export, open_checkpoint
from patray.recipes.model import TunedModel, lora_of
from patray.recipes.record import Lora
from patray.recipes.state import load_weights
from patray.recipes.train import Trained, Work, check_work, train
from tests.recipes.tiny_bases import qwen_record, save_bert, save_qwen, texts, tiny_record
from tests.recipes.tiny_training import LocalSession, tiny_pairs, tiny_recipe, tiny_validation

torch = pytest.importorskip("torch")
ORIGIN = Origin("tiny--r1--home--s0", "home", "0" * 16, {"any": "thing"})


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_bert(tmp_path_factory.mktemp("bert"))


def work(snapshot: Path, **changes: Any) -> Work:
    return Work(tiny_record(), snapshot, tiny_recipe(**changes), tiny_pairs(), tiny_validation())


def run(job: Work, folder: Path, name: str = "a", die_after: int | None = None) -> tuple[Trained, LocalSession]:
    session = LocalSession(folder / f"{name}-checkpoint", die_after)
    scratch = folder / f"{name}-{die_after}-scratch"
    scratch.mkdir()
    trained = train(job, session, scratch)
    assert trained is not None
    return trained, session


def same_weights(left: Path, right: Path) -> bool:
    a, b = load_weights(left), load_weights(right)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_training_lowers_the_loss_and_raises_the_validation_measure(tmp_path: Path) -> None:
    job = work(save_bert(tmp_path, dropout=0.0), steps=40, validate_every=10, learning_rate=0.003)
    trained, session = run(job, tmp_path)
    log = trained.state.log
    assert [row["step"] for row in log] == list(range(41))
    assert np.mean([row["loss"] for row in log[-5:]]) < 0.7 * np.mean([row["loss"] for row in log[1:6]])
    curve = {row["step"]: row["validation"] for row in log if row.get("validation") is not None}
    assert list(curve) == [0, 10, 20, 30, 40]
    assert max(curve.values()) > curve[0] + 0.05
    best = max((value, -step) for step, value in curve.items() if step)
    assert (trained.state.best_value, trained.state.best_step) == (best[0], -best[1])
    assert [row["step"] for row in session.reported] == [10, 20, 30, 40]


def test_the_kept_weights_are_those_of_the_best_validation(bert: Path, tmp_path: Path) -> None:
    job = work(bert, steps=20, validate_every=5)
    trained, _ = run(job, tmp_path)
    model = TunedModel(job.record, bert, job.recipe, "cpu")
    model.load(load_weights(trained.weights))
    tokenizer = InputTokenizer(job.record, bert)
    assert job.validation is not None
    with torch.no_grad():
        vectors = [
            torch.nn.functional.normalize(model.encode(tokenizer(list(side), "").ids, None), dim=1).numpy()
            for side in (job.validation.queries, job.validation.documents)
        ]
    assert job.validation.score(vectors[0], vectors[1]) == pytest.approx(trained.state.best_value, abs=1e-9)


@pytest.mark.parametrize("die_after", [3, 6, 9])
def test_a_stopped_training_goes_on_and_ends_with_the_same_bits(bert: Path, tmp_path: Path, die_after: int) -> None:
    job = work(bert)
    undisturbed, _ = run(job, tmp_path, "undisturbed")
    with pytest.raises(KeyboardInterrupt):
        run(job, tmp_path, "stopped", die_after)
    resumed, _ = run(job, tmp_path, "stopped")
    timeless = [
        [{key: row.get(key) for key in ("step", "loss", "validation", "learning_rate")} for row in trained.state.log]
        for trained in (undisturbed, resumed)
    ]
    assert timeless[0] == timeless[1]
    assert same_weights(undisturbed.weights, resumed.weights)
    assert resumed.state.starts == (1 if die_after < 4 else 2)
    assert undisturbed.state.best_step == resumed.state.best_step


def test_a_finished_training_is_not_trained_on(bert: Path, tmp_path: Path) -> None:
    job = work(bert)
    first, _ = run(job, tmp_path)
    second, session = run(job, tmp_path, die_after=0)
    assert session.reported == []
    assert same_weights(first.weights, second.weights)


def test_other_seeds_see_other_batches_and_end_with_other_weights(bert: Path, tmp_path: Path) -> None:
    one, _ = run(work(bert, seed=1), tmp_path, "one")
    two, _ = run(work(bert, seed=2), tmp_path, "two")
    assert not same_weights(one.weights, two.weights)


def test_a_loss_that_is_not_finite_stops_and_names_the_step_and_keeps_the_checkpoint(
    bert: Path, tmp_path: Path
) -> None:
    job = work(bert, learning_rate=1e37, warmup_share=0.5, steps=12, validate_every=1, max_grad_norm=1e30)
    session = LocalSession(tmp_path / "checkpoint")
    with pytest.raises(TrainingError, match=r"the (losses|gradients|vectors|weights) of step \d+ are not finite"):
        train(job, session, tmp_path)
    if session.reported:
        weights = load_weights(tmp_path / "checkpoint" / "weights.safetensors")
        assert set(weights) == set(TunedModel(job.record, bert, job.recipe, "cpu").parameters())


def test_training_stops_when_validation_gets_no_better(bert: Path, tmp_path: Path) -> None:
    job = work(bert, learning_rate=1e-12, steps=12, validate_every=2, patience=2)
    trained, _ = run(job, tmp_path)
    assert trained.state.step == 6
    assert trained.state.best_step == 2
    assert trained.state.done


def test_without_validation_the_last_weights_are_kept(bert: Path, tmp_path: Path) -> None:
    trained, session = run(dataclasses.replace(work(bert), validation=None), tmp_path)
    assert trained.state.best_step is None
    assert same_weights(trained.weights, session.folder / "weights.safetensors")


def test_hard_negatives_are_more_candidates_and_raise_the_loss(tmp_path: Path) -> None:
    job = work(save_bert(tmp_path, dropout=0.0), steps=3)
    table, base = job.pairs.table, job.pairs
    neighbour = [(at + 1) % table.num_rows for at in range(table.num_rows)]
    for column, side in (("negative_ids", "positive_id"), ("negatives", "positive")):
        lists = pa.array([[text] for text in table[side].take(neighbour).to_pylist()], pa.list_(pa.string()))
        table = table.set_column(table.column_names.index(column), column, lists)
    harder = dataclasses.replace(
        job,
        pairs=dataclasses.replace(base, table=table),
        recipe=tiny_recipe(steps=3, hard_negatives={"per_anchor": 1}),
    )
    plain, hard = (run(one, tmp_path, name)[0].state.log[1] for one, name in ((job, "plain"), (harder, "hard")))
    assert plain["source"] == hard["source"]
    assert hard["loss"] > plain["loss"] + 0.1


def test_a_recipe_that_asks_for_hard_negatives_which_nobody_mined_is_refused(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hard_negatives are not mined: the pairs have none"):
        run(work(bert, hard_negatives={"per_anchor": 1}), tmp_path)


def test_bfloat16_and_gradient_checkpointing_train_nearly_the_same(tmp_path: Path) -> None:
    snapshot = save_bert(tmp_path, dropout=0.0)
    plain, _ = run(work(snapshot, steps=4), tmp_path, "plain")
    checkpointing, _ = run(work(snapshot, steps=4, gradient_checkpointing=True), tmp_path, "checkpointing")
    half, _ = run(work(snapshot, steps=4, precision="bfloat16"), tmp_path, "half")
    losses = [[row["loss"] for row in trained.state.log[1:]] for trained in (plain, checkpointing, half)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    np.testing.assert_allclose(losses[2], losses[0], rtol=0.1)
    assert losses[2] != losses[0]


def test_a_checkpoint_loads_in_sentence_transformers_with_a_complete_record(bert: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    job = work(bert, matryoshka=[8])
    trained, _ = run(job, tmp_path)
    folder = Folder.at(tmp_path / "result")
    export(trained, job, ORIGIN, folder)
    record = open_checkpoint(folder)
    assert (record.name, record.revision, record.licence) == ("tiny--r1--home--s0", "local", "Apache-2.0")
    assert record.trained_dimensions == (8,)
    assert "R1 on home: pairs 60 citations" in record.training_data
    model = TunedModel(job.record, bert, job.recipe, "cpu")
    model.load(load_weights(trained.weights))
    sentences = texts(9, 77)
    with torch.no_grad():
        ours = model.encode(InputTokenizer(job.record, bert)(sentences, "").ids, None).numpy()
    theirs = SentenceTransformer(folder.uri, device="cpu").encode(sentences)
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    assert pq.read_table(tmp_path / "result" / "steps.parquet").num_rows == 13
    card = folder.read_text("README.md")
    assert "license: apache-2.0" in card
    assert "| citations | 60 |" in card
    assert (tmp_path / "result" / "tokenizer.json").read_bytes() == (bert / "tokenizer.json").read_bytes()


def test_a_checkpoint_that_was_cut_off_says_what_is_missing(bert: Path, tmp_path: Path) -> None:
    job = work(bert, steps=4)
    trained, _ = run(job, tmp_path)
    folder = Folder.at(tmp_path / "result")
    export(trained, job, ORIGIN, folder)
    weights = tmp_path / "result" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(TrainingError, match=r"model\.safetensors has 1,000 bytes of"):
        open_checkpoint(folder)
    weights.unlink()
    with pytest.raises(TrainingError, match=r"model\.safetensors is missing"):
        open_checkpoint(folder)
    folder.delete("artifact.json")
    with pytest.raises(TrainingError, match=r"no artifact\.json"):
        open_checkpoint(folder)


def test_adapters_are_trained_alone_and_merged_into_a_plain_model(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    snapshot = save_qwen(tmp_path)
    recipe = {"lora": {"rank": 4, "alpha": 8}, "steps": 12, "learning_rate": 0.02}
    job = dataclasses.replace(work(snapshot, **recipe), record=qwen_record())
    trained, _ = run(job, tmp_path)
    names = load_weights(trained.weights).keys()
    assert names
    assert all("lora_" in name for name in names)
    folder = Folder.at(tmp_path / "result")
    export(trained, job, ORIGIN, folder)
    stored = load_weights(tmp_path / "result" / "model.safetensors")
    base = load_weights(snapshot / "model.safetensors")
    assert stored.keys() == base.keys()
    changed = {name for name in base if not torch.equal(base[name], stored[name])}
    assert changed
    assert all("proj" in name for name in changed)
    model = TunedModel(job.record, snapshot, job.recipe, "cpu")
    model.load(load_weights(trained.weights))
    sentences = texts(9, 77)
    with torch.no_grad():
        unmerged = model.encode(InputTokenizer(job.record, snapshot)(sentences, "").ids, None).numpy()
    merged = SentenceTransformer(folder.uri, device="cpu").encode(sentences)
    untuned = SentenceTransformer(str(snapshot), device="cpu").encode(sentences)
    np.testing.assert_allclose(merged, unmerged, atol=1e-5)
    assert np.abs(merged - untuned).max() > 1e-2


def test_bases_of_a_billion_weights_get_adapters_by_default() -> None:
    assert lora_of(tiny_recipe(), tiny_record()) is None
    assert lora_of(tiny_recipe(), tiny_record(parameters=1_000_000_000)) == Lora()
    assert lora_of(tiny_recipe(lora={"rank": 2}), tiny_record()) == Lora(rank=2)


def test_what_cannot_be_trained_is_said_before(bert: Path, tmp_path: Path) -> None:
    for changes, message in (
        ({"max_tokens": 65}, "max_tokens 65 is above the 64 that tiny takes"),
        ({"matryoshka": [16]}, "matryoshka width 16 is not below the dimension 16"),
    ):
        with pytest.raises(InputError, match=message):
            check_work(work(bert, **changes), 1)
    with pytest.raises(InputError, match="a batch of 8 pairs cannot be shared by 9 workers"):
        check_work(work(bert), 9)
    with pytest.raises(ModelError, match="adapter"):
        run(work(bert, lora={"targets": ["no_such_layer"]}), tmp_path)


def test_a_base_without_a_tokenizer_is_refused(bert: Path, tmp_path: Path) -> None:
    import shutil

    bare = Path(shutil.copytree(bert, tmp_path / "bare"))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (bare / name).unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        run(work(bare), tmp_path)
