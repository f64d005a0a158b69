"""What the sentences may claim. Runs are made of a few rows, so that every claim can be checked by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from hypothesis import given
from hypothesis import strategies as st

from patray import tables
from patray.files import Folder
from patray.report.advice import headline, small_print
from patray.report.answer import answers_for, explain
from patray.report.comparison import Comparison
from patray.report.data import Results, load_results
from patray.report.findings import explain_cost, explain_domain, explain_fusion, explain_views
from patray.report.questions import questions
from patray.report.words import Name, plain
from patray.tasks.inference import verdict

MEANS = {"a": 0.30, "b": 0.28, "c": 0.20}
WHERE = {"task": "retrieval", "landscape": "land", "view": "tac", "slice": "all", "metric": "nDCG@10"}


def row(system: str, mean: float, **other: Any) -> dict[str, Any]:
    ends = {"ci_low": mean - 0.01, "ci_high": mean + 0.01}
    return {**WHERE, "system": system, "mean": mean, **ends, "n": 1204, **other}


def pair(a: str, b: str, diff: float, p: float | None, **other: Any) -> dict[str, Any]:
    numbers = {"mean_a": 0.3, "mean_b": 0.3 - diff, "diff": diff, "ci_low": diff - 0.005, "ci_high": diff + 0.005}
    tests = {"p_permutation": p, "p_t": p, "p_wilcoxon": p, "p_adjusted": p, "effect_size": 0.1}
    counts = {"wins": 5, "ties": 3, "losses": 2, "n": 1204, "min_detectable": 0.009}
    return {**WHERE, "family": "systems/retrieval", "system_a": a, "system_b": b, **numbers, **tests, **counts, **other}


def results_of(
    folder: Path,
    rows: list[dict[str, Any]],
    pairs: list[dict[str, Any]] = (),  # type: ignore[assignment]
    tuning: list[dict[str, Any]] = (),  # type: ignore[assignment]
    provenance: dict[str, Any] | None = None,
    systems: list[dict[str, Any]] = (),  # type: ignore[assignment]
) -> Results:
    run = Folder.at(folder)
    contents = {
        "summary": (tables.SUMMARY, rows),
        "comparisons": (tables.COMPARISONS, pairs),
        "tuning": (tables.TUNING, tuning),
        "map": (tables.MAP, []),
        "quarantine": (tables.QUARANTINE, []),
    }
    for name, (schema, found) in contents.items():
        run.write_table(f"{name}.parquet", pa.Table.from_pylist(list(found), schema=schema))
    run.write_json("provenance.json", provenance or {})
    run.write_text("suite.yaml", yaml.safe_dump({"name": "made", "systems": list(systems)}))
    return load_results(run)


def only(results: Results) -> str:
    return plain(explain(answers_for(results, "retrieval")[0]))


def test_a_system_is_best_only_when_it_is_significantly_above_every_other(tmp_path: Path) -> None:
    rows = [row(name, mean) for name, mean in MEANS.items()]
    results = results_of(tmp_path, rows, [pair("a", "b", 0.02, 0.003), pair("c", "a", -0.1, 0.0001)])
    answer = answers_for(results, "retrieval")[0]
    assert answer.clear
    assert answer.badge == "clear lead"
    assert plain(headline(results, [answer])) == (
        "Use a on title, abstract and all claims (tac). It is better than both other systems, by a test "
        "on 1,204 queries."
    )
    assert only(results) == (
        "a reading tac scores nDCG@10 0.300 [0.290, 0.310] over 1,204 queries, 0.020 [0.015, 0.025] above the "
        "runner-up b (p = 0.003). It is significantly ahead of both other systems in this view."
    )


def test_no_difference_comes_with_the_smallest_that_could_have_been_seen(tmp_path: Path) -> None:
    rows = [row(name, mean) for name, mean in MEANS.items()]
    results = results_of(tmp_path, rows, [pair("b", "a", -0.02, 0.31), pair("a", "c", 0.1, 0.0001)])
    answer = answers_for(results, "retrieval")[0]
    assert not answer.clear
    assert answer.badge == "no clear lead"
    assert plain(headline(results, [answer])) == (
        "Use a on title, abstract and all claims (tac). b is as good as far as 1,204 queries can tell."
    )
    assert only(results).endswith(
        "No difference to the runner-up b is seen: +0.020 [0.015, 0.025], p = 0.31; a difference of 0.009 "
        "nDCG@10 would have been seen 4 times in 5."
    )


def test_an_untested_lead_is_said_to_be_untested_and_the_tested_baseline_is_named(tmp_path: Path) -> None:
    rows = [row(name, mean) for name, mean in MEANS.items()]
    results = results_of(tmp_path, rows, [pair("a", "c", 0.1, 0.0001)])
    text = only(results)
    assert "0.020 above the runner-up b; this lead was not tested." in text
    assert text.endswith("It is 0.100 [0.095, 0.105] above c, the closest system it was tested against (p < 0.001).")
    assert "best" not in plain(headline(results, answers_for(results, "retrieval")))


def test_a_runner_up_that_wins_the_paired_test_is_named_as_ahead(tmp_path: Path) -> None:
    results = results_of(tmp_path, [row("a", 0.3), row("b", 0.28)], [pair("a", "b", -0.02, 0.001)])
    assert "in the paired test the runner-up b is ahead by 0.020 [0.015, 0.025] (p = 0.001)" in only(results)
    assert answers_for(results, "retrieval")[0].badge == "no clear lead"


def test_a_system_alone_is_compared_with_nothing(tmp_path: Path) -> None:
    results = results_of(tmp_path, [row("a", 0.3)])
    assert answers_for(results, "retrieval")[0].badge == "only system"
    assert plain(headline(results, answers_for(results, "retrieval"))) == (
        "Only one system was run to find earlier patents, a, so none can be said to be the better one. Of the texts "
        "that it read, title, abstract and all claims (tac) gives the highest nDCG@10, 0.300 (1,204 queries)."
    )
    assert only(results).endswith("no other system was run in this view, so there is nothing to compare it with.")


def test_a_system_alone_in_its_view_is_not_said_to_be_the_only_one(tmp_path: Path) -> None:
    results = results_of(tmp_path, [row("a", 0.3), row("b", 0.2, view="ta")])
    text = plain(headline(results, answers_for(results, "retrieval")))
    assert text == (
        "a on title, abstract and all claims (tac) scores highest (1,204 queries), but no other system read that text, "
        "so this was not tested."
    )


def test_without_any_significant_lead_there_is_no_clear_leader(tmp_path: Path) -> None:
    rows = [row(name, mean, landscape=land) for land, name, mean in zip("xxyy", "abba", (3, 2, 3, 2), strict=True)]
    pairs = [pair("a", "b", 0.01, 0.4, landscape="x"), pair("a", "b", -0.01, 0.2, landscape="y")]
    results = results_of(tmp_path, rows, pairs)
    assert plain(headline(results, answers_for(results, "retrieval"))) == (
        "Use a on title, abstract and all claims (tac). On x (1,204 queries) and y (1,204 queries), it is first, or as "
        "good as the first as far as these can tell. b is as good on both, by the same test."
    )


def test_a_missing_interval_is_not_invented(tmp_path: Path) -> None:
    results = results_of(tmp_path, [row("a", 0.3, ci_low=None, ci_high=None)])
    assert "scores nDCG@10 0.300 over 1,204 queries" in only(results)
    assert "[" not in only(results)


@given(
    st.permutations(["a", "b", "c", "d"]),
    st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=6, max_size=6),
    st.lists(st.floats(-0.2, 0.2), min_size=6, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_a_clear_lead_needs_every_corrected_test(
    order: list[str], ps: list[float | None], diffs: list[float], turned: list[bool]
) -> None:
    rows = [row(name, 0.3 - 0.01 * index) for index, name in enumerate(order)]
    pairs = []
    for (x, y), p, diff, turn in zip(itertools.combinations(order, 2), ps, diffs, turned, strict=True):
        pairs.append(pair(y, x, -diff, p) if turn else pair(x, y, diff, p))
    results = in_memory(rows, pairs)
    answer = answers_for(results, "retrieval")[0]
    assert answer.leader.system == order[0]
    won = {
        (found["system_a"] if found["diff"] > 0 else found["system_b"])
        for found in pairs
        if order[0] in (found["system_a"], found["system_b"])
        and verdict({**found, "diff": abs(found["diff"])}) == "better"
        and found["diff"] != 0
    }
    tested = [f for f in pairs if order[0] in (f["system_a"], f["system_b"])]
    all_significant = all(f["p_adjusted"] is not None and f["p_adjusted"] < 0.05 and f["diff"] != 0 for f in tested)
    assert answer.clear == (all_significant and won == {order[0]})
    assert ("It is better than" in plain(headline(results, [answer]))) == answer.clear


LEXICAL = "systems:\n- {name: bm25, lexical: bm25}\n- {name: minilm, dense: minilm}\n"


def named(results: Results, suite: str = LEXICAL, provenance: dict[str, Any] | None = None) -> Results:
    return replace(results, suite_text=suite, provenance=provenance or {})


def test_a_keyword_search_that_is_as_good_is_said_to_embed_nothing_and_the_cost_stands_beside_it() -> None:
    rows, pairs = [row("minilm", 0.3, n=224), row("bm25", 0.29, n=224)], [pair("minilm", "bm25", 0.01, 0.4, n=224)]
    step = {"step": "embed", "model": "minilm", "view": "tac", "role": "document", "patents": 500, "cpu_hours": 0.001}
    results = named(in_memory(rows, pairs), provenance={"steps": [{**step, "cost_usd": 0.0002}]})
    answers = answers_for(results, "retrieval")
    assert plain(headline(results, answers)) == (
        "Use the embedding model minilm on title, abstract and all claims (tac). bm25, a keyword search with nothing "
        "to embed, is as good as far as 224 queries can tell."
    )
    small = [plain(sentence) for sentence in small_print(results, answers)]
    assert small[0].startswith(
        "Measured by nDCG@10, from 0 to 1 (1 is perfect): how high up the relevant patents stand"
    )
    assert "224 queries show a true difference of 0.009 in nDCG@10 4 times in 5" in small[2]
    assert small[3] == "Cost: minilm about 2.00 CPU-hours ($0.40) for a million patents; bm25 nothing to embed."


def test_from_three_queries_nothing_is_said() -> None:
    drop = {"slice": "out", "metric": "nDCG@10.drop"}
    rows = [row("a", 0.3, n=3), row("b", 0.2, n=3), row("a", 0.32, slice="in", n=3), row("a", 0.1, slice="out", n=3)]
    results = in_memory([*rows, row("a", 0.49, n=3, **drop)], [pair("a", "b", 0.1, 0.01, n=3)])
    answers = answers_for(results, "retrieval")
    assert plain(headline(results, answers)) == "No system can be recommended: land (3 queries) are too few."
    assert questions(results) == []
    assert plain(explain(answers[0])).endswith("over 3 queries: too few to say which system is the best.")


def test_a_slice_of_few_queries_is_counted_and_not_described() -> None:
    drop = {"slice": "out", "metric": "nDCG@10.drop"}
    rows = [row("a", 0.3), row("a", 0.32, slice="in"), row("a", 0.1, slice="out", n=1), row("a", 0.49, n=1, **drop)]
    results = in_memory(rows, [])
    text = explain_domain(results, answers_for(results, "retrieval")[0], (Name("land"),))
    assert text is not None
    assert plain(text) == "On land, 1 query has a relevant patent in another field: too few to say what is lost."


@given(st.floats(-0.9, 0.9), st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_a_rise_or_fall_is_one_only_where_its_interval_says_so(drop: float, below: float, above: float) -> None:
    low, high = drop - below, drop + above
    found = row("a", drop, slice="out", metric="nDCG@10.drop", ci_low=low, ci_high=high)
    results = in_memory([row("a", 0.3), row("a", 0.32, slice="in"), row("a", 0.1, slice="out"), found], [])
    text = explain_domain(results, answers_for(results, "retrieval")[0], (Name("land"),))
    assert text is not None
    said = plain(text)
    assert (" rises by " in said) == (high < 0)
    assert (" falls by " in said) == (low > 0)
    assert (" is not seen to change " in said) == (low <= 0 <= high)


def test_identical_systems_are_said_to_be_identical() -> None:
    same = {"wins": 0, "ties": 1204, "losses": 0, "ci_low": 0.0, "ci_high": 0.0}
    results = in_memory([row("a", 0.3), row("b", 0.3)], [pair("a", "b", 0.0, 1.0, **same)])
    answers = answers_for(results, "retrieval")
    assert plain(headline(results, answers)).endswith("b is as good: the same score on each of 1,204 queries.")
    assert plain(explain(answers[0])).endswith("The runner-up b scores the same on each of the 1,204 queries.")


def in_memory(rows: list[dict[str, Any]], pairs: list[dict[str, Any]]) -> Results:
    """Results without files, for many small cases."""
    from patray.report import data

    made = tuple(
        data.Row(**data._fields(r, "task landscape view system slice metric", "mean ci_low ci_high", "n")) for r in rows
    )
    compared: tuple[Comparison, ...] = tuple(data.comparison_of(found) for found in pairs)
    by_pair = {(c.task, c.landscape, c.view, c.slice, c.metric, c.a, c.b): c for c in compared}
    return Results(made, compared, (), {}, (), {}, "", data._index_rows(made), by_pair)


@given(st.floats(-0.2, 0.2), st.one_of(st.none(), st.floats(0, 1)))
def test_the_verdict_is_that_of_the_statistics(diff: float, p: float | None) -> None:
    seen = in_memory([], [pair("a", "b", diff, p)]).comparisons[0]
    official = verdict({"p_adjusted": p, "diff": diff})
    assert {"level": "no difference seen", "untested": "no difference seen"}.get(seen.verdict, seen.verdict) == official
    assert seen.swapped().swapped() == seen


def test_one_sentence_over_landscapes_counts_clear_leads_and_names_the_safe_choice(tmp_path: Path) -> None:
    rows = [row("a", 0.3), row("b", 0.28), row("b", 0.4, landscape="other"), row("a", 0.39, landscape="other")]
    pairs = [pair("a", "b", 0.02, 0.001), pair("a", "b", -0.01, 0.4, landscape="other")]
    results = results_of(tmp_path, rows, pairs)
    assert plain(headline(results, answers_for(results, "retrieval"))) == (
        "Use a on title, abstract and all claims (tac). On land (1,204 queries) and other (1,204 queries), it is "
        "first, or as good as the first as far as these can tell."
    )
    one = [row(name, mean, landscape=land) for land in ("x", "y", "z") for name, mean in MEANS.items()]
    clear = [pair("a", other, 0.02, 0.001, landscape=land) for land in ("x", "y") for other in ("b", "c")]
    mixed = [pair("a", "b", 0.02, 0.4, landscape="z"), pair("a", "c", 0.1, 0.001, landscape="z")]
    results = results_of(tmp_path / "2", one, [*clear, *mixed])
    assert plain(headline(results, answers_for(results, "retrieval"))) == (
        "Use a on title, abstract and all claims (tac). It scores highest on x (1,204 queries), y (1,204 queries) and "
        "z (1,204 queries), and is better than every other system on 2 of them. On z, b is as good as far as 1,204 "
        "queries can tell."
    )


def test_the_mean_over_label_sets_answers_where_there_is_one_and_each_set_where_there_is_none(tmp_path: Path) -> None:
    rows = [
        row("a", 0.5, task=task, metric="knn-macro-F1", landscape=land)
        for land, sets in {"two": ["*", "area", "ipc"], "one": ["area"]}.items()
        for task in (f"classification:{name}" for name in sets)
    ]
    answers = answers_for(results_of(tmp_path, rows), "classification")
    assert [(answer.landscape, answer.task) for answer in answers] == [
        ("two", "classification:*"),
        ("one", "classification:area"),
    ]


def test_views_are_compared_by_their_own_family(tmp_path: Path) -> None:
    rows = [row("a", 0.30), row("a", 0.27, view="ta"), row("b", 0.20), row("b", 0.21, view="ta")]
    views = pair("a@ta", "a@tac", -0.03, 0.002, view="*", family="views/retrieval")
    results = results_of(tmp_path, rows, [views])
    answer = answers_for(results, "retrieval")[0]
    text = explain_views(results, answer, (Name("land"),))
    assert text is not None
    assert plain(text) == (
        "On land, no one text scores highest for most systems; for a, tac is 0.030 [0.025, 0.035] above ta (p = 0.002)."
    )


def test_the_fall_across_fields_is_a_share_with_its_interval(tmp_path: Path) -> None:
    drop = {"slice": "out", "metric": "nDCG@10.drop"}
    rows = [row("a", 0.30), row("b", 0.2), row("a", 0.32, slice="in"), row("a", 0.12, slice="out")]
    rows += [row("a", 0.62, **drop), row("b", 0.55, **drop)]
    results = results_of(tmp_path, rows)
    text = explain_domain(results, answers_for(results, "retrieval")[0], (Name("land"),))
    assert text is not None
    assert plain(text) == (
        "On land, nDCG@10 of a falls by 62% [61%, 63%] from 0.320 within the query's field (1,204 queries) "
        "to 0.120 across fields (1,204 queries); "
        "the smallest fall in this view is b's 55%."
    )


def test_a_rise_across_fields_is_not_called_a_fall(tmp_path: Path) -> None:
    drop = {"slice": "out", "metric": "nDCG@10.drop"}
    rows = [row("a", 0.30), row("b", 0.2), row("a", 0.25, slice="in"), row("a", 0.30, slice="out")]
    for most, end in (
        ("a", ", the largest rise of all systems in this view."),
        ("b", "; the largest rise in this view is b's 40%."),
    ):
        drops = [row("a", -0.2, **drop), row("b", -0.4 if most == "b" else 0.1, **drop)]
        results = results_of(tmp_path, rows + drops)
        text = explain_domain(results, answers_for(results, "retrieval")[0], (Name("land"),))
        assert text is not None
        assert plain(text) == (
            "On land, nDCG@10 of a rises by 20% [19%, 21%] from 0.250 within the query's field (1,204 queries) "
            "to 0.300 across fields (1,204 queries)" + end
        )


def test_another_leader_across_fields_is_named_with_its_own_test(tmp_path: Path) -> None:
    rows = [row("a", 0.30), row("b", 0.2)]
    rows += [
        row(name, mean, slice=part)
        for part, found in {"in": (0.32, 0.2), "out": (0.12, 0.15)}.items()
        for name, mean in zip("ab", found, strict=True)
    ]
    pairs = [pair("a", "b", 0.1, 0.001), pair("a", "b", -0.03, 0.4, slice="out")]
    results = results_of(tmp_path, rows, pairs)
    text = explain_domain(results, answers_for(results, "retrieval")[0], (Name("land"),))
    assert text is not None
    assert plain(text) == (
        "On land, nDCG@10 of a goes from 0.320 within the query's field (1,204 queries) "
        "to 0.120 across fields (1,204 queries). Across fields b scores "
        "highest, 0.150, level with a: no difference seen (+0.030 [0.025, 0.035], p = 0.40; a difference of 0.009 "
        "nDCG@10 would have been seen 4 times in 5)."
    )


def test_a_fusion_is_measured_against_the_better_of_its_parts(tmp_path: Path) -> None:
    rows = [row("linear(a,b)", 0.33), row("a", 0.30), row("b", 0.28)]
    weights = [
        {
            **WHERE,
            "system": "linear(a,b)",
            "parameter": "fusion.weight",
            "value": w,
            "mean": 0.3,
            "n": 9,
            "chosen": w == 0.7,
        }
        for w in (0.0, 0.7, 1.0)
    ]
    systems = [
        {"name": "a", "dense": "a"},
        {"name": "b", "lexical": "bm25"},
        {"name": "linear(a,b)", "linear": ["a", "b"]},
    ]
    results = results_of(tmp_path, rows, [pair("linear(a,b)", "a", 0.03, 0.004)], weights, systems=systems)
    text = explain_fusion(results, answers_for(results, "retrieval")[0], (Name("land"),))
    assert text is not None
    assert plain(text) == "On land, linear(a,b) (weight of a 0.7) is 0.030 [0.025, 0.035] above a (p = 0.004)."


def test_hours_of_reused_steps_are_not_spent_again(tmp_path: Path) -> None:
    step = {"step": "embed", "inputs": 100, "tokens": 5000, "seconds": 10.0, "cpu_hours": 2.0, "cost_usd": None}
    steps = [{**step, "reused": False}, {**step, "reused": True, "seconds": 0.0}]
    results = results_of(tmp_path, [row("a", 0.3)], provenance={"seconds": 61.0, "steps": steps})
    assert plain(explain_cost(results)) == (
        "The run took 1 min 1 s. It embedded 100 texts (5,000 tokens) in 10 s, start-up not counted. "
        "1 set of embeddings was reused from earlier runs. Spent: 2.00 CPU-hours; $0.10 at an "
        "example price of $0.05 a core-hour (the suite names no prices)."
    )


def test_a_run_that_cannot_answer_a_question_is_not_asked_it(tmp_path: Path) -> None:
    assert questions(results_of(tmp_path, [row("a", 0.3)])) == []


def test_means_over_label_sets_that_no_resample_tells_apart_are_identical(tmp_path: Path) -> None:
    task = {"task": "classification:*", "metric": "knn-macro-F1"}
    rows = [row(name, 0.7, **task) for name in ("a", "b")]
    same = pair("a", "b", 0.0, 1.0, wins=None, ties=None, losses=None, ci_low=0.0, ci_high=0.0, **task)
    results = results_of(tmp_path, rows, [same])
    answers = answers_for(results, "classification")
    assert "b is as good: the same score on each of 1,204 patents." in plain(headline(results, answers))
    near = pair("a", "b", 0.0, 1.0, wins=None, ties=None, losses=None, **task)
    assert not results_of(tmp_path / "near", rows, [near]).comparisons[0].identical
