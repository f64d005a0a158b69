"""The truth of a generated landscape can be found in its texts, with difficulty, and not by chance."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier

from patray.files import Folder
from patray.landscapes.generate import GeneratedTruth, generate
from patray.landscapes.records import IN, OUT


def _texts(folder: Folder, sections: tuple[str, ...]) -> list[str]:
    rows = folder.read_table("patents.parquet", list(sections)).to_pylist()
    return [
        "\n".join("\n".join(part) if isinstance(part, list) else part or "" for part in row.values()) for row in rows
    ]


def _similarity(texts: list[str]) -> np.ndarray:
    vectors = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit_transform(texts)
    return np.asarray((vectors @ vectors.T).todense())


def _ndcg(similarity: np.ndarray, truth: GeneratedTruth, domains: tuple[int, ...] = (IN, OUT)) -> float:
    """Mean nDCG@10 with binary relevance, own family excluded; written out here, apart from patray's metrics."""
    row_of = {patent: row for row, patent in enumerate(truth.patents["patent_id"].to_pylist())}
    family = np.array(truth.patents["family_id"].to_pylist())
    relevant: dict[int, set[int]] = {}
    for pair in truth.citations.to_pylist():
        if pair["domain"] in domains:
            relevant.setdefault(row_of[pair["citing_id"]], set()).add(row_of[pair["cited_id"]])
    discount = 1 / np.log2(np.arange(2, 12))
    values = []
    for query, wanted in relevant.items():
        scores = np.where(family == family[query], -np.inf, similarity[query])
        gains = np.isin(np.argsort(-scores, kind="stable")[:10], list(wanted))
        values.append((gains * discount).sum() / discount[: len(wanted)].sum())
    return float(np.mean(values))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, GeneratedTruth]:
    folder = Folder.at(tmp_path_factory.mktemp("landscape"))
    return folder, generate(folder)


@pytest.fixture(scope="module")
def similarity(made: tuple[Folder, GeneratedTruth]) -> np.ndarray:
    return _similarity(_texts(made[0], ("title", "abstract")))


def test_cited_patents_rank_better_than_chance_and_far_from_perfectly(
    made: tuple[Folder, GeneratedTruth], similarity: np.ndarray
) -> None:
    chance = _ndcg(np.random.default_rng(0).random(similarity.shape), made[1])
    assert chance < 0.03
    assert 0.15 < _ndcg(similarity, made[1]) < 0.5


def test_citations_across_domains_are_harder_than_those_inside_but_not_hopeless(
    made: tuple[Folder, GeneratedTruth], similarity: np.ndarray
) -> None:
    inside, across = (_ndcg(similarity, made[1], (domain,)) for domain in (IN, OUT))
    chance = _ndcg(np.random.default_rng(0).random(similarity.shape), made[1], (OUT,))
    assert across < 0.7 * inside
    assert across > 3 * chance


def test_a_common_vocabulary_makes_retrieval_easier(tmp_path: Path) -> None:
    found = []
    for overlap in (0.0, 1.0):
        folder = Folder.at(tmp_path / str(overlap))
        truth = generate(folder, vocabulary_overlap=overlap)
        found.append(_ndcg(_similarity(_texts(folder, ("title", "abstract"))), truth))
    assert found[1] > 1.1 * found[0]


def test_claims_find_their_own_abstract_among_all_and_yet_use_other_words(made: tuple[Folder, GeneratedTruth]) -> None:
    claims, abstracts = _texts(made[0], ("claims",)), _texts(made[0], ("abstract",))
    rows = [row for row, (one, two) in enumerate(zip(claims, abstracts, strict=True)) if one and two][:250]
    model = TfidfVectorizer(stop_words="english").fit([claims[row] for row in rows] + [abstracts[row] for row in rows])
    left, right = (model.transform([texts[row] for row in rows]) for texts in (claims, abstracts))
    scores = (left @ right.T).toarray()
    assert np.mean(scores.argmax(axis=1) == np.arange(len(rows))) > 0.1  # chance: 0.004
    assert np.median(np.diag(scores)) < 0.6


def test_labels_can_be_predicted_and_shuffled_labels_cannot(
    made: tuple[Folder, GeneratedTruth], similarity: np.ndarray
) -> None:
    areas = np.array(made[1].patents["area"].to_pylist())
    half = len(areas) // 2
    shuffled = np.random.default_rng(0).permutation(areas)

    def score(labels: np.ndarray) -> float:
        model = KNeighborsClassifier(5, metric="precomputed").fit(
            1 - similarity[:half, :half].clip(max=1), labels[:half]
        )
        found = model.predict(1 - similarity[half:, :half].clip(max=1))
        return float(f1_score(labels[half:], found, average="macro"))

    assert score(areas) > 0.6
    assert score(shuffled) < 0.25


@pytest.mark.slow
def test_the_packaged_model_finds_citations_and_loses_across_domains(tmp_path: Path, minilm_path: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    folder = Folder.at(tmp_path)
    truth = generate(folder, patents=300)
    torch.set_num_threads(1)
    model = SentenceTransformer(str(minilm_path), device="cpu")
    model.max_seq_length = 128
    vectors = model.encode(_texts(folder, ("title", "abstract")), normalize_embeddings=True, show_progress_bar=False)
    inside, across = (_ndcg(vectors @ vectors.T, truth, (domain,)) for domain in (IN, OUT))
    assert 0.2 < _ndcg(vectors @ vectors.T, truth) < 0.5
    assert across < 0.5 * inside
