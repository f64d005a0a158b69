"""A snapshot without a hub revision is known by its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from patray.models.content import snapshot_content
from patray.models.resolve import Snapshot


def make(folder: Path, weights: bytes = b"w", pooling: str = "mean") -> Snapshot:
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "1_Pooling" / "config.json").write_text(pooling)
    (folder / "README.md").write_text(str(folder))
    return Snapshot(str(folder), "path")


def test_the_same_files_elsewhere_have_the_same_content(tmp_path: Path) -> None:
    assert snapshot_content(make(tmp_path / "a")) == snapshot_content(make(tmp_path / "b"))


@pytest.mark.parametrize("changed", [{"weights": b"x"}, {"pooling": "cls"}])
def test_changed_weights_or_settings_in_a_subfolder_change_it(tmp_path: Path, changed: dict[str, object]) -> None:
    assert snapshot_content(make(tmp_path / "a")) != snapshot_content(make(tmp_path / "b", **changed))  # type: ignore[arg-type]
