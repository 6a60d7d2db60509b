"""The history of a call: its failed attempts that another one has followed."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

from transaction.interfaces import TransientError
from twisted.python.failure import Failure

from tests.jobs import retry as retry_jobs
from tests.jobs import samples
from tests.support.sessions import ONE, Session
from zcasync import Partial, clock
from zcasync.errors import AbortedError
from zcasync.interfaces import PENDING
from zcasync.job.failure import from_exception
from zcasync.job.history import MOST_ATTEMPTS, TEXT_CHARACTERS, FailedAttempt
from zcasync.liveness.death import Death
from zcasync.liveness.interruption import interrupt
from zcasync.perform.performer import Performer
from zcasync.retry.attempts import Attempts, Timing
from zcasync.retry.fault import Raised
from zcasync.retry.stock import RetryCommonFourTimes

POLICY = f"{retry_jobs.__name__}:HOURLY"
DEATH = Death(pid=12, signal="SIGKILL", output=("the last line",))


class AtOnce(RetryCommonFourTimes):
    """Any exception is tried again at once, in the same process."""

    def jobError(self, failure: Any, counts: Any) -> bool:
        return True


def claimed(session: Session, call: Any, *args: Any, **options: Any) -> Partial:
    """A call that a worker has claimed."""
    partial = session.queue.put(Partial(call, *args), **options)
    session.commit()
    return session.activate(partial)


def failing(*errors: BaseException | None) -> Callable[..., Any]:
    """A Host's ``invoke`` that raises these in turn."""
    left = list(errors)

    def invoke(call: Any, *args: Any) -> Any:
        error = left.pop(0)
        if error is not None:
            raise error
        return call(*args)

    return invoke


def perform(partial: Partial, *errors: BaseException | None) -> None:
    timing = Timing(sleep=lambda seconds: None)
    Performer(invoke=failing(*errors), timing=timing).perform(partial)


def test_a_call_that_waits_for_its_next_attempt_keeps_the_failure(session: Session) -> None:
    before = clock.now()
    partial = claimed(session, samples.raise_value_error, retry=POLICY)
    Performer().perform(partial)
    session.queue.release(partial)
    session.commit()

    assert partial.state == PENDING
    (attempt,) = partial.failed_before
    rule = f"{POLICY}: 1 of 4, again at {partial.begin_after:%Y-%m-%d %H:%M:%S} UTC"
    assert attempt == FailedAttempt(
        "builtins.ValueError", "as it was told", ONE.bytes, attempt.moment, rule
    )
    assert before <= attempt.moment <= clock.now()
    assert partial.last_failure.check(ValueError)
    assert "raise_value_error" in partial.last_failure.getTraceback()


def test_it_is_kept_after_the_end(session: Session) -> None:
    partial = claimed(session, samples.nothing, retry=f"{__name__}:AtOnce")
    perform(partial, ValueError("first"), LookupError("second"), None)

    assert partial.result is None
    assert [one.message for one in partial.failed_before] == ["first", "second"]
    assert partial.attempts == 3


def test_the_last_attempt_is_the_result_and_not_in_it(session: Session) -> None:
    partial = claimed(session, samples.nothing, retry="default")
    perform(partial, ValueError("final"))
    assert partial.result.getErrorMessage() == "final"
    assert partial.failed_before == []


def test_a_call_that_succeeds_at_once_stores_nothing_of_it(session: Session) -> None:
    partial = claimed(session, samples.nothing)
    Performer().perform(partial)
    assert "_history" not in partial.__getstate__()


def test_nor_does_a_conflict_that_is_repeated_at_once(session: Session) -> None:
    partial = claimed(session, samples.nothing)
    perform(partial, TransientError("busy"), None)
    assert partial.conflicts == 1
    assert "_history" not in partial.__getstate__()


def test_an_interruption_is_an_attempt(session: Session) -> None:
    partial = claimed(session, samples.nothing)
    interrupt(partial, DEATH, [])
    session.commit()

    (attempt,) = partial.failed_before
    assert attempt.type == "zcasync.errors.AbortedError"
    assert attempt.message == "interrupted: child process 12 was killed by SIGKILL"
    assert partial.last_failure.check(AbortedError)
    assert partial.last_failure.evidence["signal"] == "SIGKILL"
    assert "the last line" in partial.last_failure.getTraceback()


def test_what_is_kept_is_bounded(session: Session) -> None:
    partial = claimed(session, samples.nothing)
    for number in range(MOST_ATTEMPTS + 5):
        partial.remember(from_exception(ValueError(f"{number} " + "x" * 5000)), number)
    session.commit()

    kept = partial.failed_before
    assert [one.moment for one in kept] == list(range(5, MOST_ATTEMPTS + 5))
    assert {len(one.message) for one in kept} == {TEXT_CHARACTERS}


def test_attempts_that_follow_at_once_without_end_take_no_more_memory(session: Session) -> None:
    partial = claimed(session, samples.nothing)
    attempts = Attempts(partial, AtOnce(partial), Timing(sleep=lambda seconds: None))
    tracemalloc.start()
    try:
        sizes = []
        for rounds in (MOST_ATTEMPTS, 50 * MOST_ATTEMPTS):
            for number in range(rounds):
                error = ValueError(f"{number} " + "x" * 5000)
                attempts.begin()
                attempts.keep(Raised(Failure(error)), None)
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] < 2 * sizes[0]
    attempts.record(partial)
    assert [one.message[:4] for one in partial.failed_before] == [
        f"{number} "[:4] for number in range(49 * MOST_ATTEMPTS, 50 * MOST_ATTEMPTS)
    ]


def test_a_try_at_its_commit_that_is_repeated_adds_it_once(session: Session) -> None:
    partial = session.keep(Partial(samples.nothing))
    failure = from_exception(ValueError("once"))
    partial.remember(failure, 1)
    partial.remember(failure, 1)
    assert len(partial.failed_before) == 1
