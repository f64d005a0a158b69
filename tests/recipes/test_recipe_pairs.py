"""No recipe trains on anything of a validation or test family; pairs, counts and cuts are what plain loops say."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from wild_landscapes import SECTIONS, Wild, folded, make_wild, split_of, text_of

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.landscapes.validate import prepare
from patray.recipes.allot import allot
from patray.recipes.match import match
from patray.recipes.pairs import PAIRS, PairSet, make_pairs
from patray.recipes.read import change_recipe, find_recipe, recipes
from patray.recipes.record import Recipe
from patray.recipes.sift import KEPT

WILD = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SMALL = {"batch": 2, "mini_batch": 2}


def small(name: str, **values: object) -> Recipe:
    return change_recipe(find_recipe(name), {**SMALL, **values})


def counts_of(pairs: PairSet, source: str) -> dict[str, int]:
    return {row["reason"]: row["pairs"] for row in pairs.counts.to_pylist() if row["source"] == source}


def assert_no_leak(pairs: PairSet, wild: Wild, recipe: Recipe, split: str = "train") -> None:
    foreign = wild.foreign_families(split)
    ids = {one["patent_id"] for one in wild.documents if wild.family_of(one) in foreign}
    # An id may stand for two documents; both sides of it are foreign then.
    views = {SECTIONS[str(text)] for source in recipe.sources for text in (source.anchor, source.positive)}
    told = {folded(text_of(one, view)) for one in wild.documents if one["patent_id"] in ids for view in views}
    assert pairs.table.num_rows
    for row in pairs.table.to_pylist():
        for side in ("anchor", "positive"):
            assert row[f"{side}_family"] not in foreign
            assert row[f"{side}_id"] not in ids
            assert folded(row[side]) not in told


@pytest.mark.parametrize("name", list(recipes()))
@given(seed=st.integers(0, 10_000), by_qrels=st.booleans())
@WILD
def test_no_pair_touches_a_validation_or_test_family_by_id_family_or_text(
    name: str, seed: int, by_qrels: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wild = make_wild(tmp_path_factory.mktemp("wild"), seed, by_qrels=by_qrels)
    recipe = small(name, seed=seed)
    pairs = make_pairs(wild.folder, recipe)
    assert pairs.table.schema == PAIRS
    assert_no_leak(pairs, wild, recipe)
    assert not any(column.null_count for column in pairs.table.columns)
    for source in pairs.weights:
        counted = counts_of(pairs, source)
        assert counted.pop("found") == sum(counted.values())
        assert counted[KEPT] == pairs.table["source"].to_pylist().count(source)


@given(seed=st.integers(0, 10_000))
@WILD
def test_validation_pairs_touch_validation_families_alone(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    wild = make_wild(tmp_path_factory.mktemp("wild"), seed, patents=120)
    recipe = small("R3")
    assert_no_leak(make_pairs(wild.folder, recipe, split="validation"), wild, recipe, "validation")


def assert_clean(prepared: Folder, pairs: PairSet, recipe: Recipe) -> None:
    """As `assert_no_leak`, from the files of a clean copy without label splits and shared ids."""
    views = {SECTIONS[str(text)] for source in recipe.sources for text in (source.anchor, source.positive)}
    columns = ["patent_id", "family_id", *dict.fromkeys(section for view in views for section in view)]
    held: set[str] = set()
    kept: dict[str, str] = {}
    for which in ("patents", "queries"):
        for part in (prepared / which).list():
            for row in prepared.read_table(f"{which}/{part}", columns).to_pylist():
                family = row["family_id"] or row["patent_id"]
                if split_of(family) == "train":
                    kept[row["patent_id"]] = family
                else:
                    held |= {folded(text_of(row, view)) for view in views}
    assert pairs.table.num_rows
    for row in pairs.table.to_pylist():
        for side in ("anchor", "positive"):
            assert kept[row[f"{side}_id"]] == row[f"{side}_family"]
            assert folded(row[side]) not in held


@pytest.mark.parametrize("name", list(recipes()))
def test_no_recipe_leaks_on_a_generated_landscape(name: str, tmp_path: Path) -> None:
    generate(Folder.at(tmp_path / "made"), seed=4, patents=400, queries=30, duplicate_share=0.05)
    prepared = prepare(Folder.at(tmp_path / "made"), Folder.at(tmp_path / "clean"), "made").folder
    pairs = make_pairs(prepared, small(name))
    assert_clean(prepared, pairs, find_recipe(name))
    assert sum(row["pairs"] for row in pairs.counts.to_pylist() if row["reason"].startswith("text of a valid")) > 0
    if name == "R4":
        assert list(pairs.weights) == ["cross-section:abstract~claims", "citations", "shared-label"]


@pytest.mark.parametrize("name", list(recipes()))
def test_no_recipe_leaks_on_a_real_landscape(name: str, real_landscapes: Path, tmp_path: Path) -> None:
    landscape = "hair-dryer" if name == "R2" else "ultrasound"  # ultrasound has no classes
    prepared = prepare(Folder.at(real_landscapes / landscape), Folder.at(tmp_path / "clean"), landscape).folder
    assert_clean(prepared, make_pairs(prepared, small(name)), find_recipe(name))


@pytest.mark.parametrize("direction", ["cited", "citing", "both"])
@given(seed=st.integers(0, 10_000))
@settings(WILD, max_examples=6)
def test_citation_pairs_are_those_of_a_plain_loop(
    direction: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wild = make_wild(tmp_path_factory.mktemp("wild"), seed)
    recipe = small("R1", **{"sources.0.direction": direction})
    got = make_pairs(wild.folder, recipe)
    foreign = wild.foreign_families()
    by_id = {one["patent_id"]: one for one in wild.documents}  # a query document wins
    bad = {one["patent_id"] for one in wild.documents if wild.family_of(one) in foreign}
    told = {folded(text_of(one, SECTIONS["ta"])) for one in wild.documents if one["patent_id"] in bad}
    by_hash = {wild.group_of(id): "train" for id in by_id}
    for one in wild.documents:
        if split_of(wild.family_of(one)) != "train":
            by_hash[wild.group_of(one["patent_id"])] = "other"
    allowed = set()
    reasons: Counter[str] = Counter()
    for citing, cited in wild.citations:
        a, b = by_id[citing], by_id[cited]
        texts = folded(text_of(a, SECTIONS["ta"])), folded(text_of(b, SECTIONS["ta"]))
        if "other" in (by_hash[wild.group_of(citing)], by_hash[wild.group_of(cited)]):
            reasons["validation or test family"] += 1
        elif {citing, cited} & bad:
            reasons["validation or test row of a label file"] += 1
        elif wild.group_of(citing) == wild.group_of(cited):
            reasons["same family"] += 1
        elif set(texts) & told:
            reasons["text of a validation or test family"] += 1
        elif texts[0] == texts[1]:
            reasons["one text twice"] += 1
        else:
            allowed.add(((citing, cited), frozenset(texts)))
    found = list(zip(got.table["anchor_id"].to_pylist(), got.table["positive_id"].to_pylist(), strict=True))
    as_cited = {pair for pair, _ in allowed}
    for pair in found:
        turned = pair if direction == "cited" else pair[::-1]
        assert turned in as_cited or (direction == "both" and pair in as_cited)
    # Each pair of texts once: of these there are as many as pairs kept.
    assert len(found) == len({texts for _, texts in allowed})
    rows = got.table.to_pylist()
    assert len({frozenset((folded(row["anchor"]), folded(row["positive"]))) for row in rows}) == len(rows)
    for row in rows:
        for side in ("anchor", "positive"):
            assert row[side] == text_of(by_id[row[f"{side}_id"]], SECTIONS["ta"])
    counted = counts_of(got, got.table["source"][0].as_py())
    assert counted["found"] == len(wild.citations)
    assert {reason: counted.get(reason, 0) for reason in reasons} == reasons


def labels_of(wild: Wild, most: float) -> tuple[dict[str, set[str]], set[str]]:
    """The labels of the files by patent, and those that at most a share of the labelled training patents have."""
    labels: dict[str, set[str]] = {}
    for name, rows in wild.labels.items():
        for row in rows:
            labels.setdefault(row["patent_id"], set()).update(f"{name} {label}" for label in row["labels"])
    foreign = wild.foreign_families()
    bad = {one["patent_id"] for one in wild.documents if wild.family_of(one) in foreign}
    own = [id for id in labels if id not in bad]
    held = Counter(label for id in own for label in labels[id])
    return labels, {label for label, n in held.items() if n <= most * len(own)}


@given(seed=st.integers(0, 10_000))
@settings(WILD, max_examples=8)
def test_shared_label_pairs_share_a_label_that_is_not_everybodys(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wild = make_wild(tmp_path_factory.mktemp("wild"), seed)
    recipe = small("R2", **{"sources.0.labels": ["files"], "sources.0.max_label_share": 0.4})
    got = make_pairs(wild.folder, recipe)
    labels, rare = labels_of(wild, 0.4)
    assert got.table.num_rows
    for row in got.table.to_pylist():
        assert labels[row["anchor_id"]] & labels[row["positive_id"]] & rare
        assert row["anchor_family"] != row["positive_family"]
    assert max(Counter(got.table["anchor_id"].to_pylist()).values()) == 1
    assert counts_of(got, "shared-label").get("same family", 0) == 0  # a partner is looked for elsewhere


@pytest.mark.parametrize("name", list(recipes()))
def test_the_same_seed_gives_the_same_pairs_and_another_seed_another_order(name: str, tmp_path: Path) -> None:
    wild = make_wild(tmp_path, 7)
    first, again = (make_pairs(wild.folder, small(name, seed=3)) for _ in range(2))
    assert first.table.equals(again.table)
    assert first.counts.equals(again.counts)
    assert not first.table.equals(make_pairs(wild.folder, small(name, seed=4)).table)


def test_a_source_draws_the_same_pairs_in_whatever_recipe_it_stands(tmp_path: Path) -> None:
    wild = make_wild(tmp_path, 7)
    alone = make_pairs(wild.folder, small("R1")).table
    among = make_pairs(wild.folder, small("R4")).table
    rows = [row for row in among.to_pylist() if row["source"] == "citations"]
    assert rows == alone.to_pylist()


def true_pairs(wild: Wild, source: str) -> set[tuple[str, str]]:
    """What would make a shuffled pair true, by the kind of source."""
    by_id = {one["patent_id"]: one for one in wild.documents}
    family = {id: wild.group_of(id) for id in by_id}
    pairs = {(a, b) for a, b in itertools.product(by_id, repeat=2) if family[a] == family[b]}
    if source == "citations":
        joined = {frozenset((family[a], family[b])) for a, b in wild.citations}
        pairs |= {(a, b) for a, b in itertools.product(by_id, repeat=2) if frozenset((family[a], family[b])) in joined}
    if source == "shared-label":
        labels, rare = labels_of(wild, 0.3)
        pairs |= {(a, b) for a, b in itertools.product(labels, repeat=2) if labels[a] & labels[b] & rare}
    return pairs


@pytest.mark.parametrize("name", ["R1", "R2", "R3"])
@given(seed=st.integers(0, 10_000))
@settings(WILD, max_examples=5)
def test_the_sham_of_a_recipe_has_its_texts_and_none_of_its_pairs(
    name: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wild = make_wild(tmp_path_factory.mktemp("wild"), seed, patents=100)
    values = {"sources.0.labels": ["files"], "sources.0.max_label_share": 0.3} if name == "R2" else {}
    recipe = small(name, **values)
    true = make_pairs(wild.folder, recipe)
    forbidden = true_pairs(wild, recipe.sources[0].key)
    rows = true.table.to_pylist()
    texts = {frozenset((folded(row["anchor"]), folded(row["positive"]))) for row in rows}
    wrong = np.array([[
        (a["anchor_id"], p["positive_id"]) in forbidden
        or frozenset((folded(a["anchor"]), folded(p["positive"]))) in texts
        for p in rows] for a in rows])  # fmt: skip
    if wrong[linear_sum_assignment(wrong)].any():  # no permutation is free of true pairs
        with pytest.raises(InputError, match="cannot be shuffled"):
            make_pairs(wild.folder, change_recipe(recipe, {"shuffle_positives": True}))
        return
    sham = make_pairs(wild.folder, change_recipe(recipe, {"shuffle_positives": True}))
    for side in ("anchor", "positive", "anchor_id", "positive_id", "positive_family"):
        assert sorted(sham.table[side].to_pylist()) == sorted(true.table[side].to_pylist())
    for row in sham.table.to_pylist():
        assert (row["anchor_id"], row["positive_id"]) not in forbidden
        assert frozenset((folded(row["anchor"]), folded(row["positive"]))) not in texts


def test_a_sham_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    wild = make_wild(tmp_path, 1)
    recipe = small("R2", **{"sources.0.labels": ["own"], "sources.0.max_label_share": 1, "shuffle_positives": True})
    everybody = [{"patent_id": row["patent_id"], "labels": ["a", "b"]} for row in wild.patents]
    pq.write_table(pa.Table.from_pylist(everybody), tmp_path / "source/labels/own.parquet")
    folder = prepare(Folder.at(tmp_path / "source"), Folder.at(tmp_path / "again"), "wild", max_bad_share=1.0).folder
    with pytest.raises(InputError, match="shared-label pairs cannot be shuffled"):
        make_pairs(folder, recipe)


def test_matched_recipes_have_the_same_number_of_pairs_and_r4_keeps_its_weights(tmp_path: Path) -> None:
    wild = make_wild(tmp_path, 11, patents=200)
    sets = {name: make_pairs(wild.folder, small(name)) for name in recipes()}
    least = min(one.table.num_rows for one in sets.values())
    for matched in (match(sets), match(sets, least - 3)):
        assert {one.table.num_rows for one in matched.values()} <= {least, least - 3}
        assert len({one.table.num_rows for one in matched.values()}) == 1
        by_source = Counter(matched["R4"].table["source"].to_pylist())
        assert len(by_source) == 4
        assert max(by_source.values()) - min(by_source.values()) <= 1  # all weights are 1, no source is short
        for name, one in matched.items():
            for source in one.weights:
                counted = counts_of(one, source)
                assert counted.pop("found") == sum(counted.values())
                assert counted[KEPT] == one.table["source"].to_pylist().count(source)
                whole = [row for row in sets[name].table.to_pylist() if row["source"] == source]
                rows = [row for row in one.table.to_pylist() if row["source"] == source]
                assert rows == whole[: len(rows)]
    twice = match(match(sets, least - 3), least - 5)["R4"]
    for source in twice.weights:
        counted = counts_of(twice, source)
        assert counted.pop("found") == sum(counted.values())
    in_recipe = make_pairs(wild.folder, small("R4", pairs=least))
    assert in_recipe.table.equals(match({"R4": sets["R4"]}, least)["R4"].table)
    with pytest.raises(InputError, match=rf"asked for {least + 1} pairs of each recipe; there are .*R3 \d+"):
        match(sets, least + 1)


@given(
    parts=st.lists(st.tuples(st.integers(0, 50), st.floats(0.1, 10)), min_size=1, max_size=6),
    share=st.floats(0, 1),
)
def test_shares_add_up_fit_and_follow_the_weights(parts: list[tuple[int, float]], share: float) -> None:
    sizes, weights = np.array([n for n, _ in parts]), np.array([w for _, w in parts])
    total = int(share * sizes.sum())
    given_ = allot(sizes, weights, total)
    assert given_.sum() == total
    assert (given_ <= sizes).all()
    assert (given_ >= 0).all()
    # Among sources that are not used up, shares differ from the weights' proportion by less than one pair each.
    free = given_ < sizes
    if free.any():
        level = (given_[free] / weights[free]).max()
        assert (given_[free] >= level * weights[free] - 1 - 1e-6 * total - weights[free] / weights[free].min()).all()


class TestBadInput:
    def test_a_source_with_fewer_pairs_than_a_batch_says_how_many_and_why(self, tmp_path: Path) -> None:
        wild = make_wild(tmp_path, 5)
        with pytest.raises(InputError) as raised:
            make_pairs(wild.folder, find_recipe("R3"))
        words = "source cross-section:abstract~claims yields", "fewer than a batch of 256", "found 70", "lower `batch`"
        assert all(word in str(raised.value) for word in words), raised.value

    def test_no_training_family_means_no_pairs_and_the_counts_say_so(self, tmp_path: Path) -> None:
        wild = make_wild(tmp_path, 5)
        with pytest.raises(InputError, match=r"yields no train pairs \(found 70, validation or test family 70, kept 0"):
            make_pairs(wild.folder, small("R3"), shares=(0, 0.5, 0.5))

    def test_more_pairs_than_there_are_cannot_be_asked_for(self, tmp_path: Path) -> None:
        wild = make_wild(tmp_path, 5)
        with pytest.raises(InputError, match=r"pairs is 5000, there are \d+ \(citations \d+\)"):
            make_pairs(wild.folder, small("R1", pairs=5000))

    def test_a_cut_that_starves_a_source_names_it(self, tmp_path: Path) -> None:
        wild = make_wild(tmp_path, 5, patents=200)
        recipe = small("R4", pairs=20, batch=10, **{"sources.1.weight": 9})
        with pytest.raises(InputError, match=r"of source cross-section:abstract~claims, fewer than a batch of 10"):
            make_pairs(wild.folder, recipe)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("R1", "source citations: the landscape has neither citations nor relevant qrels"),
            ("R2", "there are no label files; no patent has a code for ipc-subclass; no patent has a code for cpc"),
            ("R3", "no patent has a text in claims"),
        ],
    )
    def test_a_landscape_without_what_a_source_needs_says_so(self, name: str, words: str, tmp_path: Path) -> None:
        (tmp_path / "bare").mkdir()
        rows = [{"patent_id": f"P{number}", "abstract": f"text {number}"} for number in range(30)]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "bare/patents.parquet")
        folder = prepare(Folder.at(tmp_path / "bare"), Folder.at(tmp_path / "clean"), "bare").folder
        with pytest.raises(InputError, match=words):
            make_pairs(folder, small(name))
        with pytest.raises(InputError, match="no source is left"):
            make_pairs(folder, small("R4"))
        with pytest.raises(InputError, match="expert text stands in the columns dwpi_title and dwpi_abstract"):
            make_pairs(folder, small("R4", **{"sources.3.optional": False, "sources.0.optional": True}))

    def test_a_label_set_with_one_class_is_no_signal(self, tmp_path: Path) -> None:
        wild = make_wild(tmp_path, 5)
        one = [{"patent_id": row["patent_id"], "labels": ["only"]} for row in wild.patents]
        pq.write_table(pa.Table.from_pylist(one), tmp_path / "source/labels/one.parquet")
        folder = prepare(
            Folder.at(tmp_path / "source"), Folder.at(tmp_path / "again"), "wild", max_bad_share=1.0
        ).folder
        with pytest.raises(InputError, match="one has one class, only: any two patents would be a pair"):
            make_pairs(folder, small("R2", **{"sources.0.labels": ["one"]}))
        with pytest.raises(InputError, match=r"unknown label set 'on'; allowed are files, one, own, plain, ipc-"):
            make_pairs(folder, small("R2", **{"sources.0.labels": ["on"]}))
        with pytest.raises(InputError, match=r"every label is held by more than 1% .* raise max_label_share"):
            make_pairs(folder, small("R2", **{"sources.0.max_label_share": 0.01}))

    def test_an_optional_source_is_left_out_with_a_note(self, tmp_path: Path) -> None:
        wild = make_wild(tmp_path, 5)
        pairs = make_pairs(wild.folder, small("R4", **{"sources.2.labels": ["cpc-class"]}))
        assert "shared-label" not in pairs.weights
        assert any("no patent has a code for cpc-class; the source is optional" in note for note in pairs.notes)

    def test_an_unknown_view_is_refused_and_a_suites_own_view_is_known(self, tmp_path: Path) -> None:
        wild = make_wild(tmp_path, 5)
        recipe = small("R3", **{"sources.0.positive": "mine"})
        with pytest.raises(InputError, match="unknown view 'mine'"):
            make_pairs(wild.folder, recipe)
        pairs = make_pairs(wild.folder, recipe, own_views={"mine": ("title", "claims")})
        listed = make_pairs(wild.folder, small("R3", **{"sources.0.positive": ["title", "claims"]}))
        assert sorted(pairs.table["positive"].to_pylist()) == sorted(listed.table["positive"].to_pylist())
