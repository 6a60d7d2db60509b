"""Callables that run for longer than they may, each in a way of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import zcasync
from zcasync.errors import HardTimeLimit, SoftTimeLimit

#: Ignores what can be ignored, says that it does, and goes on.
STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
import os
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""


def spin() -> None:
    """Run for ever, in Python."""
    while True:
        pass


def hold_interpreter(seconds: int = 600) -> None:
    """Sleep in C code that lets no other thread of the process run Python code."""
    ctypes.PyDLL(None).sleep(seconds)


def wait_in_c() -> None:
    """Wait in C code, as long as no signal comes."""
    while True:
        ctypes.CDLL(None).pause()


def wait_for_own_lock() -> None:
    """Wait for a lock that nobody releases."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def swallow() -> None:
    """Go on, whatever is raised."""
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.05)


def swallow_all() -> None:
    """Go on in the hardest way: what is raised while it is handled is handled, too."""
    while True:
        try:
            while True:
                time.sleep(0.01)
        except BaseException:
            continue


def start_stubborn(path: str) -> None:
    """Wait for a process that ignores every polite signal."""
    subprocess.run([sys.executable, "-c", STUBBORN, path], check=False)


def stop_itself() -> None:
    """Have the kernel stop this process, which may take a moment."""
    while True:
        os.kill(os.getpid(), signal.SIGSTOP)


def swallow_without_output() -> None:
    """Go on, whatever is raised, without the outputs that Python knows."""
    for number in (0, 1, 2):
        os.close(number)
    swallow_all()


def tidy_up(path: str) -> str:
    """Work until it is told to end, and then leave things in order."""
    try:
        while True:
            time.sleep(0.01)
    except SoftTimeLimit as error:
        Path(path).write_text("in order")
        return f"ended: {error}"


def ask_until_told() -> tuple[bool, Any]:
    """Ask whether it should end; return what was said at first, and the deadline."""
    job = zcasync.current()
    assert job is not None
    first, deadline = job.cancelled, job.deadline
    while True:
        with contextlib.suppress(SoftTimeLimit):
            while not job.cancelled:
                time.sleep(0.01)
            return first, deadline


def be_quick(value: Any) -> Any:
    """Return the value at once."""
    return value


def commit_all_the_time(root: Any) -> None:
    """Commit again and again, until it is told to end."""
    import transaction

    while True:
        root["ticks"] = root.get("ticks", 0) + 1
        transaction.commit()


def load_all_the_time(tree: Any) -> None:
    """Load objects again and again, until it is told to end."""
    while True:
        tree._p_jar.cacheMinimize()
        for value in tree.values():
            value.get("name")


def hang_once(path: str) -> str:
    """Hang at the first time, and work at the next one."""
    note = Path(path)
    if not note.exists():
        note.write_text("was here")
        spin()
    return "done"


def hang_after(value: Any) -> Any:
    """A callback that never ends."""
    spin()


def return_deferred() -> Any:
    """Return a Deferred that never fires."""
    from twisted.internet.defer import Deferred

    return Deferred()


def return_stubborn_deferred() -> Any:
    """Return a Deferred of a coroutine that goes on when it is cancelled."""
    from twisted.internet.defer import CancelledError, Deferred

    async def work() -> None:
        while True:
            with contextlib.suppress(CancelledError):
                await Deferred()

    return Deferred.fromCoroutine(work())


async def tidy_up_async() -> str:
    """Wait in the reactor until it is told to end, and return then."""
    from twisted.internet.defer import CancelledError, Deferred

    try:
        await Deferred()
    except CancelledError:
        return "in order"
    return "never"


class OnceAgain:
    """A retry policy of the application's own: what has run too long is made once more."""

    at_most_once = False

    def __init__(self, partial: Any) -> None:
        pass

    def jobError(self, failure: Any, counts: Any) -> bool:
        """Return whether this was the first exception."""
        return failure.check(HardTimeLimit) is not None and counts.exceptions < 2

    def commitError(self, failure: Any, counts: Any) -> bool:
        """Return False."""
        return False

    def interrupted(self, counts: Any) -> bool:
        """Return False: no process that dies of itself is expected."""
        return False


class NeverAgain(OnceAgain):
    """The same, that ends the call with the first exception."""

    def jobError(self, failure: Any, counts: Any) -> bool:
        """Return False."""
        return False


NEVER_AGAIN = "tests.jobs.time_limits:NeverAgain"
ONCE_AGAIN = "tests.jobs.time_limits:OnceAgain"


def tidy_up_slowly(seconds: float) -> str:
    """Work for so long."""
    time.sleep(seconds)
    return "done"


def hang_deaf_once(path: str) -> str:
    """Hang at the first time in a process that answers no signal, and work at the next one."""
    note = Path(path)
    if not note.exists():
        faulthandler.unregister(signal.SIGUSR2)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        note.write_text("was here")
        hold_interpreter()
    return "done"


async def spin_in_steps() -> None:
    """Run for ever, in an event loop of its own."""
    while True:
        await asyncio.sleep(0.01)


async def wait_in_steps() -> None:
    """Wait for ever for one thing, in an event loop of its own that wakes now and then."""
    ticking = asyncio.ensure_future(spin_in_steps())
    await asyncio.get_running_loop().create_future()
    await ticking
