"""A run that was made with a package that is not here any more, or whose source is another by now."""

import sys
from pathlib import Path

import pytest

from patray.errors import InputError
from patray.files import Folder
from patray.kinds import code_of
from patray.runs.provenance import not_here, suite_of

SUITE = """\
name: theirs
landscapes: [{name: one, generate: {seed: 1, patents: 40}}]
systems: [{lexical: bm25}, {shared-words: true}]
"""


@pytest.fixture
def run(tmp_path: Path) -> Folder:
    folder = Folder.at(tmp_path)
    folder.write_text("suite.yaml", SUITE)
    of = {"systems": {"shared-words": "my-package 1.0, source 3f0c9a12"}}
    folder.write_json("provenance.json", {"extensions": of})
    return folder


def test_what_a_run_was_made_with_is_named_where_its_suite_is_read_again(run: Folder) -> None:
    assert not_here(run) == ["shared-words (systems) of my-package 1.0, source 3f0c9a12"]
    with pytest.raises(InputError, match=r"made with shared-words \(systems\) of my-package 1\.0.*not here") as said:
        suite_of(run)
    assert "line 3, key systems.1" in str(said.value)


def test_a_mistake_of_another_kind_is_said_as_it_is(run: Folder) -> None:
    run.write_json("provenance.json", {"extensions": {}})
    with pytest.raises(InputError, match=r"^[^ ]*suite\.yaml, line 3, key systems\.1"):
        suite_of(run)


def test_source_that_changed_is_seen_in_any_file_of_a_package_and_nothing_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (package := tmp_path / "never_loaded").mkdir()
    (package / "__init__.py").write_text("raise RuntimeError")
    (package / "helper.py").write_text("persistence = 0.8")
    (tmp_path / "lone_module.py").write_text("raise RuntimeError")
    before = code_of("never_loaded.measures"), code_of("lone_module")
    assert before == (code_of("never_loaded.measures"), code_of("lone_module"))
    assert all(one.startswith("source ") for one in before)
    (package / "helper.py").write_text("persistence = 0.9")
    (tmp_path / "lone_module.py").write_text("raise ValueError")
    assert code_of("never_loaded.measures") != before[0]
    assert code_of("lone_module") != before[1]
    assert not {"never_loaded", "lone_module"} & set(sys.modules)
    assert code_of("no_such_module_at_all") == ""
