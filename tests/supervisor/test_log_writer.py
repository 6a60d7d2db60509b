"""The writer of the log: in order, never waited for, and what is missing is counted."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scenes import Said
from zcasync.supervisor.log_outlets import LogStream
from zcasync.supervisor.log_writer import MOST_BYTES, LogWriter
from zcasync.testing.waiting import wait_until

LINE = "x" * 999


def writer_to(fd: int) -> LogWriter:
    made = LogWriter(LogStream(fd, "the place"), lambda count: f"{count} dropped\n")
    made.start()
    return made


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe that nobody reads."""
    ends = os.pipe()
    yield ends
    for one in ends:
        os.close(one)


def test_lines_come_in_their_order(pipe: tuple[int, int]) -> None:
    writer = writer_to(os.dup(pipe[1]))
    for number in range(100):
        writer.write(f"{number}\n")
    writer.end(time.monotonic() + 10)

    assert os.read(pipe[0], 65536).split() == [str(number).encode() for number in range(100)]


def test_nobody_waits_for_a_reader_and_what_was_too_much_is_counted_where_it_is_missing(
    pipe: tuple[int, int],
) -> None:
    writer = writer_to(os.dup(pipe[1]))
    count = 3 * MOST_BYTES // 1000
    began = time.monotonic()
    for number in range(count):
        writer.write(f"{number:05}{LINE[6:]}\n")
    assert time.monotonic() - began < 10

    found = b""

    def read() -> bool:
        nonlocal found
        found += os.read(pipe[0], 65536)
        return found.endswith(b"dropped\n")

    wait_until(read, "the number of dropped lines")
    writer.write("again\n")
    assert os.read(pipe[0], 65536) == b"again\n"
    *lines, last = found.decode().splitlines()
    assert [line[:5] for line in lines] == [f"{number:05}" for number in range(len(lines))]
    assert last == f"{count - len(lines)} dropped"
    assert MOST_BYTES - 1100 <= len(found) <= MOST_BYTES + 200_000


def test_an_end_waits_for_a_moment_only(pipe: tuple[int, int]) -> None:
    writer = writer_to(os.dup(pipe[1]))
    for _ in range(200):
        writer.write(LINE + "\n")
    began = time.monotonic()
    writer.end(began + 0.5)
    writer.write("after it\n")

    assert 0.4 < time.monotonic() - began < 10


def test_what_comes_after_the_end_is_written_at_once(pipe: tuple[int, int]) -> None:
    writer = writer_to(os.dup(pipe[1]))
    writer.end(time.monotonic() + 10)
    writer.write("the last line\n")
    os.set_blocking(pipe[0], False)

    assert os.read(pipe[0], 100) == b"the last line\n"


@pytest.mark.parametrize("kind", ["full", "closed", "left", "terminal"])
def test_what_takes_nothing_delays_no_end(kind: str) -> None:
    reader, fd = os.pipe()
    if kind == "full":
        fd = os.open("/dev/full", os.O_WRONLY)
    elif kind == "terminal":
        reader, fd = os.openpty()
    if kind in ("left", "terminal"):
        os.close(reader)
    if kind == "closed":
        os.close(fd)
    writer = writer_to(fd)
    began = time.monotonic()
    for _ in range(3):
        writer.write(LINE + "\n")
    writer.end(time.monotonic() + 60)

    assert time.monotonic() - began < 20


def test_what_could_not_be_written_is_written_when_it_can_be(tmp_path: Path) -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    writer = writer_to(fd)
    writer.write("early\n")
    writer.end(time.monotonic() + 10)  # one try has failed
    place = tmp_path / "now"
    os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT), fd)
    writer.write("late\n")

    wait_until(lambda: place.read_text() == "early\nlate\n", "both lines")


def test_a_number_of_dropped_lines_is_told_once(tmp_path: Path) -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    writer = writer_to(fd)
    for _ in range(MOST_BYTES // 1000 + 50):
        writer.write(LINE + "\n")
    place = tmp_path / "now"
    os.dup2(os.open(place, os.O_WRONLY | os.O_CREAT), fd)
    wait_until(lambda: "dropped" in place.read_text(), "the number")
    writer.write("again\n")
    wait_until(lambda: place.read_text().endswith("again\n"), "the next line")

    found = place.read_text()
    (count,) = re.findall(r"(\d+) dropped\n", found)
    assert found.count(LINE) + int(count) == MOST_BYTES // 1000 + 50
    assert found.endswith("dropped\nagain\n")


def test_what_cannot_be_written_is_told_to_the_others_once(said: Said) -> None:
    writer = writer_to(os.open("/dev/full", os.O_WRONLY))
    for _ in range(3):
        writer.write(LINE + "\n")
        writer.reopen()  # it tries at once
    wait_until(lambda: said.lines, "a warning")
    writer.end(time.monotonic() + 10)

    assert said.lines == [
        "the place cannot be written: No space left on device; lines wait for it, and are dropped "
        "when they are too many"
    ]
