"""Jobs that say what they are given, in every way in which a job can."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import zcasync
from tests.support.gates import Gate


def say(text: str, gate: str | None = None, **others: Any) -> str:
    """Print it on all ways, report it, note it, and return it."""
    print(text)
    print(text, file=sys.stderr)
    if hasattr(sys.stdout, "mark"):  # in a child, whose pipe the supervisor reads
        os.write(1, text.encode("utf-8", "surrogatepass") + b"\n")
    zcasync.progress(1, 2, text)
    partial = zcasync.current()
    if partial is not None:
        partial.annotations[text] = text
    if gate is not None:
        Gate(gate).pass_through()
    return text


def complain(text: str, **others: Any) -> None:
    """Raise it, as the message of an exception that has it in its name as well."""
    name = text.encode("utf-8", "ignore").decode().replace("\0", "")
    raise type(name, (ValueError,), {})(say(text))


def complain_at_gate(text: str, gate: str) -> None:
    """Raise it when the gate is open."""
    complain(say(text, gate))


def print_old_mark(job: str) -> None:
    """Say that another job speaks, as that could be said to children of an earlier version."""
    print(f"\0zcasync job {job}\nas another job", flush=True)


def print_unfinished(text: str) -> None:
    """Print on both ways without the end of the line."""
    print(text, end="", flush=True)
    os.write(2, text.encode())


def mark_of_this_child() -> str:
    """What begins the marks in the output of this child: its own code knows."""
    return sys.stdout.mark  # type: ignore[attr-defined,no-any-return]


def what_a_process_of_mine_sees() -> str:
    """The environment and the arguments of a process that a job starts, and of the child."""
    script = "cat /proc/self/environ /proc/self/cmdline /proc/$PPID/environ /proc/$PPID/cmdline"
    return subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True).stdout
