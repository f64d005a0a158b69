"""Tokenizers that are kept: the ids are those of transformers, other files are another tokenizer, damage is found."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_families import FAMILIES, Family
from tokenizers import Tokenizer

from patray.encoders import tokens
from patray.encoders.parity_sample import parity_sample
from patray.encoders.tokens import InputTokenizer, fast_tokenizer
from patray.models.registry import find_record

ROOT = Path(__file__).resolve().parents[2]
TWICE = """
import sys
from pathlib import Path
from patray.encoders import tokens
from patray.models.registry import find_record

tokens.TOKENIZERS = Path(sys.argv[2])
ids = tokens.InputTokenizer(find_record("minilm"), Path(sys.argv[1]))(["A brush with a sensor."], "").ids
print(ids[0].tolist(), sorted({"torch", "transformers", "sklearn"} & set(sys.modules)))
"""


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tokens, "TOKENIZERS", tmp_path / "kept")
    return tmp_path / "kept"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_a_kept_tokenizer_gives_the_ids_of_transformers(tmp_path: Path, kept: Path, family: Family) -> None:
    from transformers import AutoTokenizer

    folder = tmp_path / "model"
    folder.mkdir()
    record = family.save(folder)
    texts = [text[:5000] for text in parity_sample(record.max_tokens).values()]
    own = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    wanted = [own(text, truncation=True, max_length=record.max_tokens)["input_ids"] for text in texts]
    for _ in range(2):
        assert [ids.tolist() for ids in InputTokenizer(record, folder)(texts, "").ids] == wanted
    assert len(list(kept.iterdir())) == 1


def test_a_second_process_needs_neither_torch_nor_transformers(minilm_path: Path, kept: Path) -> None:
    said = [
        subprocess.run(
            [sys.executable, "-c", TWICE, str(minilm_path), str(kept)], cwd=ROOT, capture_output=True, text=True,
            check=True,
        ).stdout.strip().rpartition(" [")
        for _ in range(2)
    ]  # fmt: skip
    assert said[0][0] == said[1][0] != ""
    assert (said[0][2].count("'"), said[1][2]) == (6, "]")


def test_another_file_is_another_tokenizer_and_a_damaged_one_is_made_again(
    minilm_path: Path, tmp_path: Path, kept: Path
) -> None:
    record, folder = find_record("minilm"), tmp_path / "model"
    shutil.copytree(minilm_path, folder)
    first = fast_tokenizer(record, folder).to_str()
    [path] = kept.iterdir()
    path.write_text(path.read_text().replace("[UNK]", "[UNX]"))
    assert fast_tokenizer(record, folder).to_str() == first
    assert fast_tokenizer(record, folder).to_str() == Tokenizer.from_str(first).to_str()
    said = json.loads((folder / "tokenizer.json").read_text())
    said["normalizer"]["lowercase"] = not said["normalizer"]["lowercase"]
    (folder / "tokenizer.json").write_text(json.dumps(said))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "do_lower_case": not config["do_lower_case"]}))
    assert fast_tokenizer(record, folder).to_str() != first
    assert len(list(kept.iterdir())) == 2


def test_a_home_that_cannot_be_written_costs_time_alone(minilm_path: Path, kept: Path) -> None:
    kept.write_text("no folder")
    record = find_record("minilm")
    assert fast_tokenizer(record, minilm_path).encode("A brush.").ids
