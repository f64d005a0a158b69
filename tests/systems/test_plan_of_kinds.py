"""What `patray plan` says of the kinds that it did not know: spans, sparse indexes, vectors made elsewhere."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import patray
from patray.encoders.spans import Spans, SpanTokenizer
from patray.errors import InputError
from patray.files import Folder
from patray.importers.vectors import shapes_of
from patray.landscapes.generate import generate
from patray.landscapes.load import part_names, read_rows
from patray.landscapes.validate import prepare
from patray.landscapes.views import get_view, render
from patray.models.registry import find_record
from patray.planning.plan import Plan
from patray.report.plan_text import format_plan
from patray.systems.sparse import TERMS
from tests.models.tiny_sparse import save_sparse

VIEW, PATENTS, WIDTH = "ta+description", 40, 12


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    generate(Folder.at(folder / "own"), seed=3, patents=PATENTS, name="own")
    ids = pd.read_parquet(folder / "own" / "patents.parquet").patent_id
    (folder / "ours").mkdir()
    np.save(folder / "ours" / "documents.npy", np.ones((PATENTS, WIDTH), np.float32))
    (folder / "ours" / "documents.ids.txt").write_text("\n".join(ids))
    save_sparse(folder / "splade")
    return folder


def planned(root: Path, *systems: dict[str, object], models: tuple[object, ...] = ()) -> Plan:
    content = {
        "name": "kinds",
        "landscapes": [{"path": str(root / "own")}],
        "views": [VIEW],
        "models": list(models),
        "systems": list(systems),
        "tasks": {"classification": None, "clustering": None},
    }
    return patray.plan(patray.Suite.model_validate(content), str(root / "work"))


def test_readings_are_counted_as_they_will_be_read(root: Path, minilm_path: Path) -> None:
    plan = planned(
        root, {"readings": "minilm", "tokens": 32, "stride": 16, "pool": ["max", "first"]}, models=("minilm",)
    )
    [head, spans] = [step for step in plan.embeddings if step.role == "document"]
    assert (head.spans, spans.spans, spans.truncated) == ("", "32-16", 0)
    prepared = Folder.at(root / "prepared")
    prepare(Folder.at(root / "own"), prepared)
    view = get_view(VIEW)
    texts = [text for part in part_names(prepared) for text in render(read_rows(prepared, part, view.sections), view)]
    found, counts = SpanTokenizer(find_record("minilm"), minilm_path, Spans(32, 16))(sorted(set(texts)), "")
    assert abs(spans.rows - counts.sum() * len(texts) / len(counts)) <= 1
    assert spans.rows > 2 * PATENTS
    assert abs(spans.tokens[1] - sum(map(len, found.ids))) < 0.02 * spans.tokens[1]  # a start inside a word
    assert "minilm as document in spans 32-16" in format_plan(plan)
    flops = {step.flops for step in plan.rankings}
    assert flops == {2.0 * plan.corpora[0].queries * counts.sum() * 384}


def test_a_sparse_index_says_its_memory_before_anything_is_made(root: Path) -> None:
    plan = planned(root, {"sparse": "splade"}, models=({"path": str(root / "splade")},))
    [step] = plan.rankings
    assert step.memory == tuple(8.0 * PATENTS * terms for terms in TERMS)
    assert "MEMORY of indexes" in format_plan(plan)
    assert plan.disk.vectors == PATENTS * TERMS[1] * 8


def test_vectors_made_elsewhere_take_room_and_time(root: Path) -> None:
    plan = planned(root, {"vectors": str(root / "ours")}, {"vectors": str(root / "ours"), "dimensions": 4})
    assert plan.disk.vectors == pytest.approx(4 * PATENTS * WIDTH * plan.estimates.bytes.vector_factor)
    assert plan.disk.vectors_read == 2 * 4 * PATENTS * WIDTH
    assert [step.flops for step in plan.rankings] == [
        2.0 * plan.corpora[0].queries * PATENTS * width for width in (WIDTH, 4)
    ]
    with pytest.raises(InputError, match="ours has 12 dimensions, it cannot be cut to 13"):
        planned(root, {"vectors": str(root / "ours"), "dimensions": 13})


@pytest.mark.parametrize("form", ["parquet", "npy"])
def test_the_shape_of_a_file_is_read_without_its_vectors(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        frame = pd.DataFrame({"patent_id": ["a", "b", "c"], "vector": [[1.0, 2.0]] * 3})
        frame.to_parquet(tmp_path / "documents.parquet")
    else:
        np.save(tmp_path / "documents.npy", np.ones((3, 2), np.float16))
    assert shapes_of(Folder.at(tmp_path)) == {"documents": (3, 2)}
