"""The command line, and an import that is killed and given again."""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from lens_samples import jsonl, record

from patray.cli import main
from patray.errors import ConflictError, InputError
from patray.importers.command import add_arguments, run
from patray.importers.formats import FORMATS, INTO, load_format
from patray.importers.run import import_landscape


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


def export(path: Path, count: int) -> Path:
    rng = random.Random(0)
    path.write_bytes(jsonl([record(n, rng) for n in range(1, count + 1)]))
    return path


def test_the_command_offers_every_format_and_each_has_its_module() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert all(f"\n  {name} " in parser.format_help() for name in FORMATS)
    assert all(load_format(name).name == name for name in FORMATS if name not in INTO)


def test_the_command_imports_selects_and_prints_counts_that_add_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = export(tmp_path / "x.jsonl", 30)
    out = str(tmp_path / "out")
    assert run(parse("lens", str(source), out, "--since", "2012-01-01", "--processes", "1", "--version", "may")) == 0
    printed = capsys.readouterr().out
    assert "date before --since" in printed
    assert f"patray landscape describe {out}" in printed
    assert "version: may" in (tmp_path / "out" / "landscape.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "2012"], "--since 2012: write the date as YYYY-MM-DD"),
        (["--office", "Europe"], "--office Europe: wanted two capital letters"),
        (["--representative", "best"], "--representative best: allowed are earliest, longest or offices"),
        (["--date", "grant"], "--date grant: allowed are publication, filing, priority"),
        (["--map", "title"], "--map title: write it as COLUMN=SOURCE"),
        (["--encoding", "utf-99"], "--encoding utf-99: Python knows no such encoding"),
        (["--office", "JP"], "no patent is left of 3 rows read"),
    ],
)
def test_wrong_options_are_errors_that_say_what_is_allowed(tmp_path: Path, arguments: list[str], message: str) -> None:
    source = export(tmp_path / "x.jsonl", 3)
    with pytest.raises(InputError, match=message):
        run(parse("lens", str(source), str(tmp_path / "out"), "--processes", "1", *arguments))


def test_a_landscape_is_exported_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(parse("lens", str(export(tmp_path / "x.jsonl", 30)), str(tmp_path / "out"), "--processes", "1"))
    assert main(["export", "beir", str(tmp_path / "out"), str(tmp_path / "beir"), "--view", "tac"]) == 0
    assert "30 documents, 29 queries" in capsys.readouterr().out


PROGRAM = """
import sys
import patray.importers.format as f
f.RANGE = 40_000
from patray.importers.command import add_arguments, run
import argparse
if __name__ == "__main__":
    parser = argparse.ArgumentParser(); add_arguments(parser)
    sys.exit(run(parser.parse_args(sys.argv[1:])))
"""


def test_an_import_killed_on_the_way_goes_on_and_repeats_no_finished_unit(tmp_path: Path) -> None:
    source = export(tmp_path / "x.jsonl", 2000)
    (tmp_path / "program.py").write_text(PROGRAM)
    out = tmp_path / "out"
    command = [sys.executable, str(tmp_path / "program.py"), "lens", str(source), str(out), "--processes", "1"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while len(list(out.glob(".import/*/units/*/unit.json"))) < 5:
        assert process.poll() is None, "the import ended before it could be killed"
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in out.glob(".import/*/units/*/unit.json")}
    assert not (out / "landscape.yaml").exists()

    watch = tmp_path / "watch.py"
    watch.write_text(PROGRAM.replace("import patray.importers.format as f", WATCH))
    command[1] = str(watch)
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    repeated = {line.split()[1] for line in again.stdout.splitlines() if line.startswith("UNIT")}
    assert not repeated & {path.parent.name for path in done}
    assert repeated
    assert pq.read_table(out / "patents.parquet").num_rows == 2000
    assert not (out / ".import").exists()


WATCH = """
import patray.importers.format as f
import patray.importers.part as part
whole = part._read
def watched(fmt, unit, options, target):
    print("UNIT", target.name)
    return whole(fmt, unit, options, target)
part._read = watched
"""


@pytest.mark.parametrize("threads", [True, False])
def test_processes_and_threads_give_the_same_landscape_as_one(
    threads: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lens = load_format("lens")
    monkeypatch.setattr("patray.importers.run.load_format", lambda name: replace(lens, threads=threads))
    source = export(tmp_path / "x.jsonl", 300)
    monkeypatch.setattr("patray.importers.format.RANGE", 200_000)
    for processes in ("1", "2"):
        run(parse("lens", str(source), str(tmp_path / processes), "--processes", processes))
    for name in ("patents", "citations"):
        one, two = (pq.read_table(tmp_path / processes / f"{name}.parquet") for processes in ("1", "2"))
        assert one.equals(two)


@pytest.mark.parametrize("parts", [False, True])
def test_a_landscape_of_ones_own_without_a_description_is_not_written_over(parts: bool, tmp_path: Path) -> None:
    own = tmp_path / "own" / "patents.parquet" / "part-0.parquet" if parts else tmp_path / "own" / "patents.parquet"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    (tmp_path / "new.csv").write_text("id,title\nUS10000001B2,A brush\n")
    with pytest.raises(ConflictError, match=r"holds a patents\.parquet that no import wrote"):
        import_landscape("table", [str(tmp_path / "new.csv")], str(tmp_path / "own"), processes=1, progress=False)
    assert own.read_bytes() == b"mine"
