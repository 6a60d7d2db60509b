"""Callables for the tests of progress and of detached calls."""

from __future__ import annotations

import threading

import transaction

import zcasync
from tests.support.gates import Gate
from zcasync.errors import ForeignError


def report_at_gate(gate: str) -> str:
    """Reports, waits at the gate, and reports that it is done."""
    zcasync.progress(1, 3, "one of three")
    Gate(gate).pass_through()
    zcasync.progress(3, 3, "all")
    return "reported"


def report_in_bursts(gate: str) -> str:
    """Reports twice at once, then nothing for a while, and ends short of its total."""
    zcasync.progress(0, 300)
    zcasync.progress(150, 300, "half of it")
    Gate(gate).pass_through()
    return "half"


def report_and_fail() -> None:
    """Reports, and fails."""
    zcasync.progress(0, 300)
    zcasync.progress(150, 300)
    raise ValueError("no more")


def report_all() -> str:
    """Reports more often than is heard, to its end."""
    for done in range(301):
        zcasync.progress(done, 300)
    return "all"


def report_from_a_thread(gate: str) -> str:
    """The job's own thread reports for it."""
    thread = threading.Thread(target=zcasync.progress, args=(5, None, "from a thread"))
    thread.start()
    thread.join()
    Gate(gate).pass_through()
    return "reported"


async def report_in_the_reactor() -> str:
    """A coroutine in the supervisor's reactor."""
    current = zcasync.current()
    return "nobody" if current is None else current.callable_name


def wait_without_connection(gate: str) -> bool:
    """Whether a connection listens to this thread's transactions during a detached call."""
    Gate(gate).pass_through()
    return transaction.manager.manager.registeredSynchs()  # type: ignore[no-any-return]


def fail_without_connection() -> None:
    raise ForeignError("no connection, and no luck")
