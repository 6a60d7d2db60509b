"""What a child prints says whose it is: read here as the supervisor reads it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from twisted.logger import capturedLogs, formatEvent

from zcasync.child.output import Output, stream_of
from zcasync.protocol.output_marks import MARK_BYTES, new_mark
from zcasync.supervisor.children.output import ChildOutput

MARK = new_mark()


class Stream:
    """A stream, and the bytes that arrive at the other end."""

    def __init__(self) -> None:
        self._pipe = os.pipe()
        self.output = Output(self._pipe[1], MARK)
        self.text = stream_of(self.output)
        self._seen = b""

    @property
    def written(self) -> str:
        self.text.flush()
        os.set_blocking(self._pipe[0], False)
        with suppress(BlockingIOError):
            self._seen += os.read(self._pipe[0], 65536)
        return self._seen.decode()

    def close(self) -> None:
        for fd in (*self._pipe, self.output.fd):
            os.close(fd)

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
    made.close()


def test_each_line_belongs_to_the_job_that_printed_it(stream: Stream) -> None:
    print("boot", file=stream.text)
    for job in ("0x1", "0x2"):
        stream.output.begin(job)
        print("one\ntwo", file=stream.text)

    assert stream.read() == ["-: boot", "0x1: one", "0x1: two", "0x2: one", "0x2: two"]


def test_a_job_that_prints_nothing_costs_nothing(stream: Stream) -> None:
    stream.output.begin("0x1")
    stream.output.begin("0x2")
    stream.text.write("")
    assert stream.written == ""

    print("mine", file=stream.text)
    assert stream.written == f"{MARK}0x2\nmine\n"


def test_an_unfinished_line_is_not_mixed_with_the_next_jobs(stream: Stream) -> None:
    stream.output.begin("0x1")
    print("no end", end="", file=stream.text)
    stream.output.begin("0x2")
    print("next", file=stream.text)

    assert stream.read() == ["0x1: no end", "0x2: next"]


def test_a_line_may_be_written_in_pieces(stream: Stream) -> None:
    stream.output.begin("0x1")
    for piece in ("a", "", "b", "\n", "c"):
        stream.text.write(piece)

    assert stream.read() == ["0x1: ab", "0x1: c"]


def test_text_that_utf8_cannot_encode_does_not_fail_a_job(stream: Stream) -> None:
    stream.output.begin("0x1")
    print("\ud800ü", file=stream.text)

    assert stream.read() == ["0x1: \\ud800ü"]


def test_write_returns_how_much_the_job_wrote(stream: Stream) -> None:
    stream.output.begin("0x1")

    assert stream.text.write("four") == 4


def test_the_mark_comes_though_the_number_leads_elsewhere(stream: Stream, tmp_path: Path) -> None:
    with (tmp_path / "elsewhere").open("wb") as file:
        os.dup2(file.fileno(), stream.output.number)
    stream.output.begin("0x1")
    print("redirected", file=stream.text)

    assert stream.written == f"{MARK}0x1\n"
    assert (tmp_path / "elsewhere").read_text() == "redirected\n"


def test_each_child_has_a_mark_of_its_own() -> None:
    assert len({new_mark() for _ in range(100)}) == 100
    assert len(f"{MARK}{2**64:#x}\n") < MARK_BYTES
