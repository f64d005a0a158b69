"""The commands of docs/import/*.md, each run on a generated sample."""

import argparse
import random
import shlex
from pathlib import Path

import pytest
from dapfam_samples import make_dapfam
from lens_samples import jsonl as lens_jsonl
from lens_samples import record
from sampling import jsonl
from sampling import run as import_sample
from test_import_beir import make_beir
from test_import_bigquery import sample as bigquery_sample
from test_import_hupd import SAMPLE as HUPD
from test_import_patenteb import TEXT
from test_import_patenteb import write as write_patenteb
from test_import_patentsview import make as make_patentsview
from test_import_table import quoted
from test_import_uspto_xml import weekly

from patray.files import Folder
from patray.importers import command
from patray.importers.formats import FORMATS
from patray.landscapes.describe import describe, format_description
from patray.runs.read import read_suite
from patray.runs.resolve import resolve

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
    elif name == "hupd":
        (folder / "hupd").mkdir()
        for file, text in HUPD.items():
            (folder / "hupd" / file).write_text(text)
    elif name == "table":
        (folder / "mine.csv").write_text(quoted(","))
    elif name == "beir":
        make_beir(folder / "benchmark")
    elif name == "dapfam":
        make_dapfam(folder / "dapfam")
    elif name == "patenteb":
        for split, one in (("train", "a"), ("test", "b")):
            write_patenteb(
                folder / "class_text2ipc3" / split / "data.parquet", q=[one], text=[TEXT], first_ipcr3=["a46"]
            )
    else:
        jsonl(folder / "in.jsonl", [{"patent_id": f"d{n}", "title": f"brush {n}"} for n in range(4)])
        import_sample("table", folder / "in.jsonl", folder / "landscapes" / "mine")
        (folder / "judged.qrels").write_text("d0 0 d1 1\n")
        (folder / "tool.run").write_text("d0 Q0 d1 1 0.5 tool\n")


def commands(name: str) -> list[list[str]]:
    lines = (ROOT / "docs" / "import" / f"{name}.md").read_text(encoding="utf-8").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("    patray ")]


@pytest.mark.parametrize("name", FORMATS)
def test_the_three_commands_of_a_page_work_on_a_sample(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_sample(name, tmp_path)
    monkeypatch.chdir(tmp_path)
    imported, described, ran = commands(name)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert imported[1] == "import"
    assert command.run(parser.parse_args([*imported[2:], "--processes", "1"])) == 0
    assert "kept" in capsys.readouterr().out
    assert described[1:3] == ["landscape", "describe"]
    assert described[3] in imported
    assert format_description(describe(Folder.at(described[3])))
    assert ran[1] == "run"
    # The whole run is the job's own test; here: the suite that the line makes is one that runs.
    suite = resolve(read_suite(ROOT / ran[2], [ran[place + 1] for place, word in enumerate(ran) if word == "--set"]))
    assert suite.landscapes[0].path == described[3]
