"""Benchmarks in, landscapes out and back, and mteb's own loader over what was written."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sampling import by_id, check_valid, counts, jsonl, reasons, rows, run

from patray.errors import InputError
from patray.exports.beir import export_beir
from patray.files import Folder
from patray.landscapes.load import iter_sections, load_metadata
from patray.landscapes.truth import build_truth
from patray.landscapes.validate import prepare
from patray.landscapes.views import get_view, render

CORPUS = [
    {"_id": "d1", "title": "Brush", "text": " A brush\nfolds. "},
    {"_id": "d2", "text": "A comb."},
    {"_id": "d3", "title": "", "text": ""},
]
QUERIES = [{"_id": "q1", "text": "folding brush"}, {"_id": "q2", "text": "comb", "metadata": {"x": 1}}]


QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t2\nq2\td9\t1\nq1\td2\tx\n"


def make_beir(folder: Path) -> Path:
    jsonl(folder / "corpus.jsonl", CORPUS)
    jsonl(folder / "queries.jsonl", QUERIES)
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text(QRELS)
    return folder


def test_a_beir_folder_imports_with_its_texts_unchanged(tmp_path: Path) -> None:
    report = run("beir", make_beir(tmp_path / "in"), tmp_path / "out")
    assert counts(report) == (3, 2, 1, 0)
    assert counts(report, "queries") == (2, 2, 0, 0)
    assert counts(report, "qrels") == (4, 2, 2, 0)
    assert by_id(tmp_path / "out")["d1"]["abstract"] == " A brush\nfolds. "
    assert rows(tmp_path / "out", "qrels") == [
        {"query_id": "q1", "patent_id": "d1", "relevance": 1},
        {"query_id": "q2", "patent_id": "d2", "relevance": 2},
    ]
    assert {reason for _, reason in reasons(tmp_path / "out")} == {
        "no text in any section",
        "names a patent or query that was not read",
        "score is not a whole number",
    }
    check_valid(tmp_path / "out", tmp_path / "clean")


def _with_qrels(folder: Path, text: str) -> Path:
    make_beir(folder)
    (folder / "qrels" / "test.tsv").write_text(text)
    return folder


@pytest.mark.parametrize(
    "text",
    [
        "corpus-id\tquery-id\tscore\nd1\tq1\t2\nd2\tq2\t1\n",
        "score\tDoc_ID\tQuery_ID\n2.0\td1\tq1\n1e0\td2\tq2\n",
        "query-id\titeration\tcorpus-id\tscore\nq1\t0\td1\t2\nq2\t0\td2\t1\n",
        "topic\tpatent\tjudgement\nq1\td1\t2\nq2\td2\t1\n",
        "query-id\tpatent\tjudgement\nq1\td1\t2\nq2\td2\t1\n",
    ],
    ids=["swapped", "other words", "a fourth column", "unknown words", "one known word"],
)
def test_columns_of_qrels_are_told_by_the_header_and_by_their_order_where_it_says_nothing(
    tmp_path: Path, text: str
) -> None:
    run("beir", _with_qrels(tmp_path / "in", text), tmp_path / "out")
    assert [tuple(row.values()) for row in rows(tmp_path / "out", "qrels")] == [("q1", "d1", 2), ("q2", "d2", 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("corpus-id\ttopic\tscore\nd1\tq1\t1\n", r"test.tsv: the header is corpus-id, topic, score; wanted query-id, "),
        ("topic\t0\tdoc\tscore\nq1\t0\td1\t1\n", "the header is topic, 0, doc, score; wanted"),
        ("query-id\tqid\tscore\nq1\td1\t1\n", "names a column twice: query-id, qid, score"),
        ("q1\td1\t1\nq2\td2\t1\n", r"the first line is a judgement \(q1, d1, 1\), wanted a header"),
        ("q1\tq1\tx\nq2\td2\t1\n", r"the first line is a judgement \(q1, q1, x\), wanted a header"),
    ],
)
def test_a_header_that_contradicts_the_order_or_is_none_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run("beir", _with_qrels(tmp_path / "in", text), tmp_path / "out")


def test_documents_in_tsv_are_told_by_their_header(tmp_path: Path) -> None:
    folder = make_beir(tmp_path / "in")
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.tsv").write_text("text\t_id\ttitle\nA brush folds.\td1\tBrush\nA comb.\td2\t\n")
    run("beir", folder, tmp_path / "out")
    assert by_id(tmp_path / "out")["d1"]["abstract"] == "A brush folds."
    (folder / "corpus.tsv").write_text("docno\tbody\nd1\tA brush folds.\n")
    with pytest.raises(InputError, match=r"corpus.tsv: the header is docno, body; wanted _id, title, text"):
        run("beir", folder, tmp_path / "other")


@pytest.mark.parametrize("kind", ["tsv", "jsonl", "parquet"])
def test_whole_floats_are_grades_and_others_are_quarantined_in_every_layout(tmp_path: Path, kind: str) -> None:
    folder = make_beir(tmp_path / "in")
    (folder / "qrels" / "test.tsv").unlink()
    scores = [2.0, 1.0, 0.5, 3e9, None if kind != "tsv" else float("nan")]
    pairs = [("q1", "d1"), ("q2", "d2"), ("q1", "d2"), ("q2", "d1"), ("q2", "d1")]
    table = [{"query-id": q, "corpus-id": p, "score": s} for (q, p), s in zip(pairs, scores, strict=True)]
    if kind == "tsv":
        lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row.values())) for row in table)]
        (folder / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n")
    elif kind == "jsonl":
        jsonl(folder / "qrels" / "test.jsonl", table)
    else:
        pq.write_table(pa.Table.from_pylist(table), folder / "qrels" / "test.parquet")
    report = run("beir", folder, tmp_path / "out")
    assert [row["relevance"] for row in rows(tmp_path / "out", "qrels")] == [2, 1]
    assert counts(report, "qrels") == (5, 2, 3, 0)
    found = {reason for _, reason in reasons(tmp_path / "out")} - {"no text in any section"}
    missing = "score is not a whole number" if kind == "tsv" else "score is missing"
    assert found == {"score is not a whole number", "score is beyond int32", missing}


def test_several_splits_need_a_choice(tmp_path: Path) -> None:
    folder = make_beir(tmp_path / "in")
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td2\t1\n")
    with pytest.raises(InputError, match="qrels has the splits dev, test; choose one with --split"):
        run("beir", folder, tmp_path / "out")
    run("beir", folder, tmp_path / "out", split="dev")
    assert [row["patent_id"] for row in rows(tmp_path / "out", "qrels")] == ["d2"]


def test_the_hub_layout_with_subsets_imports(tmp_path: Path) -> None:
    table = pa.table({"id": ["d1", "d2"], "text": ["a", "b"], "title": ["A", "B"]})
    for name, content in {
        "en-corpus/corpus-00000-of-00001.parquet": table,
        "en-queries/queries-00000-of-00001.parquet": pa.table({"id": ["q"], "text": ["a?"]}),
        "en-qrels/test-00000-of-00001.parquet": pa.table({"query-id": ["q"], "corpus-id": ["d1"], "score": [1.0]}),
        "de-corpus/corpus-00000-of-00001.parquet": table,
    }.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(content, tmp_path / "in" / name)
    report = run("beir", tmp_path / "in", tmp_path / "out", task="en")
    assert counts(report, "qrels") == (1, 1, 0, 0)
    assert set(by_id(tmp_path / "out")) == {"d1", "d2"}


def test_nanodapfam_has_no_scores_and_eighteen_splits(tmp_path: Path) -> None:
    for split, letter in (("NanoDAPFAMAllTitlAbsToTitlAbs", "a"), ("NanoDAPFAMInTitlAbsToTitlAbs", "b")):
        for config, content in {
            "corpus": pa.table({"_id": [letter], "text": ["A brush."]}),
            "queries": pa.table({"_id": ["q"], "text": ["brush"]}),
            "qrels": pa.table({"query-id": ["q"], "corpus-id": [letter]}),
            "bm25": pa.table({"query-id": ["q"], "corpus-ids": [[letter]]}),
        }.items():
            (tmp_path / "in" / config).mkdir(parents=True, exist_ok=True)
            pq.write_table(content, tmp_path / "in" / config / f"{split}.parquet")
    run("beir", tmp_path / "in", tmp_path / "out", split="NanoDAPFAMInTitlAbsToTitlAbs")
    assert rows(tmp_path / "out", "qrels") == [{"query_id": "q", "patent_id": "b", "relevance": 1}]


def _texts(prepared: Folder, view: str, which: str = "patents") -> dict[str, str]:
    chosen = get_view(view)
    found = {}
    for batch in iter_sections(prepared, chosen.sections, which):
        found.update(zip(batch.column("patent_id").to_pylist(), render(batch, chosen), strict=True))
    return found


@pytest.mark.parametrize(("name", "view"), [("hair-dryer", "tac"), ("ultrasound", "ta"), ("software", "ta")])
def test_a_real_landscape_goes_out_and_comes_back_with_equal_texts_queries_and_qrels(
    tmp_path: Path, real_landscapes: Path, name: str, view: str
) -> None:
    prepare(Folder.at(real_landscapes / name), Folder.at(tmp_path / "clean"))
    exported = export_beir(Folder.at(tmp_path / "clean"), Folder.at(tmp_path / "beir"), view)
    run("beir", tmp_path / "beir", tmp_path / "back", split="test")
    prepare(Folder.at(tmp_path / "back"), Folder.at(tmp_path / "clean-back"))

    texts = _texts(Folder.at(tmp_path / "clean"), view)
    assert _texts(Folder.at(tmp_path / "clean-back"), "ta") == texts
    truth, _ = build_truth(load_metadata(Folder.at(tmp_path / "clean")))
    queries = _texts(Folder.at(tmp_path / "clean-back"), "abstract", "queries")
    assert queries == {query: texts[query] for query in truth.query_ids}
    back, _ = build_truth(load_metadata(Folder.at(tmp_path / "clean-back")), exclude_family=False)
    pairs = set(zip(truth.query_ids[truth.query], truth.patent_ids[truth.patent], truth.relevance, strict=True))
    assert set(zip(back.query_ids[back.query], back.patent_ids[back.patent], back.relevance, strict=True)) == pairs
    assert len(pairs) == exported.pairs


def test_a_landscape_without_citations_goes_out_and_comes_back_as_its_corpus(
    tmp_path: Path, real_landscapes: Path
) -> None:
    prepare(Folder.at(real_landscapes / "a61"), Folder.at(tmp_path / "clean"))
    exported = export_beir(Folder.at(tmp_path / "clean"), Folder.at(tmp_path / "beir"), "ta")
    assert (exported.queries, exported.pairs) == (0, 0)
    run("beir", tmp_path / "beir", tmp_path / "back")
    prepare(Folder.at(tmp_path / "back"), Folder.at(tmp_path / "clean-back"))
    texts = _texts(Folder.at(tmp_path / "clean"), "ta")
    assert len(texts) == exported.patents
    assert _texts(Folder.at(tmp_path / "clean-back"), "ta") == texts
    assert not (tmp_path / "back" / "qrels.parquet").exists()


@pytest.mark.parametrize(("name", "view"), [("hair-dryer", "tac"), ("software", "ta")])
def test_mtebs_own_loader_reads_an_exported_folder(
    tmp_path: Path, real_landscapes: Path, monkeypatch: pytest.MonkeyPatch, name: str, view: str
) -> None:
    loaders = pytest.importorskip("mteb.abstasks.retrieval_dataset_loaders")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    prepare(Folder.at(real_landscapes / name), Folder.at(tmp_path / "clean"))
    export_beir(Folder.at(tmp_path / "clean"), Folder.at(tmp_path / "beir"), view)
    loaded = loaders.RetrievalDatasetLoader(str(tmp_path / "beir"), revision=None).load()
    truth, _ = build_truth(load_metadata(Folder.at(tmp_path / "clean")))
    assert sorted(loaded["queries"]["id"]) == truth.query_ids.tolist()
    assert sorted(loaded["corpus"]["id"]) == truth.patent_ids.tolist()
    expected: dict[str, dict[str, int]] = {}
    for query, patent, grade in zip(truth.query, truth.patent, truth.relevance, strict=True):
        expected.setdefault(truth.query_ids[query], {})[truth.patent_ids[patent]] = int(grade)
    assert loaded["relevant_docs"] == expected
    first = json.loads((tmp_path / "beir" / "corpus.jsonl").read_text().splitlines()[0])
    assert set(first) == {"_id", "title", "text"}
