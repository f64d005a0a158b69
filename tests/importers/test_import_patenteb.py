"""PatenTEB tasks in their published columns."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sampling import by_id, check_valid, counts, rows, run

from patray.errors import InputError

TEXT = "folding brush [SEP] a brush folds [SEP] 1. a brush [SEP] odd"


def write(path: Path, **columns: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def test_classification_keeps_sections_labels_and_the_published_split(tmp_path: Path) -> None:
    for split, ids in (("train", ["a", "b"]), ("test", ["c", "b"])):
        write(
            tmp_path / "class_text2ipc3" / split / "data.parquet",
            first_ipcr3=["a46", "b60" if split == "train" else None],
            label=[0, 1],
            q=ids,
            text=[TEXT, "only a title"],
            first_ipcr3_count=[1, 1],
        )
    report = run("patenteb", tmp_path / "class_text2ipc3", tmp_path / "out")
    assert counts(report) == (4, 3, 1, 0)  # a publication of both splits is kept once
    first = by_id(tmp_path / "out")["a"]
    assert (first["title"], first["abstract"]) == ("folding brush", "a brush folds")
    assert first["claims"] == ["1. a brush [SEP] odd"]
    assert by_id(tmp_path / "out")["b"]["abstract"] == "only a title"
    labels = {(row["patent_id"], *row["labels"]): row["split"] for row in rows(tmp_path / "out", "labels/ipc3")}
    assert set(labels) == {("a", "a46"), ("b", "b60"), ("c", "a46")}
    assert labels["c", "a46"] == "test"


def test_a_fifth_of_the_published_training_set_is_validation_and_its_test_set_stays_whole(tmp_path: Path) -> None:
    for split in ("train", "test"):
        ids = [f"{split}{number}" for number in range(500)]
        folder = tmp_path / "class_text2ipc3" / split
        write(folder / "data.parquet", first_ipcr3=["a46"] * 500, q=ids, text=[TEXT] * 500)
    run("patenteb", tmp_path / "class_text2ipc3", tmp_path / "out")
    found = Counter((row["patent_id"][:4], row["split"]) for row in rows(tmp_path / "out", "labels/ipc3"))
    assert found["test", "test"] == 500
    assert found["trai", "train"] + found["trai", "validation"] == 500
    assert 70 <= found["trai", "validation"] <= 130


def test_clusters_become_a_label_set_and_whole_texts_stay_whole(tmp_path: Path) -> None:
    write(tmp_path / "x" / "data.parquet", q=["a", "b"], text=[TEXT, TEXT], cluster_id=[7, 8])
    run("patenteb", tmp_path / "x", tmp_path / "out", task="clusters_ext_full_ipc", whole_text=True)
    assert by_id(tmp_path / "out")["a"]["abstract"] == TEXT
    assert [row["labels"] for row in rows(tmp_path / "out", "labels/cluster")] == [["7"], ["8"]]
    check_valid(tmp_path / "out", tmp_path / "clean")


def test_triplets_become_corpus_queries_and_qrels(tmp_path: Path) -> None:
    write(
        tmp_path / "retrieval_OUT" / "test" / "data.parquet",
        q=["q1", "q1", "q2"],
        neg=["n1", "n2", "p1"],
        pos=["p1", "p1", "p2"],
        pos_link_type=["cited"] * 3,
        neg_computed_domain=["OUT"] * 3,
        objective=["OUT"] * 3,
        q_text=["q one"] * 2 + ["q two"],
        pos_text=["p one", "p one", "p two"],
        neg_text=["n one", "n two", "p one"],
    )
    report = run("patenteb", tmp_path / "retrieval_OUT", tmp_path / "out")
    assert set(by_id(tmp_path / "out")) == {"p1", "p2", "n1", "n2"}
    assert set(by_id(tmp_path / "out", "queries")) == {"q1", "q2"}
    assert counts(report, "qrels") == (5, 5, 0, 0)
    assert counts(report, "source triplets") == (3, 3, 0, 0)
    positives = {(r["query_id"], r["patent_id"]) for r in rows(tmp_path / "out", "qrels") if r["relevance"] == 1}
    assert positives == {("q1", "p1"), ("q2", "p2")}
    check_valid(tmp_path / "out", tmp_path / "clean")


def test_a_path_that_names_no_task_and_an_unknown_task_are_errors(tmp_path: Path) -> None:
    write(tmp_path / "x" / "data.parquet", q=["a"])
    with pytest.raises(InputError, match="choose one with --task: class_text2ipc3"):
        run("patenteb", tmp_path / "x", tmp_path / "out")
    with pytest.raises(InputError, match="--task para_problem: patray has no such task"):
        run("patenteb", tmp_path / "x", tmp_path / "out", task="para_problem")
    with pytest.raises(InputError, match=r"data\.parquet: missing column 'text'"):
        run("patenteb", tmp_path / "x", tmp_path / "out", task="class_text2ipc3")
