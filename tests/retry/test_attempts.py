"""What the retry policy makes of a call that goes wrong: tried again, put off, ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from persistent.mapping import PersistentMapping
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.jobs.samples import Demo
from tests.support.sessions import Connect, FakeClock, Session
from tests.support.storage_errors import of_storage
from zcasync import Partial
from zcasync.errors import AbortedError
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.perform.performer import Performer
from zcasync.retry.attempts import LONGEST_PAUSE, Attempts, Timing
from zcasync.retry.fault import Raised
from zcasync.retry.policy import policy_of
from zcasync.retry.stock import CONFLICT_ATTEMPTS, NeverRetry, RetryExceptions
from zcasync.testing.inline import drain, run_inline

#: Three attempts in all, an hour and two hours apart.
HOURLY = RetryExceptions(limit=3, delay=3600, jitter=0)
HOURLY_NAME = "tests.retry.test_attempts:HOURLY"


class Silent(NeverRetry):
    """Has no usable answer."""

    at_most_once = False

    def jobError(self, failure: Any, counts: Any) -> Any:
        return "perhaps"


class Pauses:
    """A timing whose pauses take no time, and whose randomness is the highest number."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.now, self.sleep, lambda low, high: high)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


def claimed(session: Session, call: Any, **options: Any) -> Partial:
    """A partial that an engine has claimed."""
    partial = session.queue.put(call, **options)
    session.commit()
    return session.activate(partial)


def give_back(session: Session, partial: Partial) -> None:
    """What the engine's next pass does."""
    partial._claim = None
    session.queue.release(partial)
    session.commit()


def counts(partial: Partial) -> tuple[int, int, int]:
    return partial._conflicts, partial._interruptions, partial._exceptions


class Failing:
    """Makes calls that change an object and then fail so many times."""

    def __init__(self, session: Session, error: BaseException, times: int) -> None:
        self.error, self.times, self.calls = error, times, 0
        self.demo = session.keep(Demo(), "demo")

    def invoke(self, call: Any, *args: Any, **kwargs: Any) -> int:
        self.calls += 1
        self.demo.increase()
        if self.calls <= self.times:
            raise self.error
        return self.calls


# conflicts


@pytest.mark.parametrize("retry", ["forever", "default"])
def test_conflicts_are_counted_and_paused_for_longer_each_time(
    session: Session, pauses: Pauses, retry: str
) -> None:
    failing = Failing(session, ConflictError(), 4)
    partial = claimed(session, samples.nothing, retry=retry)

    Performer(invoke=failing.invoke, timing=pauses.timing).perform(partial)

    assert (partial.state, partial.result, failing.demo.counter) == (COMPLETED, 5, 1)
    assert (partial.attempts, counts(partial)) == (5, (4, 0, 0))
    assert pauses.slept == [0.002, 0.004, 0.008, 0.016]


def test_pauses_are_in_proportion_to_the_try_and_have_a_limit(
    session: Session, pauses: Pauses
) -> None:
    failing = Failing(session, ConflictError(), 10)

    def slow(*args: Any) -> Any:
        pauses.now += 0.1
        return failing.invoke(*args)

    partial = claimed(session, samples.nothing, retry="forever")
    Performer(invoke=slow, timing=pauses.timing).perform(partial)

    assert pauses.slept[:5] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2])
    assert pauses.slept[5:] == [LONGEST_PAUSE] * 5


def test_a_conflict_gets_five_attempts_in_all_also_across_starts(
    session: Session, pauses: Pauses
) -> None:
    failing = Failing(session, ConflictError(), 1000)
    partial = claimed(session, samples.nothing)
    partial._conflicts = 3
    session.commit()

    Performer(invoke=failing.invoke, timing=pauses.timing).perform(partial)

    assert (failing.calls, partial._conflicts) == (2, CONFLICT_ATTEMPTS)
    assert partial.result.evidence == {"attempts": CONFLICT_ATTEMPTS}
    assert failing.demo.counter == 0


def test_a_job_that_goes_well_stores_no_counts(session: Session) -> None:
    partial = claimed(session, samples.nothing)
    Performer().perform(partial)

    assert not [name for name in partial.__getstate__() if name in ("_conflicts", "_exceptions")]


# begun once at most


def test_the_start_under_never_is_committed_before_the_call(connect: Connect) -> None:
    session, other = connect(), connect()
    partial = claimed(session, samples.nothing, retry="never")
    seen = []

    def invoke(call: Any) -> None:
        other.sync()
        found = other.same(partial)
        seen.append((found.state, found.started is not None, found.attempts))

    Performer(invoke=invoke).perform(partial)

    assert seen == [(ACTIVE, True, 1)]
    assert (partial.state, partial.attempts) == (COMPLETED, 1)


@pytest.mark.parametrize("error", [ConflictError(), ValueError(), SystemExit(3)])
def test_a_job_under_never_is_not_tried_again(
    session: Session, pauses: Pauses, error: BaseException
) -> None:
    failing = Failing(session, error, 1)
    partial = claimed(session, samples.nothing, retry="never")

    Performer(invoke=failing.invoke, timing=pauses.timing).perform(partial)

    assert (failing.calls, pauses.slept, partial.attempts) == (1, [], 1)
    assert partial.result.check(type(error))
    assert failing.demo.counter == 0


def test_a_job_under_never_that_was_begun_is_ended_and_not_begun_again(session: Session) -> None:
    failing = Failing(session, KeyboardInterrupt(), 1)
    partial = claimed(session, samples.nothing, retry="never")
    performer = Performer(invoke=failing.invoke)
    with pytest.raises(KeyboardInterrupt):  # the process ends in the middle of the call
        performer.perform(partial)
    session.sync()

    assert performer.perform_claimed(partial, partial.claim)

    assert failing.calls == 1
    assert partial.result.check(AbortedError)
    assert "'never' lets it begin only once" in partial.result.getErrorMessage()


class Away:
    """The storage goes away in one commit, before or after it has got through."""

    def __init__(self, session: Session, number: int, committed: bool) -> None:
        self.number, self.waited = number, 0
        commit = session.transactions.commit

        def uncertain() -> None:
            self.number -= 1
            if self.number or committed:
                commit()
            if not self.number:
                raise of_storage(ClientDisconnected("the server is away"))

        session.transactions.commit = uncertain

    def wait(self, error: Exception) -> None:
        self.waited += 1


@pytest.mark.parametrize("committed", [True, False])
def test_a_start_in_doubt_is_committed_again_before_the_call(
    session: Session, committed: bool
) -> None:
    demo = session.keep(Demo())
    partial = claimed(session, demo.increase, retry="never")
    away = Away(session, 1, committed)

    Performer(away.wait).perform(partial)

    assert (away.waited, partial.result, demo.counter) == (1, 1, 1)


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_in_doubt_under_never_is_looked_up_and_not_tried_again(
    session: Session, committed: bool
) -> None:
    demo = session.keep(Demo())
    partial = claimed(session, demo.increase, retry="never")
    away = Away(session, 2, committed)

    Performer(away.wait).perform(partial)

    assert (away.waited, demo.counter, partial.state) == (1, int(committed), COMPLETED)
    if not committed:
        assert partial.result.check(ClientDisconnected)


def test_a_detached_call_under_never_is_made_once(session: Session) -> None:
    failing = Failing(session, ValueError(), 1)
    partial = claimed(session, samples.nothing, retry="never", detached=True)

    Performer(invoke=failing.invoke).perform(partial)

    assert (failing.calls, partial.attempts, partial.result.type) == (1, 1, ValueError)


def test_a_direct_call_under_never_is_made_once(session: Session) -> None:
    demo = session.keep(Demo())
    partial = session.keep(Partial(demo.increase), "partial")
    partial.retry_policy = "never"

    assert partial() == 1


# put off


def test_a_rescheduled_job_goes_back_to_its_queue(session: Session, fake_clock: FakeClock) -> None:
    failing = Failing(session, ValueError("not yet"), 1)
    partial = claimed(session, samples.nothing, retry=HOURLY_NAME)
    performer = Performer(invoke=failing.invoke)
    performer.perform(partial)

    assert (partial.state, partial.started, partial.ended) == (ACTIVE, None, None)
    assert (partial.attempts, counts(partial)) == (1, (0, 0, 1))
    assert failing.demo.counter == 0
    assert not performer.perform_claimed(partial, partial.claim), "it is not begun meanwhile"

    give_back(session, partial)
    assert (partial.state, partial.claim) == (PENDING, None)
    assert partial.begin_after == fake_clock.later(hours=1)
    assert session.claim() == []

    fake_clock.advance(hours=1)
    session.activate(partial)
    performer.perform(partial)
    assert (partial.result, failing.demo.counter, partial.attempts) == (2, 1, 2)


def test_a_job_ends_after_its_last_attempt(session: Session, fake_clock: FakeClock) -> None:
    partial = session.queue.put(samples.raise_value_error, retry=HOURLY_NAME)
    handler = partial.addCallbacks(failure=samples.handle)
    session.commit()
    starts = 0
    while partial.state == PENDING:
        starts += 1
        session.activate(partial)
        Performer().perform(partial)
        if partial.state == ACTIVE:
            give_back(session, partial)
            fake_clock.advance(hours=2)

    assert (starts, partial.attempts, partial._exceptions) == (3, 3, 3)
    assert partial.result.type is ValueError
    assert handler.result == "handled"


def test_begin_by_is_no_limit_once_a_job_was_begun(session: Session, fake_clock: FakeClock) -> None:
    failing = Failing(session, ValueError(), 1)
    partial = claimed(session, samples.nothing, retry=HOURLY_NAME, begin_by=timedelta(minutes=1))
    performer = Performer(invoke=failing.invoke)
    performer.perform(partial)
    give_back(session, partial)
    fake_clock.advance(hours=5)
    session.activate(partial)

    assert performer.perform_claimed(partial, partial.claim)
    assert partial.result == 2


def test_a_retry_time_that_has_passed_keeps_the_old_place(session: Session) -> None:
    first, second = session.queue.put_many([samples.nothing, samples.nothing])
    session.commit()
    session.activate(first)
    first._retry_at = 1
    before = first.due
    give_back(session, first)
    give_back(session, second)

    assert first.due == before
    assert session.claim() == [first, second]


def test_a_commit_that_fails_under_forever_is_rescheduled(
    session: Session, fake_clock: FakeClock
) -> None:
    demo = session.keep(Demo())
    partial = claimed(session, demo.increase, retry="forever")
    commit, problems = session.transactions.commit, [RuntimeError("a hook refuses")]

    def full() -> None:
        if problems:
            raise problems.pop()
        commit()

    session.transactions.commit = full
    Performer().perform(partial)
    assert (partial.state, demo.counter, partial._exceptions) == (ACTIVE, 0, 1)

    give_back(session, partial)
    session.activate(partial)
    Performer().perform(partial)
    assert (partial.result, demo.counter, partial.attempts) == (1, 1, 2)


@pytest.mark.parametrize("at_once", [True, False])
def test_the_failure_of_a_deferred_counts_as_an_error_of_the_call(
    session: Session, fake_clock: FakeClock, at_once: bool
) -> None:
    if at_once:
        partial = claimed(session, Partial(fail, ValueError("late")), retry=HOURLY_NAME)
        Performer().perform(partial)
    else:
        performer = Performer(hold=lambda partial, deferred: None)
        partial = claimed(session, Partial(Deferred), retry=HOURLY_NAME)
        performer.perform(partial)
        performer.settle(partial, Failure(ValueError("late")))

    assert (partial.state, partial.attempts, counts(partial)) == (ACTIVE, 1, (0, 0, 1))
    give_back(session, partial)
    assert partial.begin_after == fake_clock.later(hours=1)


def test_a_deferred_that_fails_for_good_ends_the_call(session: Session) -> None:
    performer = Performer(hold=lambda partial, deferred: None)
    partial = claimed(session, Partial(Deferred))
    performer.perform(partial)
    began = partial.started
    performer.settle(partial, Failure(ValueError("late")))

    assert partial.result.check(ValueError)
    assert (partial.attempts, partial.started, counts(partial)) == (1, began, (0, 0, 1))


def test_a_detached_call_is_rescheduled_too(session: Session, fake_clock: FakeClock) -> None:
    failing = Failing(session, ValueError(), 1)
    partial = claimed(session, samples.nothing, retry=HOURLY_NAME, detached=True)
    Performer(invoke=failing.invoke).perform(partial)
    give_back(session, partial)

    assert partial.begin_after == fake_clock.later(hours=1)


def test_a_returned_failure_is_a_result(session: Session) -> None:
    demo = session.keep(Demo())
    partial = claimed(session, demo.increase_and_fail, retry=HOURLY_NAME)
    Performer().perform(partial)

    assert partial.result.check(ValueError)
    assert (demo.counter, counts(partial)) == (1, (0, 0, 0))


def test_callbacks_and_direct_calls_pause_instead(session: Session, pauses: Pauses) -> None:
    failing = Failing(session, ValueError(), 1000)
    performer = Performer(invoke=failing.invoke, timing=pauses.timing)
    partial = claimed(session, samples.nothing)
    callback = partial.addCallback(samples.give_back, retry=HOURLY_NAME)
    partial.finish(3)
    session.commit()
    performer.run_callbacks(partial)

    assert (partial.state, callback.attempts, callback.result.type) == (COMPLETED, 3, ValueError)
    assert pauses.slept == [LONGEST_PAUSE] * 2

    direct = session.keep(Partial(samples.nothing))
    direct.retry_policy = HOURLY_NAME
    performer.perform_unclaimed(direct, (), {})
    assert (direct.state, direct.attempts) == (COMPLETED, 3)


def test_a_policy_without_a_usable_answer_hides_no_error(session: Session) -> None:
    failing = Failing(session, ValueError("the error"), 1)
    partial = claimed(session, samples.nothing, retry=Silent)
    Performer(invoke=failing.invoke).perform(partial)

    assert partial.result.getErrorMessage() == "the error"
    assert "Silent has no usable answer to jobError" in partial.result.evidence["retry"]


def test_a_job_that_is_run_inline_is_released(session: Session, fake_clock: FakeClock) -> None:
    partial = session.queue.put(samples.raise_value_error, retry=HOURLY_NAME)
    assert run_inline(partial) is None
    assert (partial.state, partial.begin_after) == (PENDING, fake_clock.later(hours=1))

    for hours in (1, 2):
        fake_clock.advance(hours=hours)
        assert drain(session.manager) == [partial]
    assert partial.result.check(ValueError)


def test_the_callbacks_of_a_chosen_callback_run_after_a_crash_in_between(
    session: Session,
) -> None:
    noted = session.keep(PersistentMapping(), "noted")
    partial = claimed(session, samples.make_six)
    chosen = Partial(samples.give_back)
    below = chosen.addCallback(Partial(noted.__setitem__, "result"))
    partial.addCallbacks(chosen)
    session.commit()
    partial.finish(6)
    chosen._move_to(ACTIVE)
    chosen.finish(6)  # and there the process died
    assert (partial.state, chosen.state) == (CALLBACKS, CALLBACKS)
    session.commit()

    Performer().run_callbacks(partial)

    assert (below.state, dict(noted)) == (COMPLETED, {"result": 6})
    assert (partial.state, chosen.state) == (COMPLETED, COMPLETED)


def test_time_in_which_the_process_was_frozen_uses_up_no_patience(
    session: Session, pauses: Pauses
) -> None:
    partial = claimed(session, samples.nothing)
    attempts = Attempts(partial, policy_of(partial), pauses.timing)

    for number in range(1, 3 * CONFLICT_ATTEMPTS):
        attempts.begin()
        pauses.now += 0.0 if number % CONFLICT_ATTEMPTS else 600.0
        assert attempts.failed(Raised(Failure(ConflictError()), at_commit=True)) is not None
