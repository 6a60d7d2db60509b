"""Callables and policies for the tests of retries: what children and supervisors import."""

from __future__ import annotations

from typing import Any

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from zcasync.retry.stock import RetryExceptions

#: Four attempts in all, quickly.
QUICK = RetryExceptions(limit=4, delay=0.02, jitter=0)
#: Far apart, so that a test can look at what waits.
HOURLY = RetryExceptions(limit=4, delay=3600, jitter=0)


def fail_first(gate: str, failures: int) -> int:
    """Raise so many times; the gate counts the calls."""
    arrived = Gate(gate)
    arrived.arrive()
    number = len(arrived.arrivals())
    if number <= failures:
        raise ValueError(f"call {number} fails")
    return number


async def fail_first_soon(gate: str, failures: int) -> int:
    """The same as a coroutine."""
    return fail_first(gate, failures)


def fail_first_later(gate: str, failures: int) -> Any:
    """The same with a Deferred that fires after a moment."""
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    return deferLater(reactor, 0.01, fail_first, gate, failures)


def fail_callback(result: Any, gate: str) -> int:
    """A callback that raises twice."""
    return fail_first(gate, 2)


def wait_at_gate(result: Any, gate: str) -> Any:
    """A callback that returns a Deferred, which fires when the gate is open."""
    return jobs.deferred_gate(gate)


def double_later(result: Any) -> Any:
    """A callback that returns a Deferred, which fires after a moment."""
    return jobs.later(2 * result)
