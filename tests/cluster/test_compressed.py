"""Truncated and quantised systems through the whole job: rankings against plain numpy on the stored vectors."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from patray.cluster.execute import execute
from patray.encoders.vectors import load_vectors
from patray.files import Folder
from patray.landscapes.generate import generate
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("encodes_here")]

SUITE = """\
name: compressed
landscapes: [{{path: {landscape}}}]
views: [ta]
models: [minilm]
systems:
  - dense: minilm
  - {{dense: minilm, dimensions: [64]}}
  - {{dense: minilm, precision: int8}}
  - {{dense: minilm, precision: binary}}
  - {{dense: minilm, precision: binary, rescore: 4}}
  - {{dense: minilm, dimensions: [64], precision: binary}}
search: {{shards: 2}}
tasks: {{clustering: null, classification: {{labels: [ipc-section], probes: [knn]}}}}
statistics: {{resamples: 200, flips: 200}}
"""


@pytest.fixture(scope="module")
def run(encodes_here: None, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("compressed")
    generate(Folder.at(root / "small"), seed=4, patents=300, name="small")
    suite = parse_suite(SUITE.format(landscape=root / "small"), "compressed.yaml", [])
    return execute(resolve(suite), str(root / "work"))


@pytest.fixture(scope="module")
def stored(run: Folder) -> pd.Series:
    """The vector of every patent, as the run stored them."""
    (artifact,) = (Path(run.uri).parents[1] / "embeddings" / "small" / "ta").glob("minilm/*/artifact.json")
    ids, vectors = load_vectors(Folder.at(artifact.parent))
    return pd.Series(list(vectors), index=list(ids))


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def signs(vectors: np.ndarray) -> np.ndarray:
    return np.where(vectors > 0, 1.0, -1.0) / np.sqrt(vectors.shape[1])


def as_int8(vectors: np.ndarray, corpus: np.ndarray) -> np.ndarray:
    low, high = corpus.min(axis=0), corpus.max(axis=0)
    step = (high - low) / np.float32(255)
    codes = np.clip(np.floor((vectors - low) / step), 0, 255)
    return np.asarray(low + (codes + 0.5) * step, dtype=np.float64)


def check(run: Folder, system: str, stored: pd.Series, queries: np.ndarray, corpus: np.ndarray) -> None:
    """Every saved score is that of `queries` with `corpus` (rows as in `stored`), and nothing better was left out."""
    (path,) = [one for one in Path(run.uri).glob("rankings/small/ta/*.parquet") if one.stem == system]
    found = pd.read_parquet(path)
    at = {name: row for row, name in enumerate(stored.index)}
    assert len(found) > 1000
    for query, rows in found.groupby("query_id"):
        scores = corpus @ queries[at[query]]
        listed = rows["patent_id"].map(at).to_numpy()
        np.testing.assert_allclose(rows["score"], scores[listed], atol=2e-6)
        family = [row for row in np.argsort(-scores) if row not in set(listed)][:5]
        better = [row for row in family if scores[row] > rows["score"].min() + 1e-5]
        assert len(better) <= 4  # the query itself and its family alone


def test_each_form_ranks_by_what_is_left_of_the_vectors(run: Folder, stored: pd.Series) -> None:
    full = np.stack(stored.to_numpy()).astype(np.float32)
    short = unit(full[:, :64].astype(np.float64))
    check(run, "minilm@64", stored, short, short)
    check(run, "minilm@int8", stored, as_int8(full, full), as_int8(full, full))
    check(run, "minilm@binary", stored, signs(full), signs(full))
    check(run, "minilm@64,binary", stored, signs(short), signs(short))


def test_every_form_is_scored_in_every_task(run: Folder) -> None:
    summary = run.read_table("summary.parquet").to_pandas()
    for task in summary["task"].unique():
        assert set(summary[summary["task"] == task]["system"]) >= {
            "minilm", "minilm@64", "minilm@int8", "minilm@binary", "minilm@binary+r4", "minilm@64,binary"
        }  # fmt: skip
    means = summary[(summary["metric"] == "nDCG@10") & (summary["slice"] == "all")].set_index("system")["mean"]
    assert means["minilm@int8"] == pytest.approx(means["minilm"], abs=0.01)
    assert means["minilm@binary"] < means["minilm@binary+r4"] + 0.02
    assert means["minilm@binary"] > 0.5 * means["minilm"]
