"""The type of a failure says how a job was ended: cancelled, too late, crashed or interrupted."""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import FakeClock, Session
from zcasync import Partial
from zcasync.errors import (
    AbortedError,
    DeadlineMissed,
    JobCancelled,
    JobCrashed,
    JobInterrupted,
)
from zcasync.liveness.death import Death
from zcasync.liveness.interruption import cancel, interrupt
from zcasync.retry.refusals import too_late

KILLED = Death(pid=7, signal=signal.SIGKILL.name)
GONE = Death(pid=8, reason="its supervisor was gone")


def claimed(session: Session, retry: Any = None) -> Partial:
    partial = session.queue.put(samples.nothing, retry=retry)
    session.commit()
    return session.activate(partial)


def stored(session: Session, partial: Partial) -> Any:
    """The Failure as another process loads it."""
    session.commit()
    session.connection.cacheMinimize()
    assert partial.result.check(AbortedError) is AbortedError
    assert partial.result.type is type(partial.result.value)
    return partial.result.value


def test_who_cancelled_and_when_are_kept(session: Session, fake_clock: FakeClock) -> None:
    partial = claimed(session)
    cancel(partial, "eve in home x", [])

    error = stored(session, partial)
    assert type(error) is JobCancelled
    assert str(error) == "cancelled by eve in home x"
    assert (error.who, error.when, error.times) == ("eve in home x", fake_clock.moment, None)


@pytest.mark.parametrize(("death", "kind"), [(KILLED, JobCrashed), (GONE, JobInterrupted)])
def test_a_crash_of_its_own_is_not_the_end_of_its_engine(
    session: Session, fake_clock: FakeClock, death: Death, kind: type[AbortedError]
) -> None:
    partial = claimed(session)
    for number in range(9):
        interrupt(partial, death, [])
        assert not partial.has_result, number
        session.activate(partial)
    interrupt(partial, death, [])

    error = stored(session, partial)
    assert type(error) is kind
    assert (error.who, error.when, error.times) == (death.process, fake_clock.moment, 10)


def test_a_missed_deadline_is_one(session: Session, fake_clock: FakeClock) -> None:
    partial = session.queue.put(samples.nothing, begin_by=timedelta(minutes=1))
    session.commit()
    fake_clock.advance(minutes=2)
    partial.fail(too_late(partial).error)

    error = stored(session, partial)
    assert type(error) is DeadlineMissed
    assert error.when == fake_clock.moment


def test_the_exception_that_get_raises_has_them_too(session: Session) -> None:
    partial = claimed(session)
    cancel(partial, "eve", [])
    session.commit()

    with pytest.raises(JobCancelled, match="cancelled by eve") as caught:
        partial.get()
    assert caught.value.who == "eve"
    assert caught.value.when is not None
