"""The calls that are measured; the children of the benchmark's supervisors import them."""

from __future__ import annotations

import fcntl
import os


def noop() -> None:
    """Nothing: what it costs is what a job costs."""


def pass_on(value: object) -> object:
    """A callback that does nothing."""
    return value


def spin(count: int) -> int:
    """Keep one core busy; ``count`` says for how long."""
    total = 0
    for number in range(count):
        total += number * number % 7
    return total


def pass_gate(path: str | os.PathLike[str]) -> None:
    """Wait, without using the processor, while another process holds the lock on a file."""
    with open(path) as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)


def count_all(*members: object) -> int:
    """How many members a flow had."""
    return len(members)
