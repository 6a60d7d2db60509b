"""What a child prints says whose it is: read here as the supervisor reads it."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest
from twisted.logger import capturedLogs, formatEvent

from zcasync.child import output
from zcasync.child.output import JobOutput
from zcasync.protocol.output_marks import MARK_BYTES, new_mark
from zcasync.supervisor.children.output import ChildOutput

MARK = new_mark()


class Stream:
    """A stream, and the bytes that arrive at the other end."""

    def __init__(self) -> None:
        self._raw = io.BytesIO()
        self.text = JobOutput(
            self._raw, encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
        self.text.mark = MARK

    @property
    def written(self) -> str:
        self.text.flush()
        return self._raw.getvalue().decode()

    def read(self) -> list[str]:
        """The lines as the supervisor attributes them: job and text."""
        lines = ChildOutput(0, 100, lambda: None)
        lines.mark = MARK.encode()
        with capturedLogs() as events:
            lines.received(1, self.written.encode())
            lines.flush()
        return [formatEvent(event).removeprefix("child 0 job ") for event in events]


@pytest.fixture
def stream() -> Iterator[Stream]:
    made = Stream()
    yield made
    made.text.close()


def test_each_line_belongs_to_the_job_that_printed_it(stream: Stream) -> None:
    print("boot", file=stream.text)
    for job in ("0x1", "0x2"):
        stream.text.begin(job)
        print("one\ntwo", file=stream.text)

    assert stream.read() == ["-: boot", "0x1: one", "0x1: two", "0x2: one", "0x2: two"]


def test_a_job_that_prints_nothing_costs_nothing(stream: Stream) -> None:
    stream.text.begin("0x1")
    stream.text.begin("0x2")
    stream.text.write("")
    assert stream.written == ""

    print("mine", file=stream.text)
    assert stream.written == f"{MARK}0x2\nmine\n"


def test_an_unfinished_line_is_not_mixed_with_the_next_jobs(stream: Stream) -> None:
    stream.text.begin("0x1")
    print("no end", end="", file=stream.text)
    stream.text.begin("0x2")
    print("next", file=stream.text)

    assert stream.read() == ["0x1: no end", "0x2: next"]


def test_a_line_may_be_written_in_pieces(stream: Stream) -> None:
    stream.text.begin("0x1")
    for piece in ("a", "", "b", "\n", "c"):
        stream.text.write(piece)

    assert stream.read() == ["0x1: ab", "0x1: c"]


def test_text_that_utf8_cannot_encode_does_not_fail_a_job(stream: Stream) -> None:
    stream.text.begin("0x1")
    print("\ud800ü", file=stream.text)

    assert stream.read() == ["0x1: \\ud800ü"]


def test_write_returns_how_much_the_job_wrote(stream: Stream) -> None:
    stream.text.begin("0x1")

    assert stream.text.write("four") == 4


def test_stdout_and_stderr_are_both_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    streams = output.install(MARK)

    assert (sys.stdout, sys.stderr) == streams
    assert [stream.fileno() for stream in streams] == [1, 2]
    output.begin(streams, "0x1")
    assert [stream._job for stream in streams] == ["0x1", "0x1"]
    assert [stream.mark for stream in streams] == [MARK, MARK]


def test_each_child_has_a_mark_of_its_own() -> None:
    assert len({new_mark() for _ in range(100)}) == 100
    assert len(f"{MARK}{2**64:#x}\n") < MARK_BYTES
