"""Embeddings made elsewhere: the numbers of the same vectors made here, and every way in which files can be wrong."""

from pathlib import Path

import faiss
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import patray
from patray.errors import InputError
from patray.files import Folder
from patray.importers.vectors import folder_of, read_vectors
from patray.landscapes.generate import generate

WIDTH = 12


def table(ids: list[str | None], rows: list[list[float]]) -> pa.Table:
    return pa.table({"patent_id": ids, "vector": pa.array(rows, pa.list_(pa.float64()))})


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.at(tmp_path)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 9), st.integers(0, 1000))
def test_the_three_forms_hold_the_same_vectors_of_length_1(tmp_path_factory, n: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = (3 * rng.standard_normal((n, width))).astype(np.float32)
    ids = [f"P{at}" for at in rng.permutation(n)]
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(width)
    index.add(vectors)
    for form in ("parquet", "npy", "faiss"):
        root = tmp_path_factory.mktemp(form)
        if form == "parquet":
            pq.write_table(table(ids, vectors.tolist()), root / "documents.parquet")
        else:
            (root / "documents.ids.txt").write_text("".join(f"{one}\n" for one in ids))
        if form == "npy":
            np.save(root / "documents.npy", vectors)
        if form == "faiss":
            faiss.write_index(index, str(root / "documents.faiss"))
        found = read_vectors(Folder.at(root), "documents")
        assert found is not None
        assert found.ids.tolist() == ids
        assert np.allclose(found.vectors, expected, atol=1e-6)
        assert found.scaled == int((np.abs(np.linalg.norm(vectors.astype(float), axis=1) - 1) > 1e-3).sum())
        assert read_vectors(Folder.at(root), "queries") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (table(["a", "a"], [[1.0], [1.0]]), r"documents.parquet, row 1: a stands there a second time"),
        (table(["a", "b"], [[1.0, 0.0], [1.0]]), r"row 1: 1 numbers, the first has 2"),
        (table(["a", "b"], [[1.0], [float("nan")]]), r"row 1 \(b\): a number that is not finite; 1 such"),
        (table(["a", "b"], [[1.0, 0.0], [0.0, 0.0]]), r"row 1 \(b\): zeros alone"),
        (table(["a", None], [[1.0], [1.0]]), r"1 rows lack an id or a vector"),
        (table([], []), "no vectors"),
        (pa.table({"id": ["a"], "vector": [[1.0]]}), r"no column patent_id; it has id, vector"),
        (pa.table({"patent_id": ["a"], "vector": ["1 2"]}), r"column vector is string; wanted a list of numbers"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_row(folder: Folder, content: pa.Table, message: str) -> None:
    folder.write_table("documents.parquet", content)
    with pytest.raises(InputError, match=message):
        read_vectors(folder, "documents")


def test_arrays_need_ids_and_files_need_one_form(folder: Folder, tmp_path: Path) -> None:
    np.save(tmp_path / "documents.npy", np.ones((3, 2), np.float32))
    with pytest.raises(InputError, match=r"documents.ids.txt is missing"):
        read_vectors(folder, "documents")
    (tmp_path / "documents.ids.txt").write_text("a\nb\n")
    with pytest.raises(InputError, match=r"3 vectors, but .*documents.ids.txt has 2 ids"):
        read_vectors(folder, "documents")
    np.save(tmp_path / "documents.npy", np.ones(3, np.float32))
    with pytest.raises(InputError, match=r"float32 of shape \(3,\)"):
        read_vectors(folder, "documents")
    folder.write_table("documents.parquet", table(["a"], [[1.0]]))
    with pytest.raises(InputError, match=r"holds documents.parquet and documents.npy; delete one"):
        read_vectors(folder, "documents")
    with pytest.raises(InputError, match=r"no documents.parquet or documents.npy or documents.faiss in .*land/ta or"):
        folder_of(str(tmp_path), "land", "ta", alone=False)
    assert folder_of(str(tmp_path), "land", "ta", alone=True).uri == folder.uri


def made_elsewhere(root: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """A landscape, and vectors of its patents and of one patent more."""
    generate(Folder.at(root / "own"), seed=3, patents=120, name="own")
    patents = pd.read_parquet(root / "own" / "patents.parquet")
    vectors = np.random.default_rng(1).standard_normal((len(patents) + 1, WIDTH)).astype(np.float32)
    (root / "ours" / "own" / "ta").mkdir(parents=True)
    ids = [*patents.patent_id, "stranger"]
    pq.write_table(table(ids, vectors.tolist()), root / "ours" / "own" / "ta" / "documents.parquet")
    return patents, vectors


def suite(root: Path, **changes: object) -> patray.Suite:
    content: dict[str, object] = {
        "name": "ours",
        "landscapes": [{"path": str(root / "own")}],
        "systems": [{"vectors": str(root / "ours")}, {"vectors": str(root / "ours"), "dimensions": 4}],
        "tasks": {"classification": {"labels": ["files"], "min_train": 3}, "clustering": None},
        "statistics": {"resamples": 100, "flips": 100},
    }
    return patray.Suite.model_validate({**content, **changes})


def test_a_run_ranks_by_given_vectors_and_judges_them_in_every_task(tmp_path: Path) -> None:
    patents, vectors = made_elsewhere(tmp_path)
    run = patray.run(suite(tmp_path, exports=["faiss"]), str(tmp_path / "work"))
    [index] = (tmp_path / "work" / "indexes" / "own" / "ta" / "ours").glob("*/index.faiss")
    assert faiss.read_index(str(index)).ntotal == len(patents)
    families = patents.family_id.fillna(patents.patent_id).to_numpy()
    for system, width in (("ours", WIDTH), ("ours@4", 4)):
        cut = vectors[:-1, :width].astype(np.float64)
        cut /= np.linalg.norm(cut, axis=1, keepdims=True)
        ranking = run.ranking("own", "ta", system)
        place = {name: at for at, name in enumerate(patents.patent_id)}
        for query, rows in ranking.groupby("query_id"):
            scores = cut @ cut[place[str(query)]]
            scores[families == families[place[str(query)]]] = -np.inf
            best = patents.patent_id.to_numpy()[np.argsort(-scores)[: len(rows)]]
            assert rows.sort_values("rank").patent_id.tolist() == best.tolist()
    assert set(run.summary.task.str.partition(":")[0]) == {"retrieval", "classification"}
    assert any("1 vectors are of no patent of own; left out" in note for note in run.provenance["notes"])
    assert any("were not of length 1 and were scaled" in note for note in run.provenance["notes"])
    assert "embedding made elsewhere" in Path(run.report).read_text()

    # Other vectors under the same name are another run.
    other = pq.read_table(tmp_path / "ours" / "own" / "ta" / "documents.parquet")
    pq.write_table(other.slice(1), tmp_path / "ours" / "own" / "ta" / "documents.parquet")
    with pytest.raises(InputError, match=rf"lacks 1 of 120 patents, first {patents.patent_id[0]}"):
        patray.run(suite(tmp_path, name="fewer"), str(tmp_path / "work"))
