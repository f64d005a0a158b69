"""A generated landscape has the format, the shares and the truth that it says it has."""

import datetime
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patray.errors import InputError
from patray.files import Folder
from patray.landscapes.generate import GeneratedTruth, generate
from patray.landscapes.generate import write as writing
from patray.landscapes.records import IN, OUT

GOLDEN = "661e5d5d8c4c4492bdb490da52c2a572587f473c294aede432eb178e9a16b6c8"
STRINGS = pa.list_(pa.string())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, GeneratedTruth]:
    folder = Folder.at(tmp_path_factory.mktemp("landscape"))
    return folder, generate(folder, seed=3, patents=1500, queries=60, duplicate_share=0.02)


@pytest.fixture(scope="module")
def patents(made: tuple[Folder, GeneratedTruth]) -> list[dict]:
    return made[0].read_table("patents.parquet").to_pylist()


def _digest(folder: Folder) -> str:
    found = hashlib.sha256()
    files = [*folder.list(), *(f"labels/{name}" for name in (folder / "labels").list())]
    for name in files:
        if name.endswith(".parquet"):
            table = folder.read_table(name)
            found.update(json.dumps([name, table.schema.to_string(), table.to_pylist()], default=str).encode())
    found.update(folder.read_bytes("landscape.yaml"))
    return found.hexdigest()


def _ipc3(row: dict) -> set[str]:
    return {symbol[:3] for symbol in row["ipc"]}


def test_a_small_landscape_is_the_one_that_was_agreed_on(tmp_path: Path) -> None:
    generate(Folder.at(tmp_path), seed=7, patents=80, queries=10)
    assert _digest(Folder.at(tmp_path)) == GOLDEN


def test_equal_arguments_give_equal_bytes_and_another_seed_gives_other_text(tmp_path: Path) -> None:
    one, two, other = (Folder.at(tmp_path / name) for name in ("one", "two", "other"))
    generate(one, seed=5, patents=200)
    generate(two, seed=5, patents=200)
    generate(other, seed=6, patents=200)
    for file in ("patents.parquet", "citations.parquet", "labels/area.parquet", "labels/product.parquet"):
        assert one.read_bytes(file) == two.read_bytes(file)
        assert one.read_table(file) != other.read_table(file)


def test_the_block_size_does_not_change_a_landscape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, blocks = Folder.at(tmp_path / "whole"), Folder.at(tmp_path / "blocks")
    generate(whole, patents=300, queries=20)
    monkeypatch.setattr(writing, "BLOCK", 64)
    monkeypatch.setattr(writing, "_PAIR_BLOCK", 50)
    generate(blocks, patents=300, queries=20)
    assert _digest(whole) == _digest(blocks)
    with blocks.input("patents.parquet") as stream:
        file = pq.ParquetFile(stream)
        groups = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    assert groups == [64, 64, 64, 64, 44]


def test_the_schemas_are_those_of_the_landscape_folder(made: tuple[Folder, GeneratedTruth]) -> None:
    folder = made[0]
    strings, lists = ("title", "abstract", "description"), ("claims", "ipc", "cpc")
    names = [
        "patent_id",
        "family_id",
        "jurisdiction",
        "date",
        "title",
        "abstract",
        "claims",
        "description",
        "ipc",
        "cpc",
    ]
    types = {"date": pa.date32(), **dict.fromkeys(strings, pa.string()), **dict.fromkeys(lists, STRINGS)}
    documents = pa.schema([(name, types.get(name, pa.string())) for name in names])
    labels = pa.schema([("patent_id", pa.string()), ("labels", STRINGS)])
    assert folder.read_table("patents.parquet").schema == documents
    assert folder.read_table("queries.parquet").schema == documents
    assert folder.read_table("citations.parquet").column_names == ["citing_id", "cited_id", "origin"]
    assert folder.read_table("qrels.parquet").schema.field("relevance").type == pa.int32()
    assert (folder / "labels").list() == ["area.parquet", "product.parquet"]
    for name in ("area", "product"):
        assert folder.read_table(f"labels/{name}.parquet").schema == labels
    assert list(yaml.safe_load(folder.read_text("landscape.yaml"))) == ["name", "title", "source", "licence", "notes"]


def test_without_queries_there_are_no_query_files(tmp_path: Path) -> None:
    truth = generate(Folder.at(tmp_path), patents=30)
    assert Folder.at(tmp_path).list() == ["citations.parquet", "labels", "landscape.yaml", "patents.parquet"]
    assert truth.queries.num_rows == truth.qrels.num_rows == 0


def test_ids_are_unique_and_look_like_their_office(patents: list[dict], made: tuple[Folder, GeneratedTruth]) -> None:
    queries = made[0].read_table("queries.parquet").to_pylist()
    ids = [row["patent_id"] for row in patents + queries]
    assert len(set(ids)) == len(ids) == 1560
    for row in patents:
        assert re.fullmatch(r"(US9|EP9|WO209|JP209|CN99|KR10209|DE10209)\d{7}(A|A1|B1|B2)", row["patent_id"])
        assert row["patent_id"].startswith(row["jurisdiction"])
    assert {row["jurisdiction"] for row in patents} == {"US", "EP", "WO", "JP", "CN", "KR", "DE"}
    assert min(row["date"] for row in patents) >= datetime.date(1998, 1, 1)
    assert max(row["date"] for row in patents + queries) <= datetime.date(2023, 12, 31)


def test_abstracts_have_60_to_150_words_and_some_offices_leave_some_out(patents: list[dict]) -> None:
    words = [len(row["abstract"].split()) for row in patents if row["abstract"] is not None]
    assert min(words) >= 60
    assert max(words) <= 150
    missing = {row["jurisdiction"] for row in patents if row["abstract"] is None}
    assert missing == {"EP", "JP", "DE"}


def test_texts_have_no_open_slots_and_no_broken_punctuation(patents: list[dict]) -> None:
    for row in patents:
        for text in [row["title"], row["abstract"] or "", row["description"], *row["claims"]]:
            assert not re.search(r"[{}]|  | [,.;:]|\b[Aa]n? (a|an|the)\b|^\s|\s$| \n|\n ", text), text
            assert not re.search(r"\b[Aa] [aeio][a-z]", text.replace("a one", "")), text


def test_some_titles_are_in_capitals_and_many_say_little(patents: list[dict]) -> None:
    capitals = [row["title"].isupper() for row in patents if row["jurisdiction"] == "WO"]
    assert 0.75 < np.mean(capitals) < 1
    assert not any(row["title"].isupper() for row in patents if row["jurisdiction"] == "US")
    assert len({row["title"].lower() for row in patents}) < 0.7 * len(patents)


def test_claims_are_numbered_and_depend_on_earlier_claims_of_their_category(patents: list[dict]) -> None:
    independents = []
    for row in patents:
        categories: list[str] = []
        independents.append(0)
        for position, claim in enumerate(row["claims"], start=1):
            number, text = re.fullmatch(r"(\d+)\. (.*\.)", claim).groups()
            assert int(number) == position
            reference = re.search(r"(?:of|in|to) (?:claim|one of claims 1 to) (\d+),", text)
            if reference:
                parent = int(reference.group(1))
                assert 1 <= parent < position
                start = re.match(r"(?:The )?(method|system)?", text, re.IGNORECASE).group(1)
                category = (start or "apparatus").lower()
                assert categories[parent - 1] == category, claim
                if "one of claims" in text:
                    assert set(categories[:parent]) == {category}
            else:
                assert "claim" not in text
                independents[-1] += 1
                category = {0: "apparatus", 1: "method", 2: "system"}[independents[-1] - 1]
            categories.append(category)
        assert len(row["claims"]) == 0 or 5 <= len(row["claims"]) <= 20
    assert set(independents) == {0, 1, 2, 3}
    without = {row["jurisdiction"] for row in patents if not row["claims"]}
    assert without == {"WO", "JP", "KR", "DE"}


def test_descriptions_have_the_asked_number_of_paragraphs(tmp_path: Path, patents: list[dict]) -> None:
    assert all(row["description"].count("\n") == 2 for row in patents)
    for paragraphs in (0, 1, 6):
        folder = Folder.at(tmp_path / str(paragraphs))
        generate(folder, patents=30, description=paragraphs)
        texts = folder.read_table("patents.parquet")["description"].to_pylist()
        assert all((text.count("\n") + 1 if text else 0) == paragraphs for text in texts)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5])
def test_the_asked_share_of_citations_crosses_domains(tmp_path: Path, share: float) -> None:
    folder = Folder.at(tmp_path)
    truth = generate(folder, seed=1, patents=500, cross_domain=share)
    ipc3 = {row["patent_id"]: _ipc3(row) for row in folder.read_table("patents.parquet").to_pylist()}
    citations = folder.read_table("citations.parquet").to_pylist()
    found = [IN if ipc3[row["citing_id"]] & ipc3[row["cited_id"]] else OUT for row in citations]
    assert found == truth.citations["domain"].to_pylist()
    assert [row["citing_id"] for row in citations] == truth.citations["citing_id"].to_pylist()
    assert [row["cited_id"] for row in citations] == truth.citations["cited_id"].to_pylist()
    assert np.mean(np.array(found) == OUT) == pytest.approx(share, abs=0.005)
    assert truth.cross_domain == pytest.approx(share, abs=0.005)
    assert len(citations) > 800


def test_citations_go_to_earlier_dates_other_inventions_and_other_families(
    made: tuple[Folder, GeneratedTruth], patents: list[dict]
) -> None:
    folder, truth = made
    queries = folder.read_table("queries.parquet").to_pylist()
    date = {row["patent_id"]: row["date"] for row in patents + queries}
    family = {row["patent_id"]: row["family_id"] for row in patents + queries}
    invention = {
        row["patent_id"]: row["invention"] for row in pa.concat_tables([truth.patents, truth.queries]).to_pylist()
    }
    citations = folder.read_table("citations.parquet").to_pydict()
    qrels = folder.read_table("qrels.parquet").to_pydict()
    pairs = list(zip(citations["citing_id"], citations["cited_id"], strict=True))
    judged = list(zip(qrels["query_id"], qrels["patent_id"], strict=True))
    corpus = {row["patent_id"] for row in patents}
    assert len(set(pairs)) == len(pairs)
    assert len(set(judged)) == len(judged) > 100
    for citing, cited in pairs + judged:
        assert date[cited] < date[citing]
        assert family[cited] != family[citing]
        assert invention[cited] != invention[citing]
        assert cited in corpus
    assert {citing for citing, _ in pairs} <= corpus
    assert not {query for query, _ in judged} & corpus
    assert qrels["domain"] == ["in" if domain == IN else "out" for domain in truth.qrels["domain"].to_pylist()]


def test_families_repeat_an_invention_at_other_offices_later_and_in_other_words(
    made: tuple[Folder, GeneratedTruth], patents: list[dict]
) -> None:
    truth = made[1]
    families: dict[str, list[dict]] = {}
    for row, known in zip(patents, truth.patents.to_pylist(), strict=True):
        assert row["family_id"] == known["family_id"]
        families.setdefault(row["family_id"], []).append({**row, **known})
    assert len(patents) - len(families) == 300
    assert max(len(members) for members in families.values()) == 4
    for members in families.values():
        assert len({member["jurisdiction"] for member in members}) == len(members)
        assert len({member["invention"] for member in members}) == 1
        assert len({tuple(member["ipc"]) for member in members}) == 1
        assert len({member["date"] for member in members}) >= min(2, len(members))
        bodies = [member["description"] for member in members]
        assert len(set(bodies)) == len(bodies)


def test_planted_duplicates_are_the_texts_that_occur_twice(
    made: tuple[Folder, GeneratedTruth], patents: list[dict]
) -> None:
    by_text: dict[tuple, list[dict]] = {}
    for row in patents:
        text = (row["title"], row["abstract"], tuple(row["claims"]), row["description"])
        by_text.setdefault(text, []).append(row)
    found = {frozenset(row["patent_id"] for row in rows) for rows in by_text.values() if len(rows) > 1}
    planted = made[1].duplicates.to_pylist()
    assert len(planted) == 30
    assert found == {frozenset(row.values()) for row in planted}
    row_of = {row["patent_id"]: row for row in patents}
    for pair in planted:
        copy, source = row_of[pair["patent_id"]], row_of[pair["duplicate_of"]]
        assert copy["family_id"] != source["family_id"]
        assert copy["date"] > source["date"]


def test_labels_are_the_products_and_areas_of_the_truth(made: tuple[Folder, GeneratedTruth]) -> None:
    folder, truth = made
    products = folder.read_table("labels/product.parquet").to_pylist()
    areas = folder.read_table("labels/area.parquet").to_pylist()
    area_of = dict(zip(truth.patents["product"].to_pylist(), truth.patents["area"].to_pylist(), strict=True))
    combined = 0
    for known, product, area in zip(truth.patents.to_pylist(), products, areas, strict=True):
        assert known["patent_id"] == product["patent_id"] == area["patent_id"]
        expected = [name for name in (known["product"], known["second_product"]) if name]
        assert product["labels"] == expected
        assert area["labels"] == list(dict.fromkeys(area_of[name] for name in expected))
        combined += len(expected) == 2
    assert combined / len(products) == pytest.approx(0.15, abs=0.04)
    assert len({label for row in products for label in row["labels"]}) == 35
    assert len({label for row in areas for label in row["labels"]}) == 7


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    patents=st.integers(4, 60),
    queries=st.integers(0, 5),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    families=st.sampled_from([0.0, 0.25, 0.5]),
    copies=st.sampled_from([0.0, 0.2]),
    mean=st.sampled_from([0.0, 1.0, 8.0]),
)
def test_any_options_give_a_landscape_of_the_asked_size(
    tmp_path_factory: pytest.TempPathFactory,
    patents: int,
    queries: int,
    share: float,
    families: float,
    copies: float,
    mean: float,
) -> None:
    folder = Folder.at(tmp_path_factory.mktemp("any"))
    truth = generate(
        folder,
        patents=patents,
        queries=queries,
        cross_domain=share,
        family_share=families,
        duplicate_share=copies,
        citations=mean,
    )
    table = folder.read_table("patents.parquet")
    assert table.num_rows == truth.patents.num_rows == patents
    assert truth.duplicates.num_rows == round(copies * patents)
    assert patents - len(set(table["family_id"].to_pylist())) == round(families * patents)
    assert truth.citations.num_rows <= mean * (patents + queries)
    crossing = int(np.sum(truth.citations["domain"].to_numpy() == OUT)) + int(
        np.sum(truth.qrels["domain"].to_numpy() == OUT)
    )
    assert abs(crossing - share * (truth.citations.num_rows + truth.qrels.num_rows)) <= 1


def test_one_patent_is_a_landscape_without_citations(tmp_path: Path) -> None:
    truth = generate(Folder.at(tmp_path), patents=1)
    assert Folder.at(tmp_path).read_table("citations.parquet").num_rows == 0
    assert np.isnan(truth.cross_domain)


@pytest.mark.parametrize(
    ("wrong", "allowed"),
    [
        ({"patents": 0}, r"patents 0: allowed is 1 to"),
        ({"cross_domain": 1.5}, r"cross_domain 1.5: allowed is 0 to 1"),
        ({"family_share": 0.7}, r"family_share 0.7: allowed is 0 to 0.5"),
        ({"patents": 3, "family_share": 0.5, "duplicate_share": 0.2}, r"0 inventions cannot be repeated 2 times"),
        ({"name": "a b"}, r"name 'a b': allowed are"),
        ({"seed": -1}, r"seed -1"),
        ({"damage": ["flood"]}, r"damage 'flood': allowed are missing-id"),
    ],
)
def test_a_wrong_option_says_what_is_allowed_and_writes_nothing(tmp_path: Path, wrong: dict, allowed: str) -> None:
    folder = Folder.at(tmp_path / "absent")
    with pytest.raises(InputError, match=allowed):
        generate(folder, **wrong)
    assert not folder.exists()
