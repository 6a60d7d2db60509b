"""Tokens, lines and mentions of single files, and their sums."""

from pathlib import Path

import pytest

from zcasync.demo.counting import Counted, Totals, count, count_file, plain_count

SOURCE = b"""\
import signal

def stop(pid):  # signal in a comment does not count
    '''signal neither'''
    return signal.signal(signal.SIGKILL, pid)
"""


def test_names_and_keywords_are_tokens_and_a_line_counts_once() -> None:
    counted = count(SOURCE)
    assert counted is not None
    assert counted.lines == 5
    assert counted.tokens == 11
    assert counted.mentions == {
        "import": 1,
        "signal": 2,
        "def": 1,
        "stop": 1,
        "pid": 2,
        "return": 1,
        "SIGKILL": 1,
    }


def test_an_empty_file_counts() -> None:
    assert count(b"") == Counted(0, 0, {})


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(b"# coding: no-such-codec\n", id="unknown encoding"),
        pytest.param(b"name = '\xff'\n", id="not UTF-8"),
        pytest.param(b"call(\n", id="never closed"),
        pytest.param(b"if x:\n        a\n    b\n", id="wrong indentation"),
    ],
)
def test_a_file_that_is_not_python_is_skipped(source: bytes) -> None:
    assert count(source) is None


def test_a_file_that_cannot_be_opened_is_skipped(tmp_path: Path) -> None:
    assert count_file(tmp_path / "gone.py") is None


def test_a_plain_count_sums_up_and_says_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(SOURCE)
    (tmp_path / "b.py").write_bytes(b"import asyncio\n")
    (tmp_path / "c.py").write_bytes(b"(")
    ticks: list[None] = []
    names = ["a.py", "b.py", "c.py"]
    plain = plain_count(tmp_path, names, ["import", "asyncio", "x"], lambda: ticks.append(None))
    assert plain.totals == Totals(files=2, lines=6, tokens=13, skipped=1)
    assert plain.files_with == {"import": 2, "asyncio": 1, "x": 0}
    assert len(ticks) == 3
