"""The page on models says of every model of the registry what was tested on what, as its record allows it."""

import re
from pathlib import Path

from patray.models.registry import registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"
ENGINES = ("sentence-transformers", "vllm", "openvino", "ctranslate2")


def test_every_model_has_one_line_and_a_dense_one_says_yes_for_the_engines_that_its_record_allows() -> None:
    rows = re.findall(r"^\| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    cells = [row.split(" | ") for row in rows]
    [begin] = [at for at, row in enumerate(cells) if row[0] == "models of the study"]
    assert [cell.split(",")[0].lower() for cell in cells[begin][2:]] == list(ENGINES)
    said: dict[str, set[str]] = {}
    for names, _, *engines in cells[begin + 1 : begin + 1 + len(registry())]:
        if len(engines) != len(ENGINES):
            break
        for name in names.split(", "):
            assert name not in said, f"{name} has two lines"
            said[name] = {engine for engine, word in zip(ENGINES, engines, strict=True) if word.startswith("yes")}
    assert said.keys() == registry().keys()
    allowed = {name: set(record.engines) for name, record in registry().items() if record.kind == "dense"}
    assert {name: said[name] for name in allowed} == allowed
