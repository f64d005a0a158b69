"""What a person and a log see of a step's progress."""

import re

import pytest

from patray import progress
from patray.progress import Progress, be_quiet, say, warn


@pytest.fixture
def every_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)


def test_a_log_gets_plain_lines_that_end_with_a_line_feed(every_move: None, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("embed small", 2_000) as bar:
        bar.advance(500, 4_000)
        bar.say("half of it is there")
        bar.advance(1_500, 9_000)
    said = capsys.readouterr().err
    assert said.endswith("\n")
    assert not re.search(r"[\r\x1b]", said)
    assert said.isascii()
    first, remark, *_, last = said.splitlines()
    assert re.fullmatch(
        r"patray: embed small: 500 of 2,000 patents \(25%\), [\d,]+ tokens/s, about \S+ (s|min|h) left", first
    )
    assert remark == "patray: embed small: half of it is there"
    assert last.startswith("patray: embed small: 2,000 of 2,000 patents (100%)")


def test_bytes_and_other_units_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("import lens", 3_000_000, bytes=True) as bar:
        bar.move(1_500_000)
        assert bar.line(90.0) == "import lens: 1.5 MB of 3.0 MB (50%), about 2 min left"
    with Progress("train x", 10, unit="steps") as bar:
        bar.move(4, "loss 0.5")
        assert bar.line(7200.0) == "train x: 4 of 10 steps (40%), loss 0.5, about 3.0 h left"


def test_quiet_leaves_out_progress_and_remarks_but_no_warning(
    every_move: None, capsys: pytest.CaptureFixture[str]
) -> None:
    be_quiet()
    try:
        with Progress("embed small", 2) as bar:
            bar.move(1)
            say("a remark")
            warn("a warning")
    finally:
        be_quiet(False)
    assert capsys.readouterr().err == "patray: a warning\n"


def test_a_step_that_fails_does_not_say_that_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with Progress("embed small", 2) as bar:
            bar.move(1)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert not capsys.readouterr().err
