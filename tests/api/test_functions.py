"""Functions of a notebook as ranker, encoder and measure: as plain numpy has it, here and in Ray's processes."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import patray
from patray.cli import main
from patray.errors import InputError
from patray.files import Folder
from patray.kinds import added
from patray.landscapes.generate import generate
from patray.measures.definitions import OF_OTHERS, Measure, by_query
from patray.measures.ranking import evaluate
from patray.systems.functions import ENCODERS, RANKERS
from patray.systems.kinds import read_system

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> patray.Run:
    def vowels_first(task):  # of this test alone, so a worker cannot import it
        return np.array([[-abs(len(text) - len(asked)) for text in task.documents()] for asked in task.queries()])

    def letters(texts, role):
        return np.array([[1.0 + text.lower().count(letter) for letter in LETTERS] for text in texts])

    def half(grades, relevant):
        return float((grades > 0).sum() / 2 / max(len(relevant), 1))

    patray.ranker("length")(vowels_first)
    patray.encoder("letters")(letters)
    patray.measure("HalfRecall")(half)
    root = tmp_path_factory.mktemp("functions")
    generate(Folder.at(root / "own"), seed=5, patents=120, name="own")
    suite = patray.Suite(
        name="functions",
        landscapes=[{"path": str(root / "own")}],  # type: ignore[arg-type]
        views=("ta",),
        systems=[{"ranker": "length"}, {"encoder": "letters"}, {"encoder": "letters", "dimensions": 8}],  # type: ignore[arg-type]
        tasks={"retrieval": {"measures": ["nDCG@10", "Recall@10", "HalfRecall@10"]}},  # type: ignore[arg-type]
        statistics={"resamples": 200, "flips": 200},  # type: ignore[arg-type]
    )
    return patray.run(suite, str(root / "work"))


def test_a_measure_of_ones_own_stands_in_evidence_and_report(made: patray.Run) -> None:
    evidence = made.table("evidence").to_pandas()
    wide = evidence.pivot_table(index=["system", "slice", "item_id"], columns="metric", values="value")
    known = wide[["Recall@10", "HalfRecall@10"]].dropna()
    assert len(known) > 100
    np.testing.assert_allclose(known["HalfRecall@10"], known["Recall@10"] / 2, atol=1e-12)
    assert "HalfRecall@10" in Path(made.report).read_text()


def test_an_encoder_ranks_as_its_vectors_do_and_takes_part_in_every_task(made: patray.Run) -> None:
    patents = pd.read_parquet(Path(made.suite.landscapes[0].path) / "patents.parquet").set_index("patent_id")
    texts = patents.apply(
        lambda row: "\n".join(one for one in (row.title, row.abstract) if isinstance(one, str)), axis=1
    )
    ranking = made.ranking("own", "ta", "letters").groupby("query_id").head(5)
    vectors = {name: np.array([1.0 + text.lower().count(one) for one in LETTERS]) for name, text in texts.items()}
    for row in ranking.head(40).itertuples():
        a, b = vectors[row.query_id], vectors[row.patent_id]
        assert row.score == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-6)
    tasks = set(made.summary[made.summary.system == "letters@8"].task.str.partition(":")[0])
    assert tasks == {"retrieval", "classification", "clustering"}


def test_vectors_of_a_function_are_exported_and_of_several_the_keys_are_told(
    made: patray.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Path(made.folder.uri).parents[1]
    here = store / "embeddings" / "own" / "ta" / "letters"
    record = next(
        one
        for one in here.iterdir()
        if json.loads((one / "artifact.json").read_text())["identity"]["role"] == "document"
    )
    other = shutil.copytree(record, here / "0123456789abcdef")
    ask = ["export", "vectors", str(store), "own", "ta", "letters", str(store / "out")]
    try:
        assert main(ask) == 1
        said = capsys.readouterr().err
        for key in (record.name, other.name):
            assert re.search(rf"{key}: document, content '[0-9a-f]{{32}}', made \d{{4}}-\d\d-\d\d", said), said
        assert main([*ask, "--key", other.name]) == 0
    finally:
        shutil.rmtree(other)
    assert main(ask) == 0


def test_the_command_line_exports_a_finished_run_of_functions_and_certifies_none_of_their_vectors(
    made: patray.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("patray.cluster.certify_run.connect", lambda: pytest.fail("Ray was started"))
    for registry in (RANKERS, ENCODERS):  # as a process that does not know them
        monkeypatch.setattr(registry, "_added", {})
    monkeypatch.delitem(OF_OTHERS._added, "HalfRecall")
    for what in ("trec", "mteb", "tables"):
        assert main(["export", what, str(made.folder), str(tmp_path / what)]) == 0
        assert any((tmp_path / what).rglob("*"))
    assert main(["certify", str(made.folder)]) == 1
    assert "no model made vectors here, so there is nothing to certify" in capsys.readouterr().err


def test_a_ranker_ranks_by_its_scores(made: patray.Run) -> None:
    ranking = made.ranking("own", "ta", "length")
    assert (ranking.groupby("query_id").score.diff().dropna() <= 0).all()


def test_what_was_added_here_is_known_to_the_workers_of_ray(made: patray.Run) -> None:
    """The same suite with Ray up: its tasks run in other processes."""
    import ray

    from patray.cluster.start import connect
    from patray.cluster.tasks import Beside, gather, submit

    connect()
    try:
        from patray.cluster.placement import Resources

        def names(which):
            from patray.measures.definitions import parse_measure

            return str(parse_measure(which))

        assert gather([submit(names, Resources(cpus=1), "HalfRecall@7")], "names", 60) == ["HalfRecall@7"]

        class Says:
            def name(self, which):
                return names(which)

        assert gather([Beside(Says).call("name", "HalfRecall@3")], "names", 60) == ["HalfRecall@3"]
    finally:
        ray.shutdown()


def test_a_function_of_one_query_is_the_measure_of_all() -> None:
    rng = np.random.default_rng(3)
    ranked = np.array([rng.permutation(30)[:12] for _ in range(20)])
    query, patent = np.nonzero(rng.random((20, 30)) < 0.2)
    relevance = rng.integers(1, 4, len(query))

    def ndcg(grades, relevant):
        return (
            float((grades / np.log2(np.arange(2, len(grades) + 2))).sum() / ideal)
            if (ideal := (relevant[:10] / np.log2(np.arange(2, len(relevant[:10]) + 2))).sum())
            else 0.0
        )

    OF_OTHERS.add("OwnGain", by_query("OwnGain", ndcg))
    both = [Measure("nDCG", 10), Measure("OwnGain", 10)]
    found = evaluate(ranked, query, patent, relevance, both)
    np.testing.assert_allclose(found[both[1]], found[both[0]], atol=1e-12)


def test_what_is_not_there_and_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rankers: there is no 'missing'; there are"):
        _ = RANKERS["missing"]
    generate(Folder.at(tmp_path / "own"), seed=5, patents=60, name="own")
    own = [{"path": str(tmp_path / "own")}]
    suite = patray.Suite(name="s", landscapes=own, views=("ta",), systems=[{"ranker": "missing"}])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"systems: missing: no function 'missing' was given to patray\.ranker in"):
        patray.run(suite, str(tmp_path / "work"))
    for system in ({"ranker": "missing"}, {"encoder": "missing"}):
        with pytest.raises(InputError, match=r"systems: missing: no function 'missing' was given to patray\."):
            patray.plan(suite.model_copy(update={"systems": (read_system(system),)}), str(tmp_path / "work"))
    assert not (tmp_path / "work").exists()  # nothing was prepared
    too_much = by_query("TooMuch", lambda grades, relevant: 1.5)
    OF_OTHERS.add("TooMuch", too_much)
    with pytest.raises(
        InputError,
        match=r"measure TooMuch@5: its function \(.*, line \d+\) gave 1\.5; allowed",
    ):
        evaluate(np.array([[0, 1]]), np.array([0]), np.array([1]), np.array([1]), [Measure("TooMuch", 5)])
    with pytest.raises(InputError, match="measure 'half recall': a name is letters and digits"):
        patray.measure("half recall")(lambda grades, relevant: 0.0)
    assert "length" not in added().get("systems", {})


@pytest.mark.parametrize("decorator", [patray.ranker, patray.encoder, patray.measure])
def test_a_decorator_without_a_name_or_a_function_is_refused_at_once(decorator: Callable[..., Any]) -> None:
    def own_thing(*given: object) -> float:
        return 0.5

    before = {group: list(things) for group, things in added().items()}
    with pytest.raises(InputError, match=rf'^@patray.{decorator.__name__}: a name is missing; write .*\("ownthing"\)'):
        decorator(own_thing)
    with pytest.raises(InputError, match="a float was given; wanted is a function"):
        decorator("nothing")(0.5)
    assert {group: list(things) for group, things in added().items()} == before


@pytest.mark.parametrize(
    ("dimensions", "said"),
    [
        (
            3,
            r"^system short \(encoder early\), own/ta: 60 vectors are zero in .* 3 dimensions, .* row 0 \(.+\)$",
        ),
        (8, r"^system short \(encoder early\), own/ta: cannot cut vectors of 4 dimensions to 8"),
    ],
)
def test_vectors_that_cannot_be_cut_name_system_place_and_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dimensions: int, said: str
) -> None:
    generate(Folder.at(tmp_path / "own"), seed=5, patents=60, name="own")
    monkeypatch.setitem(
        ENCODERS._added, "early", lambda texts, role: np.array([[0.0, 0, 0, 1 + len(one)] for one in texts])
    )
    suite = patray.Suite(
        name="s",
        landscapes=[{"path": str(tmp_path / "own")}],  # type: ignore[arg-type]
        views=("ta",),
        systems=[{"encoder": "early", "dimensions": dimensions, "name": "short"}],  # type: ignore[arg-type]
    )
    with pytest.raises(InputError, match=said):
        patray.run(suite, str(tmp_path / "work"))
