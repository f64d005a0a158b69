"""The commands of docs/import/*.md, each run on a generated sample, from the export to the report."""

import json
import random
import shlex
from pathlib import Path

import pandas as pd
import pytest
from dapfam_samples import make_dapfam
from lens_samples import jsonl as lens_jsonl
from lens_samples import record
from sampling import jsonl
from sampling import run as import_sample
from test_import_beir import make_beir
from test_import_bigquery import sample as bigquery_sample
from test_import_clef_ip import make_clef_ip
from test_import_ep_xml import make_week
from test_import_exchange import make_docdb, make_ops
from test_import_hupd import application
from test_import_office_actions import action, enriched, envelope, landscape
from test_import_patenteb import TEXT
from test_import_patenteb import write as write_patenteb
from test_import_patentsview import make as make_patentsview
from test_import_table import quoted
from test_import_uspto_odp import answer, wrapper
from test_import_uspto_old import aps_file, patdoc
from test_import_uspto_xml import weekly

from patray.cli import main
from patray.importers.formats import FORMATS, INTO

ROOT = Path(__file__).resolve().parents[2]


def make_sample(name: str, folder: Path) -> None:
    """What the page's SOURCE names, in `folder`."""
    rng = random.Random(0)
    if name == "lens":
        (folder / "lens-export.jsonl").write_bytes(lens_jsonl([record(n, rng) for n in range(1, 20)]))
    elif name == "bigquery":
        jsonl(folder / "shards" / "part-0.json", bigquery_sample(integers=False))
    elif name == "patentsview":
        make_patentsview(folder / "patentsview")
    elif name == "uspto-xml":
        (folder / "weekly").mkdir()
        (folder / "weekly" / "ipg140701.xml").write_text(weekly())
    elif name == "uspto-old":
        (folder / "old").mkdir()
        (folder / "old" / "pftaps760106.txt").write_text(aps_file())
        (folder / "old" / "pg020101.sgm").write_text(patdoc("06336130", True) + patdoc("06336132", True))
    elif name == "ops":
        make_ops(folder / "answers")
    elif name == "docdb":
        (folder / "docdb_xml").mkdir()
        make_docdb(folder / "docdb_xml" / "docdb_xml_bck_202601_001_A.zip")
    elif name == "uspto-odp":
        kinds = rng.choices(["brush", "comb"], k=120)
        status = {"brush": "Patented Case", "comb": "Abandoned"}
        bag = [
            wrapper(number, inventionTitle=f"A {kind} {number}", applicationStatusDescriptionText=status[kind])
            for number, kind in enumerate(kinds)
        ]
        (folder / "answers").mkdir()
        (folder / "answers" / "page.json").write_text(json.dumps(answer(bag)))
    elif name == "clef-ip":
        make_clef_ip(folder / "clef-ip")
    elif name == "ep-xml":
        (folder / "weekly").mkdir()
        make_week(folder / "weekly" / "EPRTBJV2022000001001001.tar")
    elif name == "hupd":
        (folder / "hupd").mkdir()
        for number in range(120):
            kind = rng.choice(["brush", "comb"])
            changes = {"abstract": f"A {kind} {number}.", "decision": {"brush": "ACCEPTED", "comb": "REJECTED"}[kind]}
            (folder / "hupd" / f"{number}.json").write_text(json.dumps(application(number, **changes)))
    elif name == "table":
        (folder / "mine.csv").write_text(quoted(","))
    elif name == "beir":
        make_beir(folder / "benchmark")
    elif name == "dapfam":
        make_dapfam(folder / "dapfam")
    elif name == "patenteb":
        for split in ("train", "test"):
            kinds = rng.choices(["a46", "b60"], k=60)
            write_patenteb(
                folder / "class_text2ipc3" / split / "data.parquet",
                q=[f"{split}{number}" for number in range(60)],
                text=[f"{kind} [SEP] {TEXT}" for kind in kinds],
                first_ipcr3=kinds,
            )
    elif name == "office-actions":
        landscape(folder)
        (folder / "landscapes").mkdir()
        (folder / "land").rename(folder / "landscapes" / "mine")
        (folder / "citations").mkdir()
        envelope(folder / "citations" / "enriched.json", [enriched(f"1600000{n}", "US10000001B2", "X") for n in (3, 5)])
        envelope(folder / "citations" / "actions.json", [action("16000004", "DOE 10,000,002", "10000002")])
    else:
        jsonl(folder / "in.jsonl", [{"patent_id": f"d{n}", "title": f"brush {n}"} for n in range(4)])
        import_sample("table", folder / "in.jsonl", folder / "landscapes" / "mine")
        (folder / "judged.qrels").write_text("d0 0 d1 1\n")
        (folder / "tool.run").write_text("d0 Q0 d1 1 0.5 tool\n")


def commands(name: str) -> list[list[str]]:
    lines = (ROOT / "docs" / "import" / f"{name}.md").read_text(encoding="utf-8").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("    patray ")]


def sample_commands(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The page's commands without `patray`, in a folder that has the page's source and the shipped suites."""
    make_sample(name, tmp_path)
    (tmp_path / "jobs").symlink_to(ROOT / "jobs")
    monkeypatch.chdir(tmp_path)
    return [line[1:] for line in commands(name)]


@pytest.mark.parametrize("name", FORMATS)
def test_the_first_commands_of_a_page_work_on_a_sample_and_the_rows_add_up(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    imported, described, ran, *_ = sample_commands(name, tmp_path, monkeypatch)
    assert [imported[0], *described[:2], ran[0]] == ["import", "landscape", "describe", "run"]
    assert main([*imported, *([] if name in INTO else ["--processes", "1"])]) == 0
    lines = capsys.readouterr().out.splitlines()
    if name in INTO:
        numbers = [[int(word.strip(",")) for word in line.split() if word.strip(",").isdigit()] for line in lines]
        assert [one[0] == sum(one[1:]) for one in numbers if len(one) > 2] == [True, True]
    else:
        assert lines[0].split() == ["rows", "read", "kept", "quarantined", "filtered"]
        table = [line.split() for line in lines[1:] if len(line.split()) > 4 and line[0] != " " and ":" not in line]
        sums = [[int(cell.replace(",", "")) for cell in row[-4:]] for row in table if row[-1].isdigit()]
        assert sums
        assert all(read == kept + quarantined + filtered for read, kept, quarantined, filtered in sums)
    assert described[2] in imported
    assert main(described) == 0
    assert f"landscapes.0.path={described[2]}" in ran


QUICK = [
    "--set=models=[]", "--set=systems=[{lexical: bm25}]", "--set=statistics.resamples=100",
    "--set=statistics.flips=100", "--set=tasks.classification=null", "--set=tasks.clustering=null",
]  # fmt: skip
"""Without a model: seconds rather than a minute a format."""
NO_CITATIONS = ("hupd", "patenteb", "uspto-odp")


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_every_page_leads_from_an_export_to_a_report(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    imported, _, ran, *_ = sample_commands(name, tmp_path, monkeypatch)
    assert main(imported) == 0
    few = ["--set=statistics.resamples=100", "--set=statistics.flips=100"]
    # Lens as the page says, word for word; what cannot be ranked needs a model for its other tasks.
    assert main([*ran, *({"lens": []} | dict.fromkeys(NO_CITATIONS, few)).get(name, QUICK)]) == 0
    report = Path(capsys.readouterr().out.splitlines()[-1])
    assert report.name == "report.html"
    assert report.stat().st_size > 10_000
    summary = pd.read_parquet(report.parent / "summary.parquet")
    tasks = set(summary.task.str.partition(":")[0])
    assert ("retrieval" in tasks) != (name in NO_CITATIONS)
    assert name not in NO_CITATIONS or "classification" in tasks
    assert summary["mean"].notna().any()
