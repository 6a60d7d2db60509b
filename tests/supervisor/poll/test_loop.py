"""When passes are made: one at a time, as early as anybody asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from zcasync.supervisor.poll.loop import AFTER_FAULT_SECONDS, PassLoop


class Looped:
    """A loop, and its passes, which the test ends."""

    def __init__(self, reactor: Clock) -> None:
        self.begun: list[float] = []
        self._reactor = reactor
        self.loop = PassLoop(reactor, self._pass)

    def _pass(self) -> Deferred[float]:
        self.begun.append(self._reactor.seconds())
        self._passing: Deferred[float] = Deferred()
        return self._passing

    def end(self, delay: float) -> None:
        """The pass under way ends."""
        self._passing.callback(delay)

    def fail(self, error: Exception) -> None:
        """The pass under way fails."""
        self._passing.errback(error)


@pytest.fixture
def looped(reactor: Clock) -> Looped:
    return Looped(reactor)


@pytest.fixture
def idle(reactor: Clock, looped: Looped) -> Looped:
    """A loop that has made its first pass and would make the next one in 5 s."""
    looped.loop.start()
    reactor.advance(0)
    looped.end(5)
    return looped


def test_a_loop_makes_no_pass_before_its_start(reactor: Clock, looped: Looped) -> None:
    looped.loop.wake()

    assert reactor.getDelayedCalls() == []


def test_the_first_pass_comes_at_once_and_the_next_after_the_delay(
    reactor: Clock, idle: Looped
) -> None:
    reactor.advance(4.9)
    assert idle.begun == [0]

    reactor.advance(0.1)
    assert idle.begun == [0, 5]


def test_waking_brings_the_next_pass_forward(reactor: Clock, idle: Looped) -> None:
    idle.loop.wake(1)
    idle.loop.wake(0.5)
    reactor.advance(0.5)

    assert idle.begun == [0, 0.5]
    assert reactor.getDelayedCalls() == [], "one pass at a time"


def test_waking_never_puts_a_pass_off(reactor: Clock, idle: Looped) -> None:
    idle.loop.wake(1)
    idle.loop.wake(4)
    reactor.advance(1)

    assert idle.begun == [0, 1]


def test_a_wake_during_a_pass_counts_from_its_end(reactor: Clock, looped: Looped) -> None:
    looped.loop.start()
    reactor.advance(0)
    looped.loop.wake(2)
    looped.loop.wake(0.5)
    looped.loop.wake(3)
    reactor.advance(10)
    assert looped.begun == [0], "the first is still under way"

    looped.end(5)
    reactor.advance(0.5)
    assert looped.begun == [0, 10.5]

    looped.end(5)
    reactor.advance(4)
    assert looped.begun == [0, 10.5], "a wake counts once"


def test_the_delay_of_a_pass_counts_when_it_is_shorter_than_a_wake(
    reactor: Clock, looped: Looped
) -> None:
    looped.loop.start()
    reactor.advance(0)
    looped.loop.wake(3)
    looped.end(1)
    reactor.advance(1)

    assert looped.begun == [0, 1]


def test_a_stopped_loop_makes_no_more_passes(reactor: Clock, idle: Looped) -> None:
    idle.loop.stop()
    idle.loop.wake()

    assert reactor.getDelayedCalls() == []


def test_a_pass_that_ends_after_the_stop_begins_no_other(reactor: Clock, looped: Looped) -> None:
    looped.loop.start()
    reactor.advance(0)
    looped.loop.stop()
    looped.loop.stop()
    looped.end(0)

    assert reactor.getDelayedCalls() == []
    assert looped.begun == [0]


def test_a_fault_in_a_pass_is_logged_and_not_the_last_of_all(
    reactor: Clock, looped: Looped, logged: list[dict[str, object]]
) -> None:
    looped.loop.start()
    reactor.advance(0)
    looped.fail(KeyError(3))
    assert [event["log_level"] for event in logged] == [LogLevel.critical]
    reactor.advance(AFTER_FAULT_SECONDS)

    assert looped.begun == [0, AFTER_FAULT_SECONDS]


@pytest.fixture
def logged() -> Iterator[list[dict[str, object]]]:
    """What is logged."""
    events: list[dict[str, object]] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)
