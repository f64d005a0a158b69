"""DAPFAM's schema and quirks, and mteb's own task classes over the same data."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytrec_eval
from dapfam_samples import make_dapfam
from sampling import by_id, check_valid, counts, rows, run

from patray.errors import InputError
from patray.files import Folder
from patray.importers.dapfam import SECTIONS, VARIANTS, Variant
from patray.landscapes.load import iter_sections, load_metadata
from patray.landscapes.slices import make_slices
from patray.landscapes.truth import build_truth
from patray.landscapes.views import BUILT_IN, make_view, render
from patray.measures.definitions import parse_measure
from patray.measures.ranking import evaluate


@pytest.mark.parametrize("spelling", ["list", "json", "repr"])
def test_lists_in_every_spelling_give_the_same_landscape(tmp_path: Path, spelling: str) -> None:
    report = run("dapfam", make_dapfam(tmp_path / "in", spelling), tmp_path / "out")
    assert counts(report) == (150, 150, 0, 0)
    assert counts(report, "queries") == (25, 25, 0, 0)
    assert report["tables"]["qrels"]["kept"] == pq.read_metadata(tmp_path / "in" / "qrels_all.parquet").num_rows
    source = {row["relevant_id"]: row for row in pq.read_table(tmp_path / "in" / "corpus.parquet").to_pylist()}
    for name, row in by_id(tmp_path / "out").items():
        assert row["jurisdiction"] == source[name]["earliest_claim_jusrisdiction"]
        assert str(row["date"]) == source[name]["earliest_claim_date"]
        assert "; ".join(row["ipc"]) == source[name]["ipcr_codes_str"]
        assert row["description"] == source[name]["description_en"]
    assert {row["domain"] for row in rows(tmp_path / "out", "qrels")} == {"IN", "OUT", "NC"}
    check_valid(tmp_path / "out", tmp_path / "clean")


def test_classes_stand_in_where_there_are_no_full_codes(tmp_path: Path) -> None:
    folder = make_dapfam(tmp_path / "in")
    table = pq.read_table(folder / "corpus.parquet")
    classes = table["classifications_ipcr_list_first_three_chars_list"]
    empty = pa.nulls(table.num_rows, pa.string())
    pq.write_table(
        table.set_column(table.column_names.index("ipcr_codes_str"), "ipcr_codes_str", empty), folder / "corpus.parquet"
    )
    run("dapfam", folder, tmp_path / "out")
    assert [row["ipc"] for row in rows(tmp_path / "out")] == classes.to_pylist()


def test_a_missing_relations_file_and_a_renamed_column_are_errors(tmp_path: Path) -> None:
    folder = make_dapfam(tmp_path / "in")
    (folder / "qrels_all.parquet").rename(folder / "other.parquet")
    with pytest.raises(InputError, match="no qrels or relations Parquet file"):
        run("dapfam", folder, tmp_path / "out")
    table = pq.read_table(folder / "other.parquet").rename_columns(["query_id", "relevantid", "relevance_score", "d"])
    pq.write_table(table, folder / "relations.parquet")
    with pytest.raises(InputError, match=r"'relevant_id' .did you mean 'relevantid'"):
        run("dapfam", folder, tmp_path / "out")


@pytest.mark.parametrize("kind", [pa.float64(), pa.string(), pa.int64()], ids=str)
def test_grades_of_any_type_are_read_and_what_is_none_is_quarantined(tmp_path: Path, kind: pa.DataType) -> None:
    folder = make_dapfam(tmp_path / "in")
    table = pq.read_table(folder / "qrels_all.parquet")
    scores = table["relevance_score"].cast(pa.int64()).cast(kind).to_pylist()
    scores[0], scores[1] = None, {"int64": 3_000_000_000, "double": 3e9}.get(str(kind), "3e9")
    if kind != pa.int64():
        scores[2] = {"double": 0.5}.get(str(kind), "0.5")
    place = table.column_names.index("relevance_score")
    pq.write_table(table.set_column(place, "relevance_score", pa.array(scores, kind)), folder / "qrels_all.parquet")
    run("dapfam", folder, tmp_path / "out")
    bad = {(row["line"], row["reason"].split(":")[0]) for row in rows(tmp_path / "out", "quarantine")}
    fraction = {(3, "relevance_score is not a whole number")} if kind != pa.int64() else set()
    assert {one for one in bad if "relevance_score" in one[1]} == {
        (1, "relevance_score is missing"),
        (2, "relevance_score is beyond int32"),
    } | fraction
    assert len(rows(tmp_path / "out", "qrels")) == table.num_rows - 2 - len(fraction)


def test_the_variants_are_mtebs_eighteen() -> None:
    tasks = pytest.importorskip("mteb.tasks.retrieval.eng.dapfam_patent_retrieval")
    assert {variant.name for variant in VARIANTS} == {name for name in dir(tasks) if name.startswith("DAPFAM")}


def test_every_variant_has_mtebs_texts_qrels_and_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = pytest.importorskip("mteb.tasks.retrieval.eng.dapfam_patent_retrieval")
    folder = make_dapfam(tmp_path / "in")
    files = {"corpus": "corpus", "queries": "queries", "relations": "qrels_all"}
    monkeypatch.setattr(
        tasks, "load_dataset", lambda path, config, **_: pq.read_table(folder / f"{files[config]}.parquet").to_pylist()
    )
    run("dapfam", folder, tmp_path / "out")
    clean = Folder.at(tmp_path / "clean")
    check_valid(tmp_path / "out", tmp_path / "clean")
    for variant in VARIANTS:
        _compare(variant, getattr(tasks, variant.name), clean)


def _texts(clean: Folder, view_name: str, which: str) -> dict[str, str]:
    view = BUILT_IN.get(view_name) or make_view(view_name, SECTIONS[view_name])
    found = {}
    for batch in iter_sections(clean, view.sections, which):
        found.update(zip(batch.column("patent_id").to_pylist(), render(batch, view), strict=True))
    return found


def _compare(variant: Variant, task_class: type, clean: Folder) -> None:
    # The task's own loading and filtering, without the abstract task's constructor, which asks the hub.
    task = object.__new__(task_class)
    corpus, queries, relevant = (part["train"] for part in task.load_data())
    # mteb keeps the title apart and models see title + text; empty parts leave no blank line.
    documents = {name: "\n".join(part for part in (one["title"], one["text"]) if part) for name, one in corpus.items()}
    assert _texts(clean, variant.view, "patents") == documents
    assert _texts(clean, variant.query_view, "queries") == queries

    truth, _ = build_truth(load_metadata(clean))
    [part], _ = make_slices(truth, [variant.slice])
    ours: dict[str, dict[str, int]] = {}
    for query, patent, used in zip(truth.query, truth.patent, part.pairs, strict=True):
        if used:
            ours.setdefault(truth.query_ids[query], {})[truth.patent_ids[patent]] = 1
    assert ours == relevant

    generator = np.random.default_rng(5)
    scores = generator.random((len(truth.query_ids), len(truth.patent_ids)))
    scores[truth.query, truth.patent] += generator.random(len(truth.query))
    ranked = np.argsort(-scores, axis=1)[:, :100].astype(np.int32)
    names = {"nDCG@100": "ndcg_cut_100", "Recall@100": "recall_100"}
    found = evaluate(
        ranked,
        truth.query[part.pairs],
        truth.patent[part.pairs],
        truth.relevance[part.pairs],
        [parse_measure(name) for name in names],
    )
    run_dict = {
        truth.query_ids[q]: {truth.patent_ids[p]: float(scores[q, p]) for p in ranked[q]}
        for q in range(len(truth.query_ids))
    }
    theirs = pytrec_eval.RelevanceEvaluator(relevant, set(names.values())).evaluate(run_dict)
    for measure, values in found.items():
        expected = np.mean([theirs[query][names[str(measure)]] for query in relevant])
        assert abs(values[part.queries].mean() - expected) < 1e-9
