"""Callables and policies for the tests of retries: what children and supervisors import."""

from __future__ import annotations

from typing import Any

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from zcasync import Retry, Snooze
from zcasync.retry.stock import RetryExceptions

#: Four attempts in all, quickly.
QUICK = RetryExceptions(limit=4, delay=0.02, jitter=0)
#: Far apart, so that a test can look at what waits.
HOURLY = RetryExceptions(limit=4, delay=3600, jitter=0)


class Full(OSError):
    """An exception of an application."""


class Busy(Full):
    """One that is derived from it."""


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


def ask_again(gate: str, times: int, after: float | None = 0.02) -> int:
    """Ask to be tried again so many times; the gate counts the calls."""
    number = _arrive(gate)
    if number <= times:
        raise Retry(f"call {number} is too early", after=after)
    return number


def ask_again_as_failure(result: Any, gate: str, times: int) -> int:
    """The same for a callback."""
    return ask_again(gate, times)


def snooze(gate: str, times: int, seconds: float = 0.02) -> int:
    """Put itself off so many times; the gate counts the calls."""
    number = _arrive(gate)
    if number <= times:
        raise Snooze(seconds, f"call {number} is too early")
    return number


def snooze_later(gate: str, times: int, seconds: float = 0.02) -> Any:
    """The same with a Deferred that fires after a moment."""
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    return deferLater(reactor, 0.01, snooze, gate, times, seconds)


def raise_retry(after: Any = None) -> None:
    """Ask to be tried again."""
    raise Retry("busy", after=after)


def raise_snooze(until: Any = 60) -> None:
    """Put itself off."""
    raise Snooze(until, "not yet")


def raise_own(gate: str) -> None:
    """Raise an exception whose class is defined here; the gate counts the calls."""
    raise Busy(f"call {_arrive(gate)} fails")


def _arrive(gate: str) -> int:
    arrived = Gate(gate)
    arrived.arrive()
    return len(arrived.arrivals())
