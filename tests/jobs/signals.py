"""Callables for tests of signals: what programmes inherit that jobs start, and orphans."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time

from tests.support.gates import Gate

#: All but those that the C library has for itself.
STANDARD = 2**31 - 1


def inherited() -> dict[str, int]:
    """The masks of a programme that a job starts: blocked and ignored signals."""
    command = ["grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    found = dict(line.split(":\t") for line in told.splitlines())
    return {name: int(mask, 16) & STANDARD for name, mask in found.items()}


def own() -> dict[str, int]:
    """The masks of the child itself."""
    with open("/proc/self/status") as status:
        found = dict(line.rstrip("\n").split(":\t", 1) for line in status)
    return {name: int(found[name], 16) & STANDARD for name in ("SigBlk", "SigIgn")}


def ends_by(number: int) -> int:
    """Start a programme that does nothing about signals, and send it one; its exit code."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        process.send_signal(number)
        return process.wait(30)


def copy_ends_by_terminate() -> int | None:
    """A process of multiprocessing that is forked ends when it is told to; its exit code."""
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    process.start()
    process.terminate()
    process.join(30)
    return process.exitcode


def signals_its_group() -> str:
    """A job ends all that it has started, by its group, and goes on."""
    with subprocess.Popen(["sleep", "60"]) as process:
        os.killpg(0, signal.SIGTERM)
        return f"ended by {-process.wait(30)}"


def leave_orphans(count: int) -> int:
    """Start processes that end when they have no parent any more, some in sessions of their own."""
    for number in range(count):
        code = (
            f"import os; {'os.setsid();' if number % 2 else ''} os.fork() or os.system('sleep 0.2')"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
    return os.getpid()


def blocks_the_reactor(gate: str) -> None:
    """A reactor job that lets nothing else be done."""
    Gate(gate).arrive()
    time.sleep(600)
