"""Fine-tuning in the report: sentences against planted effects, tables against verdicts, silence without recipes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from make_recipe_run import ABROAD, BASES, EFFECT, HOME, recipe_run, suite

from patray import tables
from patray.errors import InputError
from patray.files import Folder
from patray.report.answer import answers_for
from patray.report.data import Results, load_results
from patray.report.html import build_page, render_page
from patray.report.recipe_results import Curve, Verdict, load_recipes
from patray.report.sections.recipe_figures import BINS, change_rows, training_curves
from patray.report.sections.recipe_layouts import verdict_layouts
from patray.report.sections.recipe_words import main_verdicts, recipe_questions
from patray.report.words import plain
from patray.report.write import write_report
from patray.runs.resolve import resolve
from patray.runs.tuned_systems import controls, made_systems, untuned_systems
from patray.tasks.verdicts import Made


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return recipe_run(str(tmp_path_factory.mktemp("tuned") / "run"))


@pytest.fixture(scope="module")
def results(run: Folder) -> Results:
    return load_results(run)


def answer_to(results: Results, anchor: str) -> str:
    return " ".join(plain(point) for at, _, points in recipe_questions(results) if at == anchor for point in points)


def changed(results: Results, **fields: object) -> Results:
    """The same run with other verdicts on the rows that `which` chooses."""
    which = fields.pop("which")
    rows = tuple(replace(row, **fields) if which(row) else row for row in results.recipes.verdicts)  # type: ignore[operator,arg-type]
    return replace(results, recipes=replace(results.recipes, verdicts=rows))


def test_systems_families_hold_the_untuned_systems_and_the_verdict_has_its_own() -> None:
    declared = suite()
    families = {family.name: family for family in declared.statistics.comparisons or ()}
    plain_systems = (*BASES, "bm25")
    assert families["systems/retrieval"].systems == plain_systems
    assert families["systems/clustering"].systems == plain_systems
    for task in ("retrieval", "classification-knn", "clustering"):
        assert families[f"recipes/{task}"].between == "bases"
        assert families[f"recipe-pairs/{task}"].between == "recipes"
    assert resolve(declared) == declared
    made = made_systems(declared)
    assert len(made) == len(BASES) * 6
    assert made[f"minilm--R3--{HOME}--s2"] == Made("minilm", "R3", HOME, 2)
    assert controls(declared) == ("sham",)


def test_a_cut_tuned_model_is_compared_with_its_base_cut_alike_and_fusions_of_tuned_models_are_tuned() -> None:
    tuned = f"minilm--R1--{HOME}--s0"
    fields = suite(1).model_dump(mode="json", by_alias=True)
    fields["statistics"]["comparisons"] = None
    fields["tasks"]["retrieval"]["queries"] = "untuned"
    fields["systems"] = [
        {"dense": "minilm", "dimensions": [128, 64]},
        {"dense": tuned, "dimensions": 128},
        {"lexical": "bm25"},
        {"dense": tuned},
        {"linear": [tuned, "bm25"]},
    ]
    declared = resolve(type(suite(1)).model_validate(fields))
    made = made_systems(declared)
    assert made[f"{tuned}@128"].base == "minilm@128"
    assert made[tuned].base == "minilm"  # added, since nothing could be compared without it
    assert untuned_systems(declared.systems or (), {tuned}) == tuple(
        name for name in (str(system.name) for system in declared.systems or ()) if tuned not in name
    )
    plain_systems = (declared.statistics.comparisons or ())[0].systems
    assert plain_systems == ("minilm@128", "minilm@64", "bm25", "minilm")
    fields["systems"] = [{"dense": tuned, "precision": "int8"}]
    with pytest.raises(InputError, match="its base minilm stands there in no form of the same"):
        resolve(type(suite(1)).model_validate(fields))


def test_a_suite_without_recipes_declares_what_it_did() -> None:
    fields = suite().model_dump(mode="json", by_alias=True)
    fields |= {"recipes": [], "bases": [], "homes": [], "systems": None}
    fields["models"] = [entry for entry in fields["models"] if not entry["tuned"]]
    fields["statistics"]["comparisons"] = None
    found = resolve(type(suite()).model_validate(fields)).statistics.comparisons or ()
    assert [family.name for family in found] == [
        "systems/retrieval",
        "systems/classification-knn",
        "systems/clustering",
    ]
    assert all(family.systems is None for family in found)


def test_the_judge_writes_a_verdict_for_every_base_recipe_landscape_and_task(run: Folder) -> None:
    table = run.read_table("verdicts.parquet")
    assert table.schema == tables.VERDICTS
    assert table.num_rows == len(BASES) * len(EFFECT) * 3 * 3
    main = ("nDCG@10", "knn-macro-F1", "V-measure")
    means = [row for row in run.read_table("summary.parquet").to_pylist() if row["metric"] in main]
    summary = {(row["task"], row["landscape"], row["system"]): row["mean"] for row in means}
    for row in table.to_pylist():
        seeds = [summary[row["task"], row["landscape"], f"{row['base']}--{row['recipe']}--{HOME}--s{seed}"]
                 for seed in range(row["seeds"])]  # fmt: skip
        assert row["mean_tuned"] == pytest.approx(sum(seeds) / len(seeds))
        assert row["mean_base"] == pytest.approx(summary[row["task"], row["landscape"], row["base"]])
    comparisons = run.read_table("comparisons.parquet")
    families = comparisons.group_by("family").aggregate([([], "count_all")]).to_pylist()
    counted = {row["family"]: row["count_all"] for row in families}
    assert counted["systems/retrieval"] == 3 * 3  # three bases; bm25 was not scored here
    assert counted["recipes/retrieval"] == len(BASES) * 6 * 3
    assert counted["recipe-pairs/retrieval"] == len(BASES) * 3  # R1, R1-unmasked, R3 at home; the sham does not play
    assert run.read_table("trends.parquet").num_rows == 3


def test_a_planted_swap_of_recipes_is_found(results: Results) -> None:
    text = answer_to(results, "recipe-wins")
    for base in BASES:
        found = re.search(rf"On {base} tuned at {HOME}, (.*?)\. (No one recipe wins all: .*?)\.", text)
        assert found is not None
        assert found[1].startswith("the highest score changes with the task: R1 in retrieval")
        assert "R3 in classification by area" in found[1]
        swap = r"No one recipe wins all: (\S+) is significantly ahead of (\S+) in (.*), and behind it in (.*)"
        a, b, one, other = re.fullmatch(swap, found[2]).groups()  # type: ignore[union-attr]
        assert {(a, one), (b, other)} == {("R1", "retrieval"), ("R3", "classification by area")}
    assert "All recipes of a home had the same number of pairs" in text


def test_one_recipe_that_wins_everything_is_said_to_and_one_that_only_leads_is_not(results: Results) -> None:
    best = changed(results, which=lambda row: row.recipe == "R3", mean_tuned=0.99)
    pairs = {
        key: replace(seen, diff=-abs(seen.diff), p_adjusted=0.001) if "--R3--" in seen.b else seen
        for key, seen in results.by_pair.items()
    }
    sure = answer_to(replace(best, by_pair=pairs), "recipe-wins")
    assert "R3 wins all 3 tasks: significantly ahead of every other recipe in each." in sure
    level = {key: replace(seen, p_adjusted=0.9) for key, seen in pairs.items()}
    unsure = answer_to(replace(best, by_pair=level), "recipe-wins")
    assert "wins all 3" not in unsure
    assert "R3 scores highest in all 3 tasks, but is never significantly ahead of all" in unsure
    nothing = answer_to(replace(results, by_pair=level), "recipe-wins")
    assert "No difference between two recipes is seen in any task, so chance may choose among them." in nothing


def test_harm_abroad_is_counted_from_the_verdicts_without_the_sham(results: Results) -> None:
    foreign = [row for row in main_verdicts(results) if row.landscape in ABROAD and row.recipe != "sham"]
    degraded = sum(row.verdict == "degraded" for row in foreign)
    assert degraded >= 12  # retrieval of R1 and R1-unmasked, three bases, two landscapes
    text = answer_to(results, "abroad")
    assert f"Yes, in part: abroad, of {len(foreign)} comparisons" in text
    assert f"{degraded} degraded." in text
    limits = [row.min_detectable for row in foreign if row.verdict == "no difference seen" and row.task == "retrieval"]
    assert f"retrieval {min(limits):.3f} to {max(limits):.3f}" in text  # type: ignore[type-var]
    harmless = changed(results, which=lambda row: row.verdict == "degraded", verdict="no difference seen")
    assert "No harm is seen: abroad" in answer_to(harmless, "abroad")


def test_strength_is_claimed_by_order_and_p_alone_and_never_of_two_bases(results: Results, tmp_path: Path) -> None:
    assert "the stronger bases" not in answer_to(results, "abroad")  # three bases, nothing planted, p is 1/3 at best
    trend = replace(results.recipes.trends[0], tau=-1.0, ci_low=-1.0, ci_high=-0.4)
    for p, words in ((0.33, "but so few bases may be ordered so by chance"), (0.017, "lose more or gain less (")):
        told = replace(results, recipes=replace(results.recipes, trends=(replace(trend, p=p),)))
        assert f"the stronger bases lose more or gain less{', ' if p > 0.05 else ' ('}" in answer_to(told, "abroad")
        assert words in answer_to(told, "abroad")
    two = load_results(recipe_run(str(tmp_path / "two"), bases=2))
    assert two.recipes.trends == ()
    assert "is not claimed: 2 bases were tuned, and an order needs at least 3" in answer_to(two, "abroad")


def test_the_sham_must_not_help_and_it_is_said_when_it_does(results: Results) -> None:
    assert "It does not help, as it should be." in answer_to(results, "sham")
    helps = changed(results, which=lambda row: row.recipe == "sham" and row.task == "retrieval", verdict="improved")
    assert "It helps, which it should not" in answer_to(helps, "sham")
    without = replace(results, recipes=replace(results.recipes, controls=()))
    assert "No sham recipe was run" in answer_to(without, "sham")


def test_seeds_stand_beside_queries_and_one_seed_is_said_to_be_one(results: Results) -> None:
    text = answer_to(results, "seeds")
    assert re.search(r"Over 3 seeds, .*retrieval 0\.00\d beside 0\.00\d", text)
    single = changed(results, which=lambda row: row.seeds > 1, seeds=1, seed_sd=None)
    assert "what another seed would change is not known" in answer_to(single, "seeds")
    shaky = changed(results, which=lambda row: row.seeds > 1, ci_low_seeds=-1.0, ci_high_seeds=1.0)
    assert re.search(r"calls one, [1-9]\d* may vanish with other seeds", answer_to(shaky, "seeds"))
    two = changed(results, which=lambda row: row.seeds > 1, seeds=2, ci_low_seeds=None, ci_high_seeds=None)
    assert "none has the three seeds that an interval over other seeds needs" in answer_to(two, "seeds")


def test_recipes_that_differ_in_the_mask_alone_stand_side_by_side(results: Results) -> None:
    assert results.recipes.masks == (("R1", "R1-unmasked"),)
    text = answer_to(results, "mask")
    assert "R1 (masked: family, citation, text) and R1-unmasked (masked: nothing) differ in the mask alone." in text
    assert re.search(r"On minilm at mobility, retrieval: masked \+0\.0\d\d .* the mask is 0\.0\d\d better", text)
    parts = {part.anchor: part for section in build_page(results).sections for part in section.parts}
    panels = parts["recipes-mask"].panels
    assert [label for _, label in panels[0].legend] == ["R1", "R1-unmasked"]
    assert len(panels) == len(BASES)


def test_fine_tuning_is_answered_first_and_its_section_is_the_first(results: Results) -> None:
    page = build_page(results)
    assert [anchor for anchor, _, _ in page.first] == ["recipe-wins", "abroad", "sham", "seeds", "mask"]
    assert page.sections[0].anchor == "recipes"
    html = render_page(results)
    assert html.index("Does one recipe win all tasks?") < html.index('class="verdict"')
    anchors = [part.anchor for part in page.sections[0].parts]
    assert anchors[-3:] == ["recipes-mask", "recipes-curves", "recipes-pairs"]
    assert any(name == "Fine-tuning" for name, _ in page.methods)
    leaders = {answer.leader.system for answer in answers_for(results, "retrieval")}
    assert leaders == {"bge-base"}  # tuned models are compared with their bases, and lead no list


def test_the_pairs_of_every_recipe_are_shown_once_by_source_and_reason(results: Results) -> None:
    parts = {part.anchor: part for section in build_page(results).sections for part in section.parts}
    grid = parts["recipes-pairs"].panels[0].grid
    assert grid is not None
    rows = [tuple(cell.text for cell in row) for row in grid.rows]
    assert len(rows) == len(EFFECT) * 3
    assert ("R1", HOME, "citations", "cut to matched number", "900") in rows


def test_tables_hold_bases_and_recipes_against_home_and_foreign_landscapes(run: Folder, results: Results) -> None:
    names = write_report(run)
    assert sum("/verdicts-" in name or "/verdict-comparisons-" in name for name in names) == 2 * 2 * 3
    scores, compared = verdict_layouts(results)[:2]
    assert scores.columns == ("Base", "Recipe", "Seeds", f"{HOME} (home)", *ABROAD)
    assert len(scores.rows) == len(BASES) * (1 + len(EFFECT))
    by_key = {(row.base, row.recipe, row.landscape): row for row in results.recipes.verdicts if row.task == "retrieval"}
    for base, recipe, _, *cells in scores.rows:
        for landscape, cell in zip((HOME, *ABROAD), cells, strict=True):
            row = by_key[base, "R1" if recipe == "none" else recipe, landscape]
            if recipe == "none":
                assert cell == f"{row.mean_base:.4f}"
            else:
                assert cell.startswith(f"{row.mean_tuned:.4f}")
                marked = {"improved": "+", "degraded": "-"}.get(row.verdict, cell[-1])
                assert cell[-1] == marked
                assert ("*" in cell) == (row.verdict != "no difference seen")
    assert compared.columns == ("Landscape", "System A", "System B", "A", "B", "Difference", "p", "", "n")
    assert len(compared.rows) == len(by_key)


def test_figures_are_well_formed_and_name_every_recipe(results: Results) -> None:
    rows = [row for row in results.recipes.verdicts if (row.task, row.base) == ("retrieval", "minilm")]
    drawn = change_rows(rows, [HOME, *ABROAD], "nDCG@10")
    found = ET.fromstring(str(drawn))
    marks = [node for node in found.iter("path") if "m " in f"{node.get('class')} "]
    assert len(marks) == len(rows)
    assert sum("open" in str(node.get("class")) for node in marks) == sum(
        r.verdict == "no difference seen" for r in rows
    )
    curves = [curve for curve in results.recipes.curves if curve.base == "minilm"]
    lines = list(ET.fromstring(str(training_curves(curves, list(EFFECT), "nDCG@10"))).iter("polyline"))
    assert len(lines) == 2 * len(curves)
    assert max(len(str(node.get("points")).split()) for node in lines) <= BINS
    lonely = Curve("minilm", "R1", HOME, 0, (), ((0, 0.3),))
    ET.fromstring(str(training_curves([lonely], ["R1"], "loss")))


def test_numbers_that_do_not_exist_are_dashes(results: Results) -> None:
    empty = dict.fromkeys(("mean_base", "mean_tuned", "diff", "ci_low", "ci_high", "p_permutation", "p_adjusted",
                           "standard_error", "seed_sd", "min_detectable", "seed_component", "ci_low_seeds",
                           "ci_high_seeds"))  # fmt: skip
    bare = changed(results, which=lambda row: True, n=0, seeds=1, verdict="no difference seen", **empty)
    assert "nan" not in render_page(bare)
    assert all("nan" not in cell for layout in verdict_layouts(bare) for row in layout.rows for cell in row)


def test_a_run_without_recipes_says_nothing_of_them(demo: Folder) -> None:
    results = load_results(demo)
    assert recipe_questions(results) == []
    assert "recipes" not in [section.anchor for section in build_page(results).sections]
    assert verdict_layouts(results) == []


def test_a_verdict_table_of_another_format_is_refused_by_name(run: Folder, tmp_path: Path) -> None:
    other = Folder.at(str(tmp_path)).make()
    text = run.read_text("suite.yaml")
    other.write_table("verdicts.parquet", pa.table({"task": ["retrieval"]}))
    with pytest.raises(InputError, match=r"verdicts\.parquet: no column family"):
        load_recipes(other, text)


def test_the_table_of_verdicts_and_the_report_have_the_same_columns() -> None:
    assert sorted(Verdict.__dataclass_fields__) == sorted(tables.VERDICTS.names)


def test_every_seed_has_its_curve(run: Folder, results: Results) -> None:
    steps = run.read_table("training.parquet")
    assert steps.schema == tables.TRAINING
    taken = steps.filter(pc.and_(pc.equal(steps["model"], f"minilm--R3--{HOME}--s1"), pc.is_valid(steps["validation"])))
    curve = next(c for c in results.recipes.curves if (c.base, c.recipe, c.seed) == ("minilm", "R3", 1))
    assert [value for _, value in curve.validation] == taken["validation"].to_pylist()
