"""A run that another tool made joins a suite as a system, with the numbers that ir-measures gives it."""

import gzip
import json
import math
import re
from collections import Counter
from pathlib import Path

import ir_measures
import pandas as pd
import pyarrow.parquet as pq
import pytest

from patray.errors import InputError
from patray.importers.source import content_of
from patray.systems.foreign import foreign_files

MEASURES = ("nDCG@10", "nDCG@100", "R@100", "AP@100", "RR@10", "P@10")


def other_tool(landscape: Path, own_family: bool) -> list[str]:
    """TF-IDF cosine of abstracts in a few lines, not patray's code; scores tell all patents apart, in a C float too."""
    patents = {row["patent_id"]: row for row in pq.read_table(landscape / "patents.parquet").to_pylist()}
    bags = {name: Counter(re.findall(r"\w+", row["abstract"] or "")) for name, row in patents.items()}
    seen = Counter(word for bag in bags.values() for word in bag)
    weights = {
        name: {word: count * math.log(len(bags) / seen[word]) for word, count in bag.items()}
        for name, bag in bags.items()
    }
    norms = {name: math.sqrt(sum(value**2 for value in bag.values())) or 1.0 for name, bag in weights.items()}
    lines = []
    for query in sorted({row["citing_id"] for row in pq.read_table(landscape / "citations.parquet").to_pylist()}):
        found = []
        for name, bag in weights.items():
            if own_family or patents[name]["family_id"] != patents[query]["family_id"]:
                dot = sum(value * bag.get(word, 0.0) for word, value in weights[query].items())
                found.append((dot / norms[query] / norms[name], name))
        for rank, (_, name) in enumerate(sorted(found, reverse=True)):
            lines.append(f"{query} Q0 {name} {rank + 1} {(len(found) - rank) / 7:.9g} tfidf")
    return lines


def check(run: Path, ranking: Path, system: str) -> None:
    """The summary of a run folder has ir-measures' values of a run file."""
    summary = pd.read_parquet(run / "summary.parquet").set_index(["view", "system", "slice", "metric"])["mean"]
    for part in ("all", "in", "out"):
        qrels = list(ir_measures.read_trec_qrels(str(run / "trec" / f"qrels.small.{part}.txt")))
        results = list(ir_measures.read_trec_run(str(ranking)))
        measured = ir_measures.calc_aggregate([ir_measures.parse_measure(name) for name in MEASURES], qrels, results)
        for measure, value in measured.items():
            name = str(measure).replace("R@", "Recall@") if str(measure).startswith("R@") else str(measure)
            assert summary["ta", system, part, name] == pytest.approx(value, abs=1e-9), (part, name)


@pytest.mark.slow
@pytest.mark.usefixtures("encodes_here")
def test_a_run_of_another_tool_gets_the_numbers_of_ir_measures_and_the_same_tests(
    small_landscape: Path, tmp_path: Path
) -> None:
    from patray.cluster.execute import execute
    from tests.cluster.conftest import make_suite

    lines = other_tool(small_landscape, own_family=False)
    (tmp_path / "tool.run").write_text("\n".join(lines) + "\n")
    families = tmp_path / "families" / "small"
    families.mkdir(parents=True)
    with gzip.open(families / "ta.run.gz", "wt") as file:
        file.write("\n".join(other_tool(small_landscape, own_family=True)) + "\nq Q0 EP1 1 1 tfidf\n")
    suite = make_suite(
        small_landscape,
        "views=[ta]",
        "models=[]",
        f"systems=[{{lexical: bm25}}, {{run: {tmp_path}/tool.run, name: tool}}, "
        f"{{run: {tmp_path}/families, name: families}}, {{rrf: [bm25, tool]}}]",
        "tasks.classification=null",
        "tasks.clustering=null",
    )
    run = Path(str(execute(suite, str(tmp_path / "work"))))
    check(run, tmp_path / "tool.run", "tool")
    check(run, run / "trec" / "small.ta.tool.run", "tool")
    # What the landscape never ranks was taken out of the other run: it is the same run then.
    check(run, tmp_path / "tool.run", "families")
    notes = " ".join(json.loads((run / "provenance.json").read_text())["notes"])
    assert "families: ta.run.gz: 1 results of queries not asked here (first: q)" in notes
    assert "results are taken out: the query itself, its family" in notes
    comparisons = pd.read_parquet(run / "comparisons.parquet")
    pair = comparisons[
        (comparisons.system_a == "bm25") & (comparisons.system_b == "tool") & (comparisons.slice == "all")
    ]
    assert len(pair) == 1
    assert 0 < pair.p_adjusted.item() <= 1
    assert "rrf60(bm25,tool)" in set(comparisons.system_b)


def test_a_folder_has_a_file_for_every_view_or_one_for_the_landscape(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/ta.run", "a/tac.run.gz", "b.run"):
        (tmp_path / name).write_text("q Q0 d 1 1 t\n")
    found = foreign_files(str(tmp_path), ["a", "b"], ["ta", "tac"])
    assert {place: file.label for place, file in found.items()} == {
        ("a", "ta"): "ta.run",
        ("a", "tac"): "tac.run.gz",
        ("b", "ta"): "b.run",
        ("b", "tac"): "b.run",
    }
    with pytest.raises(InputError, match=r"lacks a/full\.run \(or a\.run\), c/ta\.run \(or c\.run\), c/full"):
        foreign_files(str(tmp_path), ["a", "c"], ["ta", "full"])
    (tmp_path / "a" / "ta.run.gz").write_text("q Q0 d 1 1 t\n")
    with pytest.raises(InputError, match=r"holds ta\.run and ta\.run\.gz; delete one"):
        foreign_files(str(tmp_path), ["a"], ["ta"])


def test_one_file_serves_one_landscape_and_view_only(tmp_path: Path) -> None:
    (tmp_path / "x.run").write_text("q Q0 d 1 1 t\n")
    assert foreign_files(str(tmp_path / "x.run"), ["a"], ["ta"])["a", "ta"].label == "x.run"
    with pytest.raises(InputError, match=r"is one file, but the suite has 1 landscape\(s\) and 2 view\(s\)"):
        foreign_files(str(tmp_path / "x.run"), ["a"], ["ta", "tac"])
    with pytest.raises(InputError, match="no such file or folder"):
        foreign_files(str(tmp_path / "y.run"), ["a"], ["ta"])


def test_the_content_of_a_run_changes_with_its_bytes_and_not_with_its_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.run").write_text("q Q0 d 1 1 t\n")
    assert content_of(str(tmp_path / "one")) == content_of(str(tmp_path / "two"))
    (tmp_path / "two" / "a.run").write_text("q Q0 d 1 2 t\n")
    assert content_of(str(tmp_path / "one")) != content_of(str(tmp_path / "two"))
