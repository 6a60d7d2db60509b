"""What the demo prints: width, progress without a terminal, the verdict over both counts."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from zcasync.demo.counting import PlainCount, Totals
from zcasync.demo.report import WIDTH, Meter, Report, make_console
from zcasync.demo.source import Portion, SourceFile

STORED = Totals(files=1234, lines=20, tokens=30, skipped=4)


class Paper:
    """A report that is printed into a string."""

    def __init__(self, terminal: bool = False) -> None:
        self._file = io.StringIO()
        self.console = Console(
            file=self._file, width=WIDTH, force_terminal=terminal, highlight=False
        )
        self.report = Report(self.console)

    @property
    def text(self) -> str:
        return self._file.getvalue()


@pytest.fixture
def paper() -> Paper:
    return Paper()


def test_output_is_no_wider_than_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "230")
    assert make_console().width == WIDTH


def test_equal_counts_are_shown_side_by_side_and_agree(paper: Paper) -> None:
    plain = PlainCount(STORED, {"asyncio": 7})
    assert paper.report.comparison(STORED, {"asyncio": 7}, plain)
    rows = [line.split() for line in paper.text.splitlines()]
    assert ["files", "counted", "1,234", "1,234", "OK"] in rows
    assert ["files", "that", "mention", "asyncio", "7", "7", "OK"] in rows


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (Totals(1235, 20, 30, 4), 7),
        (Totals(1234, 21, 30, 4), 7),
        (Totals(1234, 20, 31, 4), 7),
        (Totals(1234, 20, 30, 5), 7),
        (STORED, 8),
    ],
)
def test_any_difference_is_shown_and_decides(paper: Paper, stored: Totals, found: int) -> None:
    plain = PlainCount(STORED, {"asyncio": 7})
    assert not paper.report.comparison(stored, {"asyncio": found}, plain)
    assert paper.text.count("DIFFERENT") == 1


def test_without_a_terminal_progress_is_a_line_at_every_quarter(paper: Paper) -> None:
    with Meter(paper.console, "counting", "files", 200) as meter:
        for _ in range(200):
            meter.advance()
    lines = paper.text.splitlines()
    counts = [f"counting: {count} of 200 files" for count in (50, 100, 150, 200)]
    assert [line.strip().rpartition(",")[0] for line in lines] == counts


def test_on_a_terminal_progress_is_a_bar() -> None:
    paper = Paper(terminal=True)
    with Meter(paper.console, "counting", "files", 2) as meter:
        meter.advance()
        meter.advance()
    assert "━" in paper.text
    assert "2/2" in paper.text
    assert " of " not in paper.text


def test_square_brackets_in_names_are_printed_as_they_are(paper: Paper) -> None:
    portion = Portion("package", (SourceFile("x.py", 2_000_000),))
    paper.report.opening(Path("/lib/[bold]python"), [portion])
    paper.report.failed(["job 0x1: expected [/closing]"])
    paper.report.supervisor_said(["twisted [-] stopping"])
    for text in ("/lib/[bold]python", "[/closing]", "twisted [-] stopping", "1 files, 2.0 MB"):
        assert text in paper.text
