"""Checkpoints: what was done before one stays, and the next attempt goes on behind it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from transaction import TransactionManager
from ZODB.POSException import ConflictError

from tests.jobs import samples, steps
from tests.jobs.steps import OUTSIDE, Pages
from tests.perform.claiming import claim_again, claimed, perform
from tests.support.sessions import Connect, FakeClock, Session
from zcasync import Partial, RetryRule, checkpoint, current
from zcasync.errors import BadStateError, JobCancelled, StoppedAtCheckpoint, UnstorableError
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.job.completion import end
from zcasync.job.failure import from_exception
from zcasync.job.values import LargeValue
from zcasync.perform.performer import Performer
from zcasync.retry.stock import CONFLICT_ATTEMPTS, RetryExceptions
from zcasync.workers.incarnation import Incarnation

SOON = RetryExceptions(limit=3, delay=0)


pytestmark = pytest.mark.usefixtures("nothing_outside")


@pytest.mark.parametrize("fails", ["", "exception", "conflict"])
def test_what_was_done_before_a_checkpoint_is_not_done_again(
    session: Session, incarnation: Incarnation, fails: str
) -> None:
    pages = session.keep(Pages())
    partial = claimed(session, incarnation, Partial(pages.read_all, fails), retry=SOON)

    assert perform(session, incarnation, partial) == 3
    assert pages.read == (0, 1, 2)
    assert partial.attempts == (2 if fails else 1)
    assert partial.checkpoint is None
    assert "_checkpoint" not in partial.__dict__


def test_each_checkpoint_is_a_commit_that_others_see(
    session: Session, connect: Connect, incarnation: Incarnation
) -> None:
    pages = session.keep(Pages())
    partial = claimed(session, incarnation, Partial(pages.read_all, "exception"))
    other = connect()

    failure = perform(session, incarnation, partial)

    assert failure.check(ValueError)
    other.sync()
    assert other.same(pages).read == (0,)
    assert other.same(partial).checkpoint == 1


def test_a_job_that_has_failed_goes_on_at_its_checkpoint_when_it_is_run_again(
    session: Session, incarnation: Incarnation
) -> None:
    pages = session.keep(Pages())
    partial = claimed(session, incarnation, pages.fail_behind_a_checkpoint)
    assert perform(session, incarnation, partial).check(ValueError)

    partial.renew()
    partial.assign(incarnation)
    session.commit()
    perform(session, incarnation, partial)

    assert pages.read == (1, 2)
    assert partial.result is None
    assert "_checkpoint" not in partial.__dict__


def test_a_job_that_is_run_again_has_no_more_conflicts_than_any_other(
    session: Session, incarnation: Incarnation
) -> None:
    partial = claimed(session, incarnation, conflict_on_both_sides)
    for _ in range(2):
        OUTSIDE.clear()
        assert perform(session, incarnation, partial).check(ConflictError)
        assert OUTSIDE.count("behind") == CONFLICT_ATTEMPTS
        partial.renew()
        assert partial.conflicts_by_checkpoint == 0
        partial.assign(incarnation)
        session.commit()


def conflict_on_both_sides() -> None:
    """Conflicts twice before its checkpoint, and always behind it."""
    if current().checkpoint is None:  # type: ignore[union-attr]
        OUTSIDE.append("before")
        if len(OUTSIDE) <= 2:
            raise ConflictError("before")
        checkpoint("there")
    OUTSIDE.append("behind")
    raise ConflictError("behind")


def test_conflicts_are_counted_from_the_last_checkpoint_on(
    session: Session, incarnation: Incarnation
) -> None:
    pages = session.keep(Pages())
    times = CONFLICT_ATTEMPTS - 1
    partial = claimed(session, incarnation, Partial(pages.read_all_always_conflicting, times))

    assert perform(session, incarnation, partial) == 3
    assert partial.conflicts == 3 * times
    assert partial.attempts == 3 * times + 1


def test_without_a_checkpoint_between_them_they_end_the_job(
    session: Session, incarnation: Incarnation
) -> None:
    pages = session.keep(Pages())
    call = Partial(pages.read_all_always_conflicting, CONFLICT_ATTEMPTS)
    partial = claimed(session, incarnation, call)

    assert "again" in perform(session, incarnation, partial).getErrorMessage()
    assert pages.read == ()


def test_a_failed_attempt_before_a_checkpoint_is_remembered_once(
    session: Session, incarnation: Incarnation
) -> None:
    pages = session.keep(Pages())
    partial = claimed(session, incarnation, Partial(pages.read_all, "exception"), retry=SOON)

    perform(session, incarnation, partial)

    assert [one.message for one in partial.failed_before] == ["not now"]


@pytest.mark.parametrize(
    "value", [1, "text", [1, 2], {"a": (1, None)}, uuid.UUID(int=1)], ids=lambda one: repr(one)
)
def test_the_value_is_one_of_its_own(
    session: Session, incarnation: Incarnation, value: Any
) -> None:
    pages = session.keep(Pages())
    partial = claimed(session, incarnation, Partial(pages.keep, value))

    assert perform(session, incarnation, partial) == value


def test_a_large_value_has_a_record_of_its_own(session: Session, incarnation: Incarnation) -> None:
    partial = session.queue.put(samples.nothing)
    partial.note_checkpoint(LargeValue("x" * 10_000))
    session.commit()
    session.connection.cacheMinimize()

    assert partial.checkpoint == "x" * 10_000


def test_a_value_that_cannot_be_stored_is_refused_and_nothing_is_committed(
    session: Session, incarnation: Incarnation
) -> None:
    pages = session.keep(Pages())
    partial = claimed(session, incarnation, Partial(commit_what_cannot_be, pages))

    assert perform(session, incarnation, partial).check(UnstorableError)
    assert pages.read == ()


def commit_what_cannot_be(pages: Pages) -> None:
    pages.read = (9,)
    checkpoint(samples.NotPicklable())


def test_a_callback_can_have_checkpoints(session: Session, incarnation: Incarnation) -> None:
    pages = session.keep(Pages())
    partial = session.queue.put(samples.nothing)
    callback = partial.addCallbacks(Partial(read_behind, pages))
    session.commit()
    claim_again(session, incarnation)

    perform(session, incarnation, partial)

    assert (partial.state, callback.result) == (COMPLETED, 3)
    assert pages.read == (0, 1, 2)


def read_behind(pages: Pages, result: Any) -> int:
    return pages.read_all("conflict")


def test_what_was_cancelled_meanwhile_meets_the_checkpoint(
    session: Session, connect: Connect, incarnation: Incarnation
) -> None:
    pages = session.keep(Pages())
    partial = claimed(session, incarnation, Partial(cancel_and_go_on, pages))
    other = connect()
    CANCEL[:] = [lambda: cancel(other, partial)]

    failure = perform(session, incarnation, partial)

    assert failure.check(JobCancelled)
    assert pages.read == ()


#: What the job below does before it goes on.
CANCEL: list[Any] = []


def cancel(other: Session, partial: Partial) -> None:
    other.sync()
    end(other.same(partial), from_exception(JobCancelled("by somebody")))
    other.commit()


def cancel_and_go_on(pages: Pages) -> None:
    CANCEL.pop()()
    pages.read = (9,)
    checkpoint(1)


# where the process is to end


def test_a_job_that_is_to_stop_goes_on_later_and_no_attempt_is_counted(
    session: Session, incarnation: Incarnation
) -> None:
    pages = session.keep(Pages())
    partial = claimed(session, incarnation, pages.read_all)
    Performer(is_to_stop=lambda: True).perform_claimed(partial, incarnation)
    session.sync()
    assert (partial.state, partial.checkpoint, pages.read) == (ACTIVE, 1, (0,))
    assert partial.retry_at is not None
    assert partial.started is None

    session.queue.release(partial)
    session.commit()
    assert partial.state == PENDING
    claim_again(session, incarnation)

    assert perform(session, incarnation, partial) == 3
    assert pages.read == (0, 1, 2)
    assert (partial.attempts, partial.failed_before) == (1, [])


def test_the_time_of_a_rule_begins_anew_where_a_job_was_stopped(
    session: Session, incarnation: Incarnation, fake_clock: FakeClock
) -> None:
    pages = session.keep(Pages())
    partial = claimed(session, incarnation, pages.read_all, retry=RetryRule(within=60))
    Performer(is_to_stop=lambda: True).perform_claimed(partial, incarnation)
    session.sync()
    session.queue.release(partial)
    session.commit()
    fake_clock.advance(hours=1)  # the worker is away
    claim_again(session, incarnation)

    assert perform(session, incarnation, partial) == 3
    assert pages.read == (0, 1, 2)


def test_a_call_that_may_begin_only_once_is_not_stopped(
    session: Session, incarnation: Incarnation
) -> None:
    pages = session.keep(Pages())
    partial = claimed(session, incarnation, pages.read_all, retry="never")

    assert perform(session, incarnation, partial, is_to_stop=lambda: True) == 3


def test_a_callback_is_not_stopped(session: Session, incarnation: Incarnation) -> None:
    pages = session.keep(Pages())
    partial = session.queue.put(samples.nothing)
    callback = partial.addCallbacks(Partial(read_behind, pages))
    session.commit()
    claim_again(session, incarnation)

    perform(session, incarnation, partial, is_to_stop=lambda: True)

    assert callback.result == 3


def test_a_stop_that_a_job_raises_itself_is_its_error(
    session: Session, incarnation: Incarnation
) -> None:
    partial = claimed(session, incarnation, raise_a_stop)

    assert perform(session, incarnation, partial).check(StoppedAtCheckpoint)


def raise_a_stop() -> None:
    raise StoppedAtCheckpoint("as I like")


# where there can be none


def test_outside_of_a_job_there_is_none() -> None:
    with pytest.raises(BadStateError, match="no job runs here"):
        checkpoint(1)


@pytest.mark.parametrize(
    ("options", "why"),
    [({"batch": True}, "batch=True"), ({"detached": True}, "a detached job has no connection")],
)
def test_jobs_without_a_commit_of_their_own_have_none(
    session: Session, incarnation: Incarnation, options: dict[str, bool], why: str
) -> None:
    partial = claimed(session, incarnation, steps.make_checkpoint, **options)

    failure = perform(session, incarnation, partial)

    assert failure.check(BadStateError)
    assert why in failure.getErrorMessage()


def test_a_partial_that_is_not_stored_has_none() -> None:
    failure = Partial(steps.make_checkpoint)()

    assert failure.check(BadStateError)
    assert "stored" in failure.getErrorMessage()


def test_a_reactor_does_not_wait_for_one(session: Session, incarnation: Incarnation) -> None:
    partial = claimed(session, incarnation, steps.make_checkpoint)

    failure = perform(session, incarnation, partial, may_block=False)

    assert "thread queue" in failure.getErrorMessage()


@pytest.mark.parametrize(
    ("call", "why"),
    [("in_a_thread", "the thread in which the job was called"), ("over", "comes too late")],
)
def test_only_the_call_itself_makes_one(
    session: Session, incarnation: Incarnation, call: str, why: str
) -> None:
    partial = claimed(session, incarnation, Partial(elsewhere, call))
    result = perform(session, incarnation, partial)
    if call == "over":
        with pytest.raises(BadStateError, match=why):
            LATER.pop().run(checkpoint, 1)
    else:
        assert why in result.getErrorMessage()


#: The context of a call that has returned.
LATER: list[Any] = []


def elsewhere(call: str) -> None:
    context = copy_context()
    if call == "over":
        LATER.append(context)
        return
    with ThreadPoolExecutor(1) as threads:
        threads.submit(context.run, checkpoint, 1).result()


@pytest.mark.parametrize(
    ("call", "why"),
    [("close", "has closed that"), ("manager", "another transaction manager")],
)
def test_a_job_that_has_spoilt_its_connection_is_told(
    session: Session, incarnation: Incarnation, call: str, why: str
) -> None:
    partial = claimed(session, incarnation, Partial(spoil, call))
    perform(session, incarnation, partial)

    assert why in OUTSIDE[0]


def spoil(call: str) -> None:
    jar = current()._p_jar  # type: ignore[union-attr]
    before, opened = jar.transaction_manager, jar.opened
    if call == "manager":
        jar.transaction_manager = TransactionManager()
    else:
        jar.opened = None
    try:
        checkpoint(1)
    except BadStateError as error:
        OUTSIDE.append(str(error))
    jar.transaction_manager, jar.opened = before, opened
