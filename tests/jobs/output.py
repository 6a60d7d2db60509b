"""Jobs that print and log without measure."""

from __future__ import annotations

import os
import time

from twisted.logger import Logger

log = Logger("tests.output")


def flood(seconds: float, text: str, fd: int = 1, last: int = 0) -> int:
    """Write a text again and again, past all streams, then numbered lines; how much that was."""
    data = text.encode() * max(1, 8192 // len(text))
    until, written = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        written += os.write(fd, data)
    os.write(fd, b"\n")
    for number in range(last):
        written += os.write(fd, f"last {number}\n".encode())
    return written


def flood_and_die(seconds: float, text: str, last: int) -> None:
    """Write so, and end the process."""
    flood(seconds, text, 2, last)
    os._exit(7)


def write(megabytes: int) -> int:
    """Write so much and return."""
    data = b"y\n" * (512 * 1024)
    for _ in range(megabytes):
        rest = data
        while rest:
            rest = rest[os.write(1, rest) :]
    return megabytes


def warn(count: int, size: int) -> None:
    """Log so many warnings of a size, in the reactor."""
    for number in range(count):
        log.warn("{number} {text}", number=number, text="x" * size)
