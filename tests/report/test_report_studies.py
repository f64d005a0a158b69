"""Studies of a run: numbers against the evidence, sentences against the numbers, silence without the systems."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from make_run import HOSTILE, demo_run
from make_study_run import KEPT, MODELS, study_run
from scipy import stats

from patray import tables
from patray.files import Folder
from patray.report.answer import answers_for
from patray.report.data import Results, load_results
from patray.report.declared import declared
from patray.report.html import build_page, render_page
from patray.report.page import Panel
from patray.report.questions import questions
from patray.report.sections.retention import retention_layouts
from patray.report.studied import PROMPTS, RETENTION, At
from patray.report.studies import with_studies
from patray.report.study_figures import Cut, Sizes, Width, retention_curves, score_by_size, weights
from patray.report.words import plain
from patray.report.write import write_report
from patray.statistics.draws import Draws
from patray.tasks.evidence import from_evidence
from patray.tasks.inference import summarise

AT = At("retrieval", "mobility", "ta", "nDCG@10")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return study_run(str(tmp_path_factory.mktemp("study") / "run"))


@pytest.fixture(scope="module")
def results(run: Folder) -> Results:
    return with_studies(run, load_results(run))


def values(run: Folder, system: str, part: str = "all") -> dict[str, float]:
    rows = run.read_table("evidence.parquet").to_pylist()
    wanted = ("retrieval", system, part)
    return {row["item_id"]: row["value"] for row in rows if (row["task"], row["system"], row["slice"]) == wanted}


def answer_to(results: Results, anchor: str) -> str:
    return " ".join(plain(point) for asked in questions(results) if asked.anchor == anchor for point in asked.points)


def panel(results: Results, anchor: str) -> Panel:
    parts = [part for section in build_page(results).sections for part in section.parts if part.anchor == anchor]
    return parts[0].panels[0]


def test_the_share_kept_is_that_of_the_evidence_and_lies_in_its_interval(run: Folder, results: Results) -> None:
    found = {study.system: study for study in results.studies.retention if study.at == AT}
    assert list(found) == ["minilm", "qwen3-0.6b"]
    for study in found.values():
        full = np.mean(list(values(run, study.system).values()))
        assert study.score == pytest.approx(full)
        for point in study.points:
            share = np.mean(list(values(run, point.system).values())) / full
            assert point.share.value == pytest.approx(share)
            assert point.share.low < share < point.share.high
            if point.precision == "float32":
                assert share == pytest.approx(KEPT[point.dimensions], abs=0.05)
    shapes = [(p.dimensions, p.precision, p.rescore, p.bytes, p.trained) for p in found["minilm"].points]
    assert shapes == [
        *((width, "float32", None, 4 * width, False) for width in (256, 128, 64)),
        (384, "int8", None, 384, True),
        (384, "binary", None, 48, True),
        (384, "binary", 10, 48, True),
    ]
    assert all(point.trained for point in found["qwen3-0.6b"].points)


def test_the_answer_says_what_is_kept_and_for_which_widths_the_model_was_not_trained(results: Results) -> None:
    text = answer_to(results, "retention")
    minilm = next(study for study in results.studies.retention if study.system == "minilm" and study.at == AT)
    for point in minilm.points[:3]:
        assert f"{100 * point.share.value:.1f}%" in text
    assert "of 384 dimensions (not trained for these widths)" in text
    assert "of 1,024 dimensions (the fewest" in text
    assert "48, 32 times fewer than all" in text


def test_the_papers_table_marks_widths_without_training_and_counts_the_models_of_a_mean(results: Results) -> None:
    wide, long = retention_layouts(results)[:2]
    assert wide.columns == ("System", "Width", "nDCG@10", "@512", "@256", "@128", "@64")
    rows = {row[0]: row[1:] for row in wide.rows}
    assert rows["minilm"][2] == ""
    assert all(cell.endswith("%*") for cell in rows["minilm"][3:])
    assert all(cell.endswith("%") for cell in rows["qwen3-0.6b"][2:])
    mean = np.mean([float(rows[name][3].rstrip("%*")) for name in ("minilm", "qwen3-0.6b")])
    assert float(rows["Mean (of models)"][3].partition("%")[0]) == pytest.approx(mean, abs=0.1)
    assert rows["Mean (of models)"][2].endswith("(1)")
    assert len(long.rows) == 2 + 6 + 4
    assert long.rows[-1][:5] == ("minilm@binary+r10", "384", "binary", "x10", "48")


def test_smaller_forms_are_tested_against_the_full_one_as_a_family_of_their_own(results: Results) -> None:
    asked = results.studies.of(AT, RETENTION)
    assert len(asked.found) == 10
    for seen in asked.found:
        declared_pair = results.by_pair.get(("retrieval", "mobility", "ta", "all", "nDCG@10", seen.b, seen.a))
        assert declared_pair is not None
        assert declared_pair.diff == pytest.approx(-seen.diff)
        assert declared_pair.p == pytest.approx(seen.p or 0)
        assert (seen.p_adjusted or 0) <= min(1, 10 * (seen.p or 0)) + 1e-12
        assert asked.compare(seen.b, seen.a) == seen.swapped()
    assert asked.compare("minilm", "bm25") is None


def test_the_change_of_the_gap_is_that_of_the_queries_in_both_fields(run: Folder, results: Results) -> None:
    (study,) = results.studies.gaps
    assert {change.after for change in study.changes} == {
        "linear(minilm,bm25)",
        "linear(qwen3-8b,bm25)",
        *(f"rrf{k}(minilm,bm25)" for k in (10, 60, 100)),
    }
    for change in study.changes:
        assert change.before == ("qwen3-8b" if "qwen" in change.after else "minilm")
        gaps = []
        for system in (change.before, change.after):
            inside, outside = values(run, system, "in"), values(run, system, "out")
            gaps.append(np.array([inside[query] - outside[query] for query in outside if query in inside]))
        assert change.n == len(gaps[0])
        assert change.change == pytest.approx(np.mean(gaps[1] - gaps[0]))
        assert change.gap_before == pytest.approx(gaps[0].mean())
        assert change.low < change.change < change.high


def test_whether_fusion_closes_the_gap_is_answered_with_its_test(results: Results) -> None:
    text = answer_to(results, "gap")
    assert "none of 5 fusions closes the gap between same field and other field, 1 widens it" in text
    widened = next(change for change in results.studies.gaps[0].changes if change.after == "linear(minilm,bm25)")
    assert f"linear(minilm,bm25) widens that of minilm by {widened.change:.3f}" in text
    assert "(p < 0.001)" in text


def test_the_weight_stands_with_its_interval_and_every_k_beside_the_others(results: Results) -> None:
    shown = panel(results, "retrieval-fusion")
    assert shown.grid is not None
    row = next(cells for cells in shown.grid.rows if cells[0].text == "linear(minilm,bm25)")
    assert (row[1].text, row[1].small) == ("0.7", "[0.55, 0.8]")
    assert "0.7; other validation queries would have picked 0.55 to 0.8)" in answer_to(results, "fusion")
    by_k = shown.extra[1].grid
    assert by_k is not None
    assert [column.title for column in by_k.columns[1:4]] == ["k = 10", "k = 60", "k = 100"]
    ranked = {row.system: row.mean for row in results.ranked("retrieval", "mobility", "nDCG@10", "ta")}
    assert [cell.value for cell in by_k.rows[0][1:4]] == [ranked[f"rrf{k}(minilm,bm25)"] for k in (10, 60, 100)]
    assert not any("fusion.weight" in cell.text for row in _tuned_rows(results) for cell in row)


def _tuned_rows(results: Results) -> list[Any]:
    sections = build_page(results).sections
    parts = [part for section in sections for part in section.parts if part.anchor.endswith("-tuned")]
    return [row for part in parts for found in part.panels if found.grid for row in found.grid.rows]


def test_what_the_prompt_changes_is_tested_and_only_prompts_differ(results: Results) -> None:
    asked = results.studies.of(AT, PROMPTS)
    (seen,) = asked.found
    assert {seen.a, seen.b} == {"qwen3-0.6b", "qwen3-0.6b-none"}
    assert f"qwen3-0.6b is {abs(seen.diff):.3f} [" in answer_to(results, "prompts")
    assert "above qwen3-0.6b-none (p < 0.001)" in answer_to(results, "prompts")
    grid = panel(results, "retrieval-prompts").grid
    assert grid is not None
    assert [row[-1].text for row in grid.rows] == [
        "query: “Instruct: Retrieve prior art for the patent Query:”",
        "none",
    ]


def test_scale_is_the_rank_correlation_over_one_system_a_checkpoint(results: Results) -> None:
    study = next(study for study in results.studies.scale if study.at == AT)
    assert {model.system for model in study.models} == set(MODELS)
    sizes = [model.size for model in study.models]
    scores = [model.score for model in study.models]
    assert study.found.tau.value == pytest.approx(stats.kendalltau(sizes, scores).statistic)
    assert study.found.rho.value == pytest.approx(stats.spearmanr(sizes, scores).statistic)
    assert study.found.pairs_within == 4
    assert study.found.p_within == pytest.approx(2 / 12)
    text = answer_to(results, "scale")
    assert "over 6 models the larger score higher (Kendall's tau 1.00" in text
    assert "within families (4 pairs of models) the larger score higher, but so few models may be ordered so" in text


def test_classification_has_its_own_studies_from_counts(results: Results) -> None:
    found = [study for study in results.studies.retention if study.at.task == "classification:area"]
    assert {study.system for study in found} == {"minilm", "qwen3-0.6b"}
    rows = {row.system: row.mean for row in results.ranked("classification:area", "mobility", "knn-macro-F1", "ta")}
    for study in found:
        for point in study.points:
            assert point.share.value == pytest.approx(rows[point.system] / rows[study.system])
    assert not [study for study in results.studies.gaps if study.at.task != "retrieval"]


def test_parts_stand_where_a_reader_expects_them(run: Folder, results: Results) -> None:
    page = render_page(results)
    anchors = re.findall(r'href="#(retrieval-[^"]+)"', page[: page.index("</nav>")])
    order = "systems domain fusion scale prompts retention"
    assert anchors == [f"retrieval-{name}" for name in order.split()]
    names = write_report(run)
    assert "tables/retention-retrieval-mobility-nDCG@10.tex" in names
    assert "tables/vectors-retrieval-mobility-nDCG@10.md" in names
    first = run.read_bytes("report.html")
    write_report(run)
    assert run.read_bytes("report.html") == first


def test_a_run_without_such_systems_or_without_evidence_has_no_studies(tmp_path: Path) -> None:
    plain = demo_run(str(tmp_path / "plain"))
    suite = yaml.safe_load(plain.read_text("suite.yaml"))
    suite["systems"] = [entry for entry in suite["systems"] if "dense" in entry or "lexical" in entry]
    plain.write_text("suite.yaml", yaml.safe_dump(suite))
    plain_run = load_results(plain)
    assert with_studies(plain, plain_run).studies == plain_run.studies
    bare = study_run(str(tmp_path / "bare"))
    bare.delete("evidence.parquet")
    found = with_studies(bare, load_results(bare))
    assert found.studies.retention == found.studies.gaps == found.studies.scale == ()


def test_two_models_claim_nothing_about_scale(tmp_path: Path) -> None:
    few = study_run(str(tmp_path / "few"))
    suite = yaml.safe_load(few.read_text("suite.yaml"))
    suite["systems"] = [entry for entry in suite["systems"] if entry.get("dense") in ("minilm", "bge-base", "bm25")]
    few.write_text("suite.yaml", yaml.safe_dump(suite))
    found = with_studies(few, load_results(few))
    assert found.studies.scale == ()
    assert answer_to(found, "scale") == ""
    assert found.studies.retention != ()


def test_a_suite_of_another_form_says_nothing() -> None:
    for text in ("", "- a", "systems: 3", "systems: [a, {dense: b}]", f"models: [{{name: '{HOSTILE}', record: 5}}]"):
        known = declared(text)
        assert known.plain() == []
    known = declared("systems: [{name: x, dense: m}]\nmodels: [{name: m, record: {name: m, repo: r, revision: v}}]")
    ((system, model),) = known.plain()
    assert (system.name, model.record, model.trained_for(64), model.size) == ("x", None, None, None)


def test_fine_tuned_models_are_no_points_of_scale_and_no_prompt_variants() -> None:
    text = "systems: [{name: x, dense: m}]\nmodels: [{name: m, tuned: {base: b}, record: {name: m}}]"
    assert declared(text).plain() == []


def test_widths_without_training_are_open_marks_that_say_so() -> None:
    widths = [Width(width, 0.9, 0.85, 0.95, trained) for width, trained in ((256, True), (128, False), (64, None))]
    drawing = retention_curves([Cut("a", tuple(widths))], "nDCG@10")
    root = ET.fromstring(str(drawing))
    marks = [node for node in root.iter() if node.get("class", "").startswith("m ")]
    said = {(node[0].text or ""): "open" in node.get("class", "") for node in marks}
    assert said == {
        "a at 256: 90.0%": False,
        "a at 128: 90.0%, not trained for this width": True,
        "a at 64: 90.0%, not known to be trained for this width": True,
    }


def test_families_are_joined_and_models_alone_are_not() -> None:
    families = [
        Sizes("q", (("q1", 600_000_000, 0.2), ("q2", 8_000_000_000, 0.3))),
        Sizes("m", (("m", 22_000_000, 0.1),)),
    ]
    root = ET.fromstring(str(score_by_size(families, "nDCG@10")))
    assert sum(node.tag == "polyline" for node in root.iter()) == 1
    assert sum(node.get("class", "").startswith("m ") for node in root.iter()) == 3


def test_figures_hold_hostile_names_as_text() -> None:
    bad = f"</title>{HOSTILE}&\x00\u202e"
    drawings = [
        retention_curves([Cut(bad, (Width(64, 0.9, float("nan"), float("nan"), None),))], bad),
        score_by_size([Sizes(bad, ((bad, 10, 0.1), (bad, 10, 0.1)))], bad),
    ]
    for drawing in drawings:
        assert not [node for node in ET.fromstring(str(drawing)).iter() if node.tag == "script"]


@pytest.mark.parametrize(
    ("number", "shown"), [(22_713_216, "22.7M"), (8e9, "8B"), (100_000_000, "100M"), (1_000_000, "1M"), (512, "512")]
)
def test_sizes_read_as_people_write_them(number: float, shown: str) -> None:
    assert weights(number) == shown


def test_every_answer_of_the_run_has_its_leader_in_the_view_of_its_studies(results: Results) -> None:
    for kind in ("retrieval", "classification"):
        for answer in answers_for(results, kind):
            assert any(study.at == answer.at for study in results.studies.retention)


def test_a_system_without_every_label_set_is_left_out_of_their_mean(tmp_path: Path) -> None:
    made = study_run(str(tmp_path / "sets"))
    evidence = made.read_table("evidence.parquet").to_pandas()
    more = evidence[evidence["task"] == "classification:area"].copy()
    more["task"] = "classification:other"
    more = more[more["system"] != "minilm@64"]
    both = pa.Table.from_pandas(pd.concat([evidence, more]), schema=tables.EVIDENCE, preserve_index=False)
    made.write_table("evidence.parquet", both)
    made.write_table("summary.parquet", summarise(from_evidence(both), made.read_table("items.parquet"), Draws(200)))
    found = with_studies(made, load_results(made))
    (study,) = [one for one in found.studies.retention if (one.at.task, one.model) == ("classification:*", "minilm")]
    assert "minilm@128" in {point.system for point in study.points}
    assert "minilm@64" not in {point.system for point in study.points}
