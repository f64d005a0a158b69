"""BM25 through the whole job: the language of the texts, the bits of one index in one process, what finds nothing."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from patray.cluster.execute import execute
from patray.files import Folder
from patray.landscapes.load import iter_sections, load_metadata
from patray.landscapes.truth import build_truth
from patray.landscapes.views import get_view, render
from patray.runs.read import parse_suite
from patray.runs.resolve import resolve
from patray.search.exclusion import exclusions
from patray.search.lexical import Bm25
from patray.systems.lexical import Lexical

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("local_ray")]
TOPICS = ["加热元件 风扇转速 出风口", "座椅升降 制动机构 轮毂电机", "降噪算法 麦克风阵列 音量调节"]
SUITE = """\
name: words
landscapes: [{{path: {chinese}}}, {{path: {english}}}]
systems:
  - lexical: bm25
  - {{lexical: bm25, language: english, k1: 0.9, b: 0.4}}
  - rrf: [bm25, bm25-english-k0.9-b0.4]
search: {{shards: 3}}
tasks: {{classification: null, clustering: null}}
statistics: {{resamples: 100, flips: 100}}
"""


def chinese_landscape(folder: Path) -> Path:
    """30 patents of three topics, each citing what came before it; all hold one Latin word."""
    patents, citations = [], []
    for at in range(30):
        words = TOPICS[at % 3].split()
        text = f"第{at}号设备包括{words[at % 3]}以及与之连接的{words[(at + 1) % 3]}"
        patents.append({"patent_id": f"CN{at:03d}A", "title": f"带有{words[at % 3]}的设备", "abstract": text + " USB"})
        citations += [(f"CN{at:03d}A", f"CN{before:03d}A") for before in range(at % 3, at, 3)]
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(patents), folder / "patents.parquet")
    citing, cited = zip(*citations, strict=True)
    pq.write_table(pa.table({"citing_id": citing, "cited_id": cited}), folder / "citations.parquet")
    return folder


@pytest.fixture(scope="module")
def run(local_ray: None, small_landscape: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("words")
    text = SUITE.format(chinese=chinese_landscape(root / "chinese"), english=small_landscape)
    return Path(str(execute(resolve(parse_suite(text, "words.yaml", [])), str(root / "work"))))


def test_the_language_is_chosen_by_the_texts_and_written_into_the_suite(run: Path) -> None:
    chosen, given, _ = yaml.safe_load((run / "suite.yaml").read_text())["systems"]
    assert chosen["language"] == {"chinese/ta": "chinese", "small/ta": "english"}
    assert (given["name"], given["language"]) == ("bm25-english-k0.9-b0.4", "english")
    again = resolve(parse_suite((run / "suite.yaml").read_text(), "suite.yaml", []))
    assert again.systems is not None
    assert isinstance(again.systems[0], Lexical)
    assert again.systems[0].language == chosen["language"]


def test_chinese_patents_are_found_and_what_finds_nothing_is_said_on_the_first_screen(run: Path) -> None:
    summary = pd.read_parquet(run / "summary.parquet").set_index(["landscape", "system", "slice", "metric"])["mean"]
    assert summary["chinese", "bm25", "all", "nDCG@10"] > 0.5
    assert summary["chinese", "bm25-english-k0.9-b0.4", "all", "nDCG@10"] < summary["chinese", "bm25", "all", "nDCG@10"]
    notes = json.loads((run / "provenance.json").read_text())["notes"]
    assert "chinese/ta: words are cut as chinese by bm25, as its texts are (docs/suites.md, language)" in notes
    assert not [one for one in notes if "found nothing" in one]  # all share the Latin word


@pytest.mark.parametrize("landscape", ["chinese", "small"])
def test_rankings_of_shards_and_tasks_have_the_bits_of_one_index_in_one_process(run: Path, landscape: str) -> None:
    [clean] = (run.parents[1] / "landscapes" / landscape).iterdir()
    prepared, view = Folder.at(clean), get_view("ta")
    truth, _ = build_truth(load_metadata(prepared))
    texts: dict[str, str] = {}
    for batch in iter_sections(prepared, view.sections):
        texts.update(zip(batch.column("patent_id").to_pylist(), render(batch, view), strict=True))
    skip = exclusions(truth, np.arange(len(truth.query_ids)), np.arange(len(truth.patent_ids)))
    language = {"small": "english"}.get(landscape, landscape)
    for system, k1, b, said in (("bm25", None, None, language), ("bm25-english-k0.9-b0.4", 0.9, 0.4, "english")):
        index = Bm25.build([texts[one] for one in truth.patent_ids], k1, b, said)
        expected = index.search([texts[one] for one in truth.query_ids], 100, skip)
        found = pd.read_parquet(run / "rankings" / landscape / "ta" / f"{system}.parquet")
        filled = expected.patents >= 0
        assert found.patent_id.tolist() == truth.patent_ids[expected.patents[filled]].tolist()
        assert found.score.tolist() == expected.scores[filled].tolist()


def test_counts_are_made_once_for_systems_that_read_the_same_words(run: Path) -> None:
    steps = json.loads((run / "provenance.json").read_text())["steps"]
    made = {(one["landscape"], one["system"]): one for one in steps if one.get("entries")}
    assert all(one["shards"] == 3 for one in made.values())
    assert [made["small", name]["counts_reused"] for name in ("bm25", "bm25-english-k0.9-b0.4")] == [False, True]


def test_a_system_that_finds_nothing_is_named_on_the_first_screen(run: Path, tmp_path: Path) -> None:
    from tests.cluster.conftest import make_suite

    folder = chinese_landscape(tmp_path / "chinese")
    table = pq.read_table(folder / "patents.parquet")
    texts = [text.removesuffix(" USB") for text in table["abstract"].to_pylist()]
    pq.write_table(table.set_column(2, "abstract", pa.array(texts)), folder / "patents.parquet")
    suite = make_suite(
        folder, "name=nothing", "views=[abstract]", "models=[]", "systems=[{lexical: bm25, language: english}]",
        "tasks.classification=null", "tasks.clustering=null", "statistics.resamples=100", "statistics.flips=100",
    )  # fmt: skip
    made = Path(str(execute(suite, str(run.parents[1]))))
    [note] = [one for one in json.loads((made / "provenance.json").read_text())["notes"] if "found nothing" in one]
    assert re.fullmatch(
        r"chinese, abstract, bm25-english: 27 of 27 queries found nothing; they count with 0; words are cut as "
        r"english \(`language` of the system\)",
        note,
    )
    page = (made / "report.html").read_text()
    assert page.index("queries found nothing") < page.index('class="headline"')
