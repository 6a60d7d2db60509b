"""The clock of a call that has limits, and the Deferred that it has returned."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.sessions import FakeClock, Session
from zcasync import Partial, current
from zcasync.errors import HardTimeLimit, SoftTimeLimit
from zcasync.job.time_limits import TimeLimits
from zcasync.perform.performer import Performer
from zcasync.perform.time_limit import BoundDeferred, CallClock, running_clock, timed, unwatched
from zcasync.retry.attempts import Timing


def clock_of(reactor: Clock, soft: float | None = 2.0, hard: float | None = 5.0) -> CallClock:
    return CallClock(TimeLimits(soft, hard), reactor.seconds)


class Bound:
    """A Deferred that keeps to limits of 2 s and 5 s, and what it has fired with."""

    def __init__(self, reactor: Clock, inner: Deferred[Any]) -> None:
        self.inner = inner
        self.seen: list[Any] = []
        self.made = BoundDeferred(reactor, inner, clock_of(reactor))
        self.made.result.addBoth(self.seen.append)

    def begin(self) -> Bound:
        self.made.begin()
        return self


@pytest.fixture
def reactor() -> Clock:
    return Clock()


def kind(value: Any) -> Any:
    assert isinstance(value, Failure)
    return type(value.value)


def test_a_clock_tells_how_much_is_left(reactor: Clock) -> None:
    ticking = clock_of(reactor)
    assert (ticking.first, ticking.is_cancelled, ticking.is_overrun) == (2.0, False, False)
    reactor.advance(3)
    assert (ticking.elapsed, ticking.left(2.0), ticking.left(5.0)) == (3.0, 0.0, 2.0)
    assert (ticking.is_cancelled, ticking.is_overrun) == (True, False)
    reactor.advance(2)
    assert ticking.is_overrun


def test_the_first_limit_is_the_deadline(reactor: Clock, fake_clock: FakeClock) -> None:
    now = fake_clock.microseconds
    assert clock_of(reactor).deadline == now + 2_000_000
    assert clock_of(reactor, soft=None).deadline == now + 5_000_000
    assert clock_of(reactor, soft=9.0).deadline == now + 5_000_000
    assert clock_of(reactor, None, None).deadline is None


def test_there_is_no_clock_without_limits(reactor: Clock) -> None:
    with timed(TimeLimits(), unwatched, reactor.seconds) as ticking:
        assert ticking is running_clock() is None
    with timed(TimeLimits(1.0), unwatched, reactor.seconds) as ticking:
        assert ticking is running_clock() is not None
    assert running_clock() is None


def test_a_call_knows_its_own_clock_only(
    session: Session, reactor: Clock, fake_clock: FakeClock
) -> None:
    seen: list[Any] = []

    def invoke(call: Any, *args: Any) -> None:
        job = current()
        assert isinstance(job, Partial)
        seen.append((job.deadline, job.cancelled))
        reactor.advance(10)
        seen.append(job.cancelled)
        seen.append((other.deadline, other.cancelled))

    partial = session.queue.put(Partial(len, "abc"), soft_limit=10)
    other = session.queue.put(Partial(len, "abc"), soft_limit=1)
    session.commit()
    session.activate(partial)
    Performer(invoke=invoke, timing=Timing(seconds=reactor.seconds)).perform(partial)
    assert seen == [(fake_clock.later(seconds=10), False), True, (None, False)]
    assert (partial.deadline, partial.cancelled) == (None, False)


def test_what_fires_in_time_is_handed_on(reactor: Clock) -> None:
    bound = Bound(reactor, Deferred()).begin()
    reactor.advance(1)
    bound.inner.callback("in time")
    assert bound.seen == ["in time"]
    assert reactor.getDelayedCalls() == []


def test_what_fires_before_the_reactor_has_begun_is_handed_on(reactor: Clock) -> None:
    bound = Bound(reactor, Deferred())
    bound.inner.callback("early")
    bound.begin()
    assert bound.seen == ["early"]
    assert reactor.getDelayedCalls() == []


def test_at_the_soft_limit_it_is_cancelled(reactor: Clock) -> None:
    bound = Bound(reactor, Deferred()).begin()
    reactor.advance(2)
    assert kind(bound.seen[0]) is SoftTimeLimit
    assert isinstance(bound.seen[0].value.__cause__, CancelledError)
    assert reactor.getDelayedCalls() == []


def test_what_a_canceller_makes_of_it_counts(reactor: Clock) -> None:
    good = Bound(reactor, Deferred(lambda it: it.callback("a part"))).begin()
    bad = Bound(reactor, Deferred(lambda it: it.errback(KeyError("x")))).begin()
    reactor.advance(2)
    assert good.seen == ["a part"]
    assert kind(bad.seen[0]) is KeyError


def test_at_the_hard_limit_it_is_given_up_whatever_comes_later(reactor: Clock) -> None:
    inner: Deferred[Any] = Deferred()
    held: Deferred[Any] = Deferred(lambda it: None)
    inner.addErrback(lambda failure: held)  # it goes on when it is cancelled
    bound = Bound(reactor, inner).begin()
    reactor.advance(2)
    assert bound.seen == []
    held.addErrback(lambda failure: Deferred())  # and once more
    reactor.advance(3)
    assert kind(bound.seen[0]) is HardTimeLimit
    assert "hard_limit of 5 s" in bound.seen[0].getErrorMessage()
    assert reactor.getDelayedCalls() == []


@pytest.mark.parametrize("begins", [True, False])
def test_one_that_is_not_wanted_any_more_is_cancelled(reactor: Clock, begins: bool) -> None:
    bound = Bound(reactor, Deferred())
    if begins:
        bound.begin()
    bound.made.result.cancel()
    if not begins:
        bound.begin()
    assert kind(bound.seen[0]) is CancelledError
    assert bound.inner.called
    assert reactor.getDelayedCalls() == []
