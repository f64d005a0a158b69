"""Tables of one's own: every container, mappings, and what is said when a mapping is wrong."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sampling import by_id, check_valid, counts, jsonl, reasons, rows, run

from patray.errors import InputError

MAP = {"patent_id": "pn", "title": "ti", "abstract": "ab", "claims": "clm", "ipc": "ic", "citations": "ct"}
RECORDS = [
    {"pn": "EP1A1", "ti": "Brush", "ab": "A brush.", "clm": "1. A brush.", "ic": "A46B5/02; A46B 5/00", "ct": "EP2A1"},
    {"pn": "EP2A1", "ti": "Comb", "ab": "Two\nlines\tand a tab", "clm": "", "ic": "", "ct": "EP1;EP9A1"},
    {"pn": "EP2A1", "ti": "Again", "ab": "x", "clm": "", "ic": "", "ct": ""},
    {"pn": "", "ti": "No id", "ab": "x", "clm": "", "ic": "", "ct": ""},
    {"pn": "EP 3", "ti": "Space", "ab": "x", "clm": "", "ic": "", "ct": ""},
]


def quoted(delimiter: str) -> str:
    lines = [delimiter.join(RECORDS[0])]
    lines += [delimiter.join(f'"{value}"' for value in record.values()) for record in RECORDS]
    return "\n".join(lines) + "\n"


def make(path: Path) -> Path:
    if path.suffix == ".csv":
        path.write_text(quoted(","))
    elif path.suffix == ".tsv":
        path.write_text(quoted("\t"))
    elif path.suffix == ".jsonl":
        jsonl(path, RECORDS)
    else:
        pq.write_table(pa.Table.from_pylist(RECORDS), path)
    return path


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_every_container_gives_the_same_landscape(tmp_path: Path, suffix: str) -> None:
    report = run("table", make(tmp_path / f"x.{suffix}"), tmp_path / "out", columns=MAP)
    assert counts(report) == (5, 2, 3, 0)
    patents = by_id(tmp_path / "out")
    assert patents["EP1A1"]["ipc"] == ["A46B5/02", "A46B 5/00"]
    assert patents["EP1A1"]["claims"] == ["1. A brush."]
    assert patents["EP2A1"]["abstract"] == "Two\nlines\tand a tab"
    assert {(row["citing_id"], row["cited_id"]) for row in rows(tmp_path / "out", "citations")} == {
        ("EP1A1", "EP2A1"),
        ("EP2A1", "EP1A1"),
    }
    assert {reason for _, reason in reasons(tmp_path / "out")} == {
        "publication met before, the first was kept",
        "no publication number or id",
        "id holds white space, which TREC files cannot hold",
    }
    check_valid(tmp_path / "out", tmp_path / "clean")


def test_lists_and_labels_may_be_lists(tmp_path: Path) -> None:
    records = [
        {"patent_id": "a", "claims": ["1. A", "2. B"], "ipc": ["A46B5/02"], "labels": ["brush", "comb"]},
        {"patent_id": "b", "claims": ["1. C"], "ipc": [], "labels": []},
    ]
    jsonl(tmp_path / "x.jsonl", records)
    report = run("table", tmp_path / "x.jsonl", tmp_path / "out")
    assert by_id(tmp_path / "out")["a"]["claims"] == ["1. A", "2. B"]
    assert rows(tmp_path / "out", "labels/table") == [{"patent_id": "a", "labels": ["brush", "comb"]}]
    assert counts(report, "labels/table") == (1, 1, 0, 0)


def test_a_claims_table_without_abstracts_is_a_landscape(tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text('patent_id,claims\n1,"1. A brush."\n2,\n')
    assert counts(run("table", tmp_path / "claims.csv", tmp_path / "out")) == (2, 1, 1, 0)


def test_claims_keep_the_quotes_that_they_begin_and_end_with(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('patent_id,claims\nA,"""Smart"" brush called ""x"""\n')
    run("table", tmp_path / "x.csv", tmp_path / "out")
    assert by_id(tmp_path / "out")["A"]["claims"] == ['"Smart" brush called "x"']


def test_a_mapping_to_a_missing_column_names_the_likely_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing column 'titel' .did you mean 'ti'"):
        run("table", make(tmp_path / "x.csv"), tmp_path / "out", columns={**MAP, "title": "titel"})
    with pytest.raises(InputError, match=r"--map titel=\.\.\.: no such column; allowed are patent_id"):
        run("table", make(tmp_path / "x.csv"), tmp_path / "out", columns={"titel": "ti"})


def test_windows_encodings_are_read_when_named_and_listed_when_not(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("patent_id,title\n1,Bürste\n".encode("cp1252"))
    run("table", tmp_path / "x.csv", tmp_path / "named", encoding="cp1252")
    assert by_id(tmp_path / "named")["1"]["title"] == "Bürste"
    run("table", tmp_path / "x.csv", tmp_path / "bare")
    assert by_id(tmp_path / "bare")["1"]["title"] == "B�rste"
    assert len(rows(tmp_path / "bare", "quarantine")) == 1


def test_utf16_is_told_by_its_mark(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("patent_id,title\n1,Bürste\n".encode("utf-16"))
    for name, said in (("out", {}), ("named", {"encoding": "utf-16"})):
        run("table", tmp_path / "x.csv", tmp_path / name, **said)
        assert by_id(tmp_path / name)["1"]["title"] == "Bürste"


def test_dates_with_day_zero_are_left_empty_and_listed(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("patent_id,title,date\n1,a,20101100\n2,b,2010-11-03\n3,c,\n4,d,2010/02/29\n")
    run("table", tmp_path / "x.csv", tmp_path / "out")
    dates = {key: str(row["date"]) for key, row in by_id(tmp_path / "out").items()}
    assert dates == {"1": "None", "2": "2010-11-03", "3": "None", "4": "None"}
    assert reasons(tmp_path / "out") == {(2, "bad date, left empty"), (5, "bad date, left empty")}
