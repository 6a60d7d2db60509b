"""A call that fails is told of: an event and a notice, once each, after the commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zope.event
from twisted.python.failure import Failure
from ZODB.POSException import ConflictError

from tests.jobs import retry as retry_jobs
from tests.jobs import samples
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.interfaces import COMPLETED, JobFailed, JobRetried
from zcasync.job.ids import hex_oid
from zcasync.perform.notices import MESSAGE_CHARACTERS, TRACEBACK_CHARACTERS, Notice
from zcasync.perform.performer import Performer
from zcasync.protocol.commands import Told
from zcasync.retry.attempts import Timing

Subscribe = Callable[[Callable[[Any], None]], None]


@pytest.fixture
def subscribe() -> Iterator[Subscribe]:
    """Subscribes to the failures of jobs, until the test is over."""
    before = list(zope.event.subscribers)

    def to_failures(hear: Callable[[Any], None]) -> None:
        def hear_failures(event: Any) -> None:
            if isinstance(event, JobFailed | JobRetried):
                hear(event)

        zope.event.subscribers.append(hear_failures)

    yield to_failures
    zope.event.subscribers[:] = before


@pytest.fixture
def events(subscribe: Subscribe) -> list[Any]:
    """The events of jobs that were notified."""
    heard: list[Any] = []
    subscribe(heard.append)
    return heard


def claimed(session: Session, call: Any, *args: Any, **options: Any) -> Partial:
    """A call that a worker has claimed."""
    partial = session.queue.put(Partial(call, *args), **options)
    session.commit()
    return session.activate(partial)


def performed(partial: Partial, *args: Any, **options: Any) -> list[Notice]:
    """What is told when a partial is performed."""
    notices: list[Notice] = []
    Performer(tell=notices.append, **options).perform(partial, args)
    return notices


def test_a_call_that_raises_is_told_of_once_it_is_committed(
    session: Session, connect: Connect, subscribe: Subscribe
) -> None:
    other = connect()
    partial = claimed(session, samples.raise_value_error)
    seen = []

    def look(event: Any) -> None:
        other.sync()
        seen.append((event.object, event.failure.type, other.same(partial).state))

    subscribe(look)
    (notice,) = performed(partial)

    assert seen == [(partial, ValueError, COMPLETED)]
    assert (notice.job, notice.callback_of) == (hex_oid(partial._p_oid), "")
    assert notice.call == "tests.jobs.samples.raise_value_error"
    assert (notice.type, notice.attempts, notice.again_at) == ("ValueError", 1, None)
    assert "raise_value_error" in notice.traceback


def test_a_call_that_succeeds_is_not_told_of(session: Session, events: list[Any]) -> None:
    assert performed(claimed(session, samples.nothing)) == []
    assert events == []


def test_a_returned_failure_is_told_of(session: Session, events: list[Any]) -> None:
    demo = session.keep(samples.Demo())
    (notice,) = performed(claimed(session, demo.increase_and_fail))
    assert notice.type == "ValueError"
    assert [type(event) for event in events] == [JobFailed]


def test_a_direct_call_notifies_in_its_process(session: Session, events: list[Any]) -> None:
    partial = session.keep(Partial(samples.raise_value_error))
    partial()
    assert [(type(event), event.object) for event in events] == [(JobFailed, partial)]


def test_a_partial_that_the_application_fails_notifies(session: Session, events: list[Any]) -> None:
    partial = session.keep(Partial(samples.nothing))
    partial.fail(ValueError("not today"))
    assert [event.failure.getErrorMessage() for event in events] == ["not today"]


def test_a_callback_is_told_of_with_its_partial_and_not_for_what_it_passes_on(
    session: Session,
) -> None:
    partial = claimed(session, samples.raise_value_error)
    partial.addCallbacks(success=samples.nothing)  # passes the Failure on
    partial.addCallback(samples.raise_value_error)
    session.commit()

    first, second = performed(partial)

    assert first.callback_of == ""
    assert second.callback_of == hex_oid(partial._p_oid)
    assert second.type == "ValueError"


def test_who_waits_for_a_partial_that_fails_is_told_of_too(session: Session) -> None:
    inner = session.queue.put(Partial(samples.raise_value_error))
    outer = session.queue.put(Partial(samples.give_back, inner))
    session.commit()
    session.activate(outer)
    assert performed(outer) == []
    assert [one.job for one in performed(inner)] == [hex_oid(one._p_oid) for one in (inner, outer)]


def test_a_call_that_waits_for_its_next_attempt_is_told_of_with_the_time(
    session: Session, events: list[Any]
) -> None:
    policy = f"{retry_jobs.__name__}:HOURLY"
    partial = claimed(session, samples.raise_value_error, retry=policy)

    (notice,) = performed(partial)

    assert notice.again_at == partial.retry_at is not None
    assert notice.attempts == 1
    (event,) = events
    assert (type(event), event.object) == (JobRetried, partial)
    assert event.again_at.timestamp() == pytest.approx(notice.again_at / 1e6)


def test_attempts_that_follow_at_once_are_told_of_with_their_numbers(session: Session) -> None:
    partial = session.keep(Partial(samples.raise_value_error))
    partial.retry = f"{retry_jobs.__name__}:QUICK"
    session.commit()
    timing = Timing(sleep=lambda seconds: None)
    notices = performed(partial, timing=timing)
    assert [one.attempts for one in notices] == [1, 2, 3, 4]
    assert [one.again_at is None for one in notices] == [False, False, False, True]


def test_conflicts_that_are_repeated_at_once_are_not_told_of(
    session: Session, events: list[Any]
) -> None:
    calls = []

    def invoke(call: Any) -> Any:
        calls.append(call)
        if len(calls) < 3:
            raise ConflictError
        return call()

    assert performed(claimed(session, samples.nothing), invoke=invoke) == []
    assert events == []


def test_a_subscriber_that_raises_harms_nothing_and_is_logged(
    session: Session, subscribe: Subscribe, caplog: pytest.LogCaptureFixture
) -> None:
    demo = session.keep(samples.Demo(), "demo")

    def fail(event: Any) -> None:
        demo.counter = 17
        raise LookupError("no such mailbox")

    subscribe(fail)
    partial = session.keep(Partial(samples.raise_value_error), "partial")
    partial.addCallback(samples.handle)

    assert isinstance(partial(), Failure)

    assert partial.state == COMPLETED
    assert demo.counter == 0
    assert "a subscriber to JobFailed raised" in caplog.text
    assert "no such mailbox" in caplog.text


@pytest.mark.parametrize("error", [SystemExit("bye"), SystemExit(0)])
def test_a_subscriber_that_wants_to_leave_ends_no_process(
    session: Session,
    subscribe: Subscribe,
    caplog: pytest.LogCaptureFixture,
    error: SystemExit,
) -> None:
    def leave(event: Any) -> None:
        raise error

    subscribe(leave)
    partial = claimed(session, samples.raise_value_error)
    partial.addCallback(samples.handle)
    session.commit()
    Performer().perform(partial)

    assert partial.state == COMPLETED
    assert "a subscriber to JobFailed raised" in caplog.text


def test_a_notice_is_short_enough_for_its_message_whatever_the_call_raised(
    session: Session,
) -> None:
    partial = claimed(session, samples.raise_long, 100_000)
    (notice,) = performed(partial)
    assert len(notice.message) <= MESSAGE_CHARACTERS
    assert len(notice.traceback) < TRACEBACK_CHARACTERS + 100
    wide = "\U0001f4a5"
    texts = dict.fromkeys(("call", "type", "message"), wide * MESSAGE_CHARACTERS)
    widest = Notice.from_dict(
        {**notice.as_dict(), **texts, "traceback": wide * len(notice.traceback)}
    )
    ((_, argument),) = Told.arguments
    sent = argument.toString(widest.as_dict())
    assert len(sent) < 0xFFFF
    assert Notice.from_dict(argument.fromString(sent)) == widest


def test_secret_arguments_are_not_in_it(session: Session) -> None:
    (notice,) = performed(claimed(session, samples.raise_value_error, "hunter2", secret=True))
    assert "hunter2" not in str(notice.as_dict())
