"""Why nothing of the store is reused: the fields that differ from the nearest artifact, and nothing else."""

from pathlib import Path

from patray.artifacts import complete
from patray.files import Folder
from patray.steps.reuse import why_not_reused

BASE = {"content": "a" * 40, "inputs": "1", "max_tokens": 256, "prompt": "", "role": "document"}


def put(place: Folder, name: str, **changes: object) -> None:
    complete(place / name, {"identity": {**BASE, **changes}, "parts": []})


def test_the_nearest_artifact_is_named_with_what_differs(tmp_path: Path) -> None:
    place = Folder.at(tmp_path / "minilm").make()
    put(place, "k1", max_tokens=512, prompt="find: ", role="query")
    put(place, "k2", max_tokens=512)
    assert why_not_reused(place, BASE) == "max_tokens 512 -> 256 since k2"
    assert why_not_reused(place, {**BASE, "inputs": "2", "max_tokens": 512}) == "other texts since k2"
    unknown = {**BASE, "content": None, "max_tokens": 512}
    assert why_not_reused(place, unknown) == f"content {'a' * 23}… -> none since k2"
    assert why_not_reused(place, {**BASE, "role": "clustering"}) == "", "vectors of another role are no other version"


def test_what_is_unfinished_or_far_away_is_not_named(tmp_path: Path) -> None:
    place = Folder.at(tmp_path / "minilm")
    assert why_not_reused(place, BASE) == "", "there is no such folder yet"
    place.make()
    (place / "k0").make().write_bytes("patients.parquet", b"")
    put(place, "k1", **{f"field{at}": at for at in range(7)})
    assert why_not_reused(place, BASE) == ""
    assert why_not_reused(place, {**BASE, **{f"field{at}": at for at in range(7)}}) == "", "nothing differs"
