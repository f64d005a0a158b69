"""One run of one system of every kind on a real landscape: each ranks, each is judged, each stands in the report."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import patray
from patray.encoders.sparse_vectors import load_sparse_vectors
from patray.encoders.vectors import load_vectors
from patray.files import Folder
from patray.planning.plan import Plan
from patray.runs.read import parse_suite
from patray.runs.step_record import StepRecord, records_of
from patray.systems.kinds import SYSTEMS
from tests.models.tiny_late import save_cross_encoder, save_stanford_colbert
from tests.models.tiny_lister import save_language_model
from tests.models.tiny_sparse import save_sparse

pytestmark = pytest.mark.slow
SUITE = Path(__file__).parent / "every-kind.yaml"
DOCUMENTED = Path(__file__).parents[2] / "docs" / "run-folder.md"
OTHERS = ("prepare", "read vectors", "encode", "mine", "train", "judge")


def save_models(tiny: Path, landscape: Path) -> None:
    """Tiny checkpoints, and what was made elsewhere: vectors and a ranking."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    save_sparse(tiny / "splade")
    save_sparse(tiny / "inference-free", inference_free=True)
    save_stanford_colbert(tiny / "colbert")
    save_cross_encoder(tiny / "cross")
    save_language_model(tiny / "llm")
    words = Tokenizer.from_file(str(tiny / "splade" / "tokenizer.json"))
    SentenceTransformer(modules=[StaticEmbedding(words, embedding_dim=16)], device="cpu").save(str(tiny / "static"))
    ids = pd.read_parquet(landscape / "patents.parquet").patent_id
    (tiny / "ours").mkdir()
    np.save(tiny / "ours" / "documents.npy", np.random.default_rng(0).standard_normal((len(ids), 16)))
    (tiny / "ours" / "documents.ids.txt").write_text("\n".join(ids))
    lines = [f"{query} Q0 {found} 1 1.0 ours" for query, found in pairwise(ids)]
    (tiny / "ours.run").write_text("\n".join(lines))


class Backwards:
    """In place of vLLM: puts the second of two results first."""

    def answer(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[str]:
        return ["[2] > [1]" for _ in prompts]


@pytest.fixture
def faked_lister(monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM cannot live in this process: tests/encoders/test_lister_vllm.py runs it for real."""
    monkeypatch.setattr("patray.cluster.listwise.load_lister", lambda *_: Backwards())


def assert_planned_is_done(plan: Plan, done: list[StepRecord]) -> None:
    """What the plan lists is what the run did, step for step in its order, and what each tells is documented."""
    spans = [f"#{one.spans}" if one.spans else "" for one in plan.embeddings]
    embedded = [
        ("embed", one.landscape, one.view, one.model + span, one.role)
        for one, span in zip(plan.embeddings, spans, strict=True)
    ]
    ranked = [(one.step, one.landscape, one.view, one.system, "") for one in plan.rankings]
    about = [(one.step, one.landscape, one.view, one.system or one.model, one.role) for one in done]
    assert [one for one in about if one[0] not in OTHERS] == embedded + ranked
    rows = [line.split("|") for line in DOCUMENTED.read_text().split("| step | has |")[1].splitlines()[2:] if line]
    has = {row[1].strip(): set(re.findall(r"[a-z_]+", row[2])) for row in rows if len(row) > 3}
    told = {(one.step, name) for one in done for name in one.as_json()}
    undocumented = {f"{step}.{name}" for step, name in told if name not in has["all"] | has[step]}
    assert not undocumented, ", ".join(sorted(undocumented))


@pytest.mark.usefixtures("without_ray", "faked_lister")
def test_every_kind_of_system_runs_on_a_real_landscape(tmp_path: Path, real_landscapes: Path) -> None:
    save_models(tmp_path, real_landscapes / "hair-dryer")
    text = SUITE.read_text().replace("{tiny}", str(tmp_path)).replace("{landscapes}", str(real_landscapes))
    suite = parse_suite(text, "every-kind.yaml", [])
    of_python = {"encoder", "ranker"}  # functions of one's own, which no file can name
    assert {system.kind for system in suite.systems or ()} >= set(SYSTEMS.names()) - of_python
    planned = patray.plan(suite, str(tmp_path / "work"))
    assert [step.memory[1] > 0 for step in planned.rankings if step.kind == "sparse"] == [True, True]
    run = patray.run(suite, str(tmp_path / "work"))
    assert set(run.summary.system) == {step.system for step in planned.rankings}
    assert_planned_is_done(planned, records_of(run.provenance))
    [asked] = [step for step in run.provenance["steps"] if step.get("system") == "llm@2(bm25)"]
    assert asked["calls"] == asked["queries"] <= 200
    assert asked["broken_answers"] == asked["asked_before"] == 0
    assert not (tmp_path / "work" / "runs" / "every-kind" / "answers").exists()
    turned, before = (
        {query: rows.sort_values("rank").patent_id.tolist() for query, rows in ranking.groupby("query_id")}
        for ranking in (run.ranking("hair-dryer", "ta", name) for name in ("llm@2(bm25)", "bm25"))
    )
    assert all(found == [*before[query][:2][::-1], *before[query][2:]] for query, found in turned.items())
    page = Path(run.report).read_text()
    assert "Whether reading more pays" in page
    assert "times the tokens of the model" in page

    # the best span's cosine, and the inner products of the sparse model, from the stored vectors
    store = tmp_path / "work" / "embeddings" / "hair-dryer" / "ta"
    artifacts = [Folder.at(one) for one in (store / "minilm").iterdir()]
    (ids, heads), (owners, spans) = sorted((load_vectors(one) for one in artifacts), key=lambda one: len(one[0]))
    assert set(owners) == set(ids)
    for row in run.ranking("hair-dryer", "ta", "minilm-spans64-48-max").iloc[::997].itertuples():
        query = heads[ids.tolist().index(row.query_id)].astype(np.float64)
        assert row.score == pytest.approx((spans[owners == row.patent_id].astype(np.float64) @ query).max(), abs=1e-6)
    [artifact] = (store / "splade").iterdir()
    known, vectors = load_sparse_vectors(Folder.at(artifact))
    rows = vectors.dense(int(vectors.terms.max()) + 1).astype(np.float64)
    for row in run.ranking("hair-dryer", "ta", "splade").iloc[::997].itertuples():
        query, found = (rows[known.tolist().index(one)] for one in (row.query_id, row.patent_id))
        assert row.score == pytest.approx(query @ found, rel=1e-5)
