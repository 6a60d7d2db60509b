"""Performing what was claimed: only by its claimer, only what is left to do."""

import uuid
from datetime import timedelta

from tests.jobs import samples
from tests.jobs.samples import Demo
from tests.support.sessions import ONE, FakeClock, Session
from zcasync import Partial
from zcasync.errors import AbortedError
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.interfaces import ACTIVE, COMPLETED
from zcasync.perform.performer import Performer
from zcasync.workers.incarnation import Incarnation


def claimed(session: Session, incarnation: Incarnation, call: object, **options: object) -> Partial:
    """A partial that the incarnation has claimed."""
    partial = session.queue.put(call, **options)
    session.commit()
    [found] = session.claim()
    found.assign(incarnation)
    session.commit()
    assert found is partial
    return partial


def test_a_claimed_partial_is_performed_once(session: Session, incarnation: Incarnation) -> None:
    demo = session.keep(Demo())
    partial = claimed(session, incarnation, demo.increase)

    assert Performer().perform_claimed(partial, incarnation)
    assert not Performer().perform_claimed(partial, incarnation)
    assert (partial.state, partial.result, demo.counter) == (COMPLETED, 1, 1)


def test_a_partial_that_another_engine_has_claimed_is_left_alone(
    session: Session, incarnation: Incarnation
) -> None:
    partial = claimed(session, incarnation, samples.nothing)
    other = session.keep(Incarnation(uuid.uuid4(), ONE, ProcessIdentity.here()), "other")

    assert not Performer().perform_claimed(partial, other)
    assert partial.state == ACTIVE


def test_a_partial_that_was_released_is_left_alone(
    session: Session, incarnation: Incarnation
) -> None:
    partial = claimed(session, incarnation, samples.nothing)
    session.queue.release(partial)
    session.commit()

    assert not Performer().perform_claimed(partial, incarnation)


def test_a_partial_that_was_not_begun_in_time_ends_with_the_reason(
    session: Session, incarnation: Incarnation, fake_clock: FakeClock
) -> None:
    demo = session.keep(Demo())
    partial = claimed(session, incarnation, demo.increase, begin_by=timedelta(minutes=1))
    handler = partial.addCallbacks(failure=samples.give_back)
    session.commit()
    fake_clock.advance(minutes=2)

    assert Performer().perform_claimed(partial, incarnation)
    assert partial.result.check(AbortedError)
    assert "its begin_by has passed" in partial.result.getErrorMessage()
    assert handler.result.check(AbortedError)
    assert (demo.counter, partial.attempts, partial.started) == (0, 0, None)


def test_a_partial_that_was_begun_in_time_once_begins_again_after_an_interruption(
    session: Session, incarnation: Incarnation, fake_clock: FakeClock
) -> None:
    partial = claimed(session, incarnation, samples.make_six, begin_by=timedelta(minutes=1))
    partial._interruptions = 1
    session.commit()
    fake_clock.advance(minutes=2)

    assert Performer().perform_claimed(partial, incarnation)
    assert (partial.result, partial.attempts) == (6, 2)


def test_a_partial_that_waits_for_another_one_is_left_alone(
    session: Session, incarnation: Incarnation
) -> None:
    session.queue.put(Partial(samples.make_six))
    inner = session.queue.pull()  # to be called by whoever has pulled it
    outer = claimed(session, incarnation, Partial(samples.give_back, inner))

    assert Performer().perform_claimed(outer, incarnation)
    assert not Performer().perform_claimed(outer, incarnation)
    assert outer.state == ACTIVE
    assert inner() == 6
    assert (outer.state, outer.result) == (COMPLETED, 6)


def test_callbacks_that_are_left_are_run_although_another_engine_claimed_the_partial(
    session: Session, incarnation: Incarnation
) -> None:
    partial = claimed(session, incarnation, samples.nothing)
    callback = partial.addCallback(samples.make_seven)
    partial.finish(None)
    session.commit()

    assert Performer().perform_claimed(partial, incarnation)
    assert (partial.state, callback.result) == (COMPLETED, 7)
    assert not Performer().perform_claimed(partial, incarnation)
