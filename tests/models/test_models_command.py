"""`patray models`: its short and its long spelling, and `verify` by name and by path."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_snapshots import edit

from patray.cli import main
from patray.commands.models import record_of, spelled_out
from patray.errors import InputError
from patray.models.registry import find_record


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("models", "models list"),
        ("models minilm", "models show minilm"),
        ("models verify minilm", "models verify minilm"),
        ("models --help", "models --help"),
        ("report run", "report run"),
        ("", ""),
    ],
)
def test_short_spellings(short: str, long: str) -> None:
    assert spelled_out(short.split()) == long.split()


def test_list_and_show_answer_in_both_spellings(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for words in (["models"], ["models", "list"], ["models", "minilm"], ["models", "show", "minilm"]):
        assert main(words) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert printed[2] == printed[3]
    assert printed[2].startswith("minilm: sentence-transformers/all-MiniLM-L6-v2")


def test_verify_by_name_finds_the_package_and_by_path_the_record(
    minilm_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "verify", "minilm"]) == 0
    assert main(["models", "verify", str(minilm_path)]) == 0
    assert capsys.readouterr().out.count("minilm: 0 difference(s) between its record and") == 2


def test_verify_says_each_difference_and_fails(
    minilm_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = Path(shutil.copytree(minilm_path, tmp_path / "damaged"))
    pooling = next(damaged.glob("1_Pooling/config.json"))
    pooling.write_text(json.dumps({"word_embedding_dimension": 384, "pooling_mode_cls_token": True}))
    assert main(["models", "verify", "minilm", "--path", str(damaged)]) == 1
    out = capsys.readouterr().out
    assert "pooling: the record says mean, the snapshot pools by cls" in out
    assert "minilm: 1 difference(s)" in out


def test_verify_of_a_model_that_is_nowhere_says_where_it_was_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", "paecter"]) == 1
    assert "was not found. Tried: the hub" in capsys.readouterr().err


@pytest.mark.parametrize("layout", ["mpi-inno-comp--paecter/{}", "models--mpi-inno-comp--paecter/snapshots/{}"])
def test_a_path_in_the_layout_of_a_mirror_or_the_hubs_cache_names_its_record(tmp_path: Path, layout: str) -> None:
    assert record_of(tmp_path / layout.format("b" * 40)).name == "paecter"


def test_a_path_that_could_be_none_or_several_asks_for_the_name(copy: Callable[[str], Path]) -> None:
    folder = copy("plain")
    with pytest.raises(
        InputError, match=r"no record agrees with its files; say which model it is: patray models verify"
    ):
        record_of(folder)


def test_a_path_of_two_equal_records_asks_for_the_name(minilm_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from patray.models import registry as registry_module

    minilm = find_record("minilm")
    twin = minilm.model_copy(update={"name": "twin", "repo": "someone/twin"})
    monkeypatch.setattr(registry_module, "registry", lambda: {"minilm": minilm, "twin": twin})
    with pytest.raises(InputError, match="the records of minilm, twin all agree"):
        record_of(minilm_path)


def test_a_layer_without_weights_is_told(minilm_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(minilm_path, tmp_path / "deep"))
    edit(folder / "config.json", lambda config: config.update(num_hidden_layers=7))
    assert main(["models", "verify", "minilm", "--path", str(folder)]) == 1
    assert "config.json says 7, the weights have 6" in capsys.readouterr().out
