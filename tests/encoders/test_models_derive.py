"""A record written from a folder is the hand-written one in all that decides a vector, for every tiny make."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny_families import FAMILIES, Family
from tiny_families import save_tokenizer as save_unigram
from tiny_layouts import save_flash_colbert, save_reranker

from patray.cli import main
from patray.encoders.load import load_encoder
from patray.encoders.protocol import EncoderSettings
from patray.encoders.tokens import InputTokenizer
from patray.errors import InputError, ModelError
from patray.models.derive import RECORD_FILE, derive_record, folder_record, record_yaml
from patray.models.identity import vector_facts
from patray.models.record import ROLES, ModelRecord
from patray.models.registry import find_record, parse_record
from patray.models.verify import verify
from patray.runs.read import parse_suite
from patray.runs.resolve import model_record, resolve
from tests.models.tiny_late import cross_record, late_record, save_colbert, save_cross_encoder, save_stanford_colbert
from tests.models.tiny_snapshots import edit

PLACE = ("repo", "revision")
SAYS_SO = ("--set", "pooling=mean")
SUITE = "name: own\nlandscapes: [{path: somewhere}]\nviews: [ta]\nsystems: [{lexical: bm25}]\n"
SETTINGS = EncoderSettings("sentence-transformers", "float32", "cpu", 1, 512, False)


def facts(record: ModelRecord) -> dict[str, Any]:
    found = {key: value for key, value in vector_facts(record, ROLES).items() if key not in PLACE}
    return found | {"padding_side": found["padding_side"] or "right"}  # what patray does where nobody says it


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[ModelRecord, Path]]:
    root = tmp_path_factory.mktemp("derived")
    by_name, done = {family.name: family for family in FAMILIES}, {}

    def make(name: str) -> tuple[ModelRecord, Path]:
        if name not in done:
            folder = root / name
            folder.mkdir()
            record = by_name[name].save(folder)
            said = {"query": record.prompts.query, "document": record.prompts.document}
            (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": said}))
            edit(folder / "tokenizer_config.json", lambda config: config.update(padding_side=record.padding_side))
            done[name] = record, folder
        return done[name]

    return make


TOLD: dict[str, dict[str, Any]] = {
    "bert-no-modules": {"pooling": "mean"},  # no file states it
    "qwen2-bidirectional": {"native": "qwen2", "attention": "bidirectional"},  # its code alone would
    "gemma3-causal": {"last_token": None},  # which kalm-gemma3-12b appends is unknown, so the tiny record asks for none
}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_record_of_a_folder_is_the_one_written_by_hand(
    made: Callable[[str], tuple[ModelRecord, Path]], family: Family
) -> None:
    record, folder = made(family.name)
    found = derive_record(folder, TOLD.get(family.name))
    assert facts(found) == facts(record)
    assert verify(found, folder) == []
    assert set(found.engines) <= set(record.engines)
    again = parse_record(yaml.safe_load(record_yaml(found)), "what was written")
    assert again == found


def test_late_interaction_and_rerankers_are_derived_too(tmp_path: Path) -> None:
    plain = save_stanford_colbert(tmp_path / "stanford")
    assert facts(derive_record(plain)) == facts(late_record())
    saved = save_colbert(tmp_path / "modules")
    assert facts(derive_record(saved)) == facts(late_record())
    cross = save_cross_encoder(tmp_path / "cross")
    assert facts(derive_record(cross)) == facts(cross_record(max_tokens=128, padding_side=None))
    flash = tmp_path / "flash"
    flash.mkdir()
    save_unigram(flash, "unigram", "<s> $A </s>")
    save_reranker(flash)
    wanted = cross_record(native="xlm-roberta", max_tokens=96, nominal_tokens=96, dtype="bfloat16")
    assert facts(derive_record(flash)) == facts(wanted)
    from tests.models.tiny_late import save_tokenizer

    jina = tmp_path / "jina"
    jina.mkdir()
    save_flash_colbert(jina, 12, len(save_tokenizer(jina)), ("[unused0]", "[unused1]"))
    changes: dict[str, Any] = {"native": "jina", "dense_heads": [[64, 12]], "expansion_attended": True}
    assert facts(derive_record(jina)) == facts(late_record(**changes, nominal_tokens=98, dtype="bfloat16"))


def test_all_that_is_missing_is_said_at_once(
    made: Callable[[str], tuple[ModelRecord, Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = made("qwen2-bidirectional")
    copy = Path(shutil.copytree(folder, tmp_path / "ours"))
    for name in ("modules.json", "sentence_bert_config.json", "model.safetensors", "tokenizer.json"):
        (copy / name).unlink()
    with pytest.raises(InputError) as caught:
        derive_record(copy)
    message = str(caught.value)
    for key in ("parameters (", "pooling (", "remote_code (", "tokenizer.json ("):
        assert key in message
    assert f"patray models record {copy} --set parameters=" in message
    assert main(["models", "record", str(copy)]) == 1
    assert "pooling (no modules.json states it: mean, cls or last)" in capsys.readouterr().err
    with pytest.raises(ModelError, match=r"holds no config\.json"):
        derive_record(tmp_path)


def test_the_command_writes_a_record_that_a_suite_takes(
    made: Callable[[str], tuple[ModelRecord, Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = made("bert-no-modules")
    out = tmp_path / "ours.yaml"
    assert main(["models", "record", str(folder), *SAYS_SO, "--set", "name=ours", "--out", str(out)]) == 0
    record = parse_record(yaml.safe_load(out.read_text()), "ours.yaml")
    assert (record.name, record.pooling, record.revision) == ("ours", "mean", "local")
    assert any(fact.startswith("licence") for fact in record.unknown)
    assert main(["models", "record", str(folder), "--set", "pooling"]) == 1
    assert "must be FIELD=VALUE" in capsys.readouterr().err
    assert main(["models", "record", str(folder), "--set", "poling=mean", *SAYS_SO]) == 1
    assert "poling: Extra inputs are not permitted" in capsys.readouterr().err


def test_a_suite_takes_a_path_and_nothing_else(made: Callable[[str], tuple[ModelRecord, Path]]) -> None:
    record, folder = made("qwen3-last")
    suite = resolve(
        parse_suite(f"{SUITE}models: [{{path: {folder}}}, {{path: {folder}, name: cut, max_tokens: 32}}]\n", "s", [])
    )
    own, cut = suite.models
    assert (own.name, cut.name) == ("qwen3-last", "cut")
    assert facts(model_record(own)) == facts(record)
    assert model_record(cut).max_tokens == 32
    assert resolve(suite) == suite  # the record stands in the resolved suite
    texts = InputTokenizer(model_record(own), folder)(["a claim", "another"], "query: ").ids
    mine = load_encoder(model_record(own), folder, SETTINGS).encode(texts)
    assert np.array_equal(mine, load_encoder(record, folder, SETTINGS).encode(texts))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: ours}", "give `model` .*, `record` .*, or `path` alone"),
        ("{path: /nowhere/at/all}", r"models: /nowhere/at/all: holds no config\.json"),
    ],
)
def test_an_entry_without_a_model_is_refused(entry: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve(parse_suite(f"{SUITE}models: [{entry}]\n", "s", []))


def test_a_record_in_the_folder_and_one_of_the_registry_come_first(
    made: Callable[[str], tuple[ModelRecord, Path]], tmp_path: Path, minilm_path: Path
) -> None:
    record, folder = made("bert-mean")
    own = Path(shutil.copytree(folder, tmp_path / "own"))
    (own / RECORD_FILE).write_text(record_yaml(record.model_copy(update={"name": "told"})))
    assert folder_record(own).name == "told"
    minilm = find_record("minilm")
    mirrored = tmp_path / minilm.repo.replace("/", "--") / minilm.revision
    shutil.copytree(minilm_path, mirrored)
    assert folder_record(mirrored) == minilm
    found = derive_record(mirrored)
    assert (found.repo, found.revision) == (minilm.repo, minilm.revision)
    assert facts(found) == facts(minilm)
    assert found.parameters == minilm.parameters


def test_a_default_prompt_and_prompts_of_other_tasks(
    made: Callable[[str], tuple[ModelRecord, Path]], tmp_path: Path
) -> None:
    _, folder = made("bert-mean")
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    prompts = {"query": "q: ", "Clustering": "c: ", "STS": "s: "}
    said = {"prompts": prompts, "default_prompt_name": "STS"}
    (copy / "config_sentence_transformers.json").write_text(json.dumps(said))
    found = derive_record(copy)
    assert [found.prompts.of(role) for role in ROLES] == ["s: ", "q: ", "s: ", "c: "]
    assert "prompts for other tasks stand in its config and are not used: sts" in found.unknown
    assert found.prompt_sets["none"].document == ""
