"""drain: what is due is performed, in order, and comes to an end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial, clock, current, put
from zcasync.testing import drain


def again(delay: float) -> None:
    """Put the same once more."""
    partial = current()
    put(partial, Partial(again, delay), delay=delay)


def fail() -> None:
    raise ValueError("as always")


def test_a_job_that_puts_itself_for_later_comes_to_an_end(session: Session) -> None:
    session.queue.put(Partial(again, 0.000001))
    assert len(drain(session.manager)) == 1
    assert len(session.queue) == 1


def test_one_that_puts_itself_at_once_is_named(session: Session) -> None:
    session.queue.put(Partial(again, 0))
    with pytest.raises(AssertionError, match=r"more than 5 partials.*again.*give it a delay"):
        drain(session.manager, limit=5)


@pytest.mark.parametrize("span", [3600, timedelta(hours=1)])
def test_time_goes_from_one_to_the_next(session: Session, span: float) -> None:
    begin = clock.now()
    session.queue.put(Partial(again, 600))
    performed = drain(session.manager, seconds=span)
    assert len(performed) in (6, 7), "a moment has passed since the put"
    assert [round((one.started_at - begin) / 6e8) for one in performed][:6] == [*range(6)]
    assert clock.now() - begin < 3e9, "the clock is the system's again"


def test_what_is_retried_later_is_performed_at_its_time(session: Session) -> None:
    partial = session.queue.put(fail, retry=2)
    drain(session.manager)
    assert partial.state == "pending"
    drain(session.manager, seconds=timedelta(days=1))
    assert partial.state == "completed"
    assert partial.attempts == 3


def test_both_queues_are_one_line(session: Session) -> None:
    reactor = session.manager.reactor.put(samples.nothing, delay=10)
    thread = session.queue.put(samples.nothing, delay=20)
    now = session.queue.put(samples.nothing)
    assert drain(session.manager, seconds=15) == [now, reactor]
    assert drain(session.manager, seconds=25) == [thread]
