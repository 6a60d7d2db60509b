"""Retry and Snooze: what a job asks for itself."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.jobs import retry as jobs
from tests.jobs import samples
from tests.support.sessions import Connect, FakeClock, Session
from zcasync import Partial, Retry, RetryRule, Snooze, clock
from zcasync.errors import DeadlineMissed, JobCancelled
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.liveness.death import Death
from zcasync.liveness.interruption import interrupt
from zcasync.perform.group_commit import Group, can_share
from zcasync.perform.performer import Performer
from zcasync.reports.job import describe
from zcasync.retry.attempts import Timing
from zcasync.retry.stock import RetryCommonFourTimes
from zcasync.retry.wishes import MOST_ATTEMPTS, NO_QUEUE, ONCE

DEATH = Death(pid=12, signal="SIGKILL", output=("the last line",))
#: Where no second attempt is due before the test has looked.
HOUR = 3600


@pytest.fixture
def fake(fake_clock: FakeClock) -> FakeClock:
    return fake_clock


def claimed(session: Session, call: Any, *args: Any, **options: Any) -> Partial:
    """A call that a worker has claimed."""
    partial = session.queue.put(Partial(call, *args), **options)
    session.commit()
    return session.activate(partial)


def attempt(session: Session, partial: Partial, performer: Performer | None = None) -> None:
    """Perform a call once, and let its claimer give it back where it is to be made again."""
    if partial.state == PENDING:
        session.activate(partial)
    (performer or Performer()).perform(partial)
    if partial.retry_at is not None:
        session.queue.release(partial)
        session.commit()


@pytest.mark.parametrize(
    "wish",
    [
        Retry(),
        Retry("busy"),
        Retry("busy", after=5),
        Retry(after=timedelta(hours=1)),
        Snooze(5),
        Snooze(timedelta(1), "not yet"),
        Snooze(datetime(2030, 1, 1, tzinfo=UTC)),
    ],
)
def test_they_can_be_pickled(wish: Exception) -> None:
    again = pickle.loads(pickle.dumps(wish))

    assert (type(again), str(again), vars(again)) == (type(wish), str(wish), vars(wish))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Retry(30), TypeError),
        (lambda: Retry(after="soon"), TypeError),
        (lambda: Retry(after=True), TypeError),
        (lambda: Retry(after=-1), ValueError),
        (lambda: Retry(after=1e300), ValueError),
        (lambda: Retry(after=float("nan")), ValueError),
        (lambda: Retry(after=datetime(2030, 1, 1)), ValueError),
        (lambda: Snooze("text"), TypeError),
        (lambda: Snooze(None), TypeError),
        (lambda: Snooze(timedelta(-1)), ValueError),
    ],
)
def test_what_is_no_time_is_refused(make: Callable[[], Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    "after", [60, timedelta(minutes=1), lambda now: now + timedelta(minutes=1)]
)
def test_a_retry_waits_in_its_queue_and_counts(
    session: Session, fake: FakeClock, after: Any
) -> None:
    given = after(fake.moment) if callable(after) else after
    partial = claimed(session, jobs.raise_retry, given)
    attempt(session, partial)

    assert (partial.state, partial.attempts, partial.exceptions) == (PENDING, 1, 1)
    assert partial.begin_after == fake.moment + timedelta(minutes=1)
    (failed,) = partial.failed_before
    assert (failed.type, failed.message) == ("zcasync.errors.Retry", "busy")
    again = f"{partial.begin_after:%Y-%m-%d %H:%M:%S} UTC"
    assert failed.rule == f"default: 1 of 8, as the job asks, again at {again}"


@pytest.mark.parametrize(
    ("retry", "most"),
    [(None, MOST_ATTEMPTS), ("forever", MOST_ATTEMPTS), (2, 3), (RetryRule(attempts=4), 4)],
)
def test_retries_end_at_the_limit_of_the_policy_or_ours(
    session: Session, fake: FakeClock, retry: Any, most: int
) -> None:
    partial = claimed(session, jobs.raise_retry, 1, retry=retry)
    for _ in range(most):
        assert partial.state != COMPLETED
        attempt(session, partial)
        fake.advance(seconds=2)

    assert (partial.state, partial.attempts) == (COMPLETED, most)
    assert partial.result.check(Retry)
    assert partial.result.evidence["retry"].endswith(", over")
    assert f"{most} of {most}" in partial.result.evidence["retry"]


class Asked(RetryCommonFourTimes):
    """A policy of an application that has an ``asked`` of its own."""

    asked = "by whom"


def test_a_policy_that_cannot_answer_ends_the_call_with_what_it_has_raised(
    session: Session,
) -> None:
    partial = claimed(session, jobs.raise_retry, retry=Asked)
    attempt(session, partial)
    assert partial.result.check(Retry)


@pytest.mark.parametrize(
    ("retry", "seconds"),
    [
        (None, 15),
        (RetryRule(backoff=[7, 9], jitter=0), 7),
        ("tests.jobs.retry:HOURLY", 3600),
    ],
)
def test_a_retry_without_a_time_has_the_pause_of_the_policy(
    session: Session, fake: FakeClock, retry: Any, seconds: int
) -> None:
    partial = claimed(session, jobs.raise_retry, retry=retry)
    attempt(session, partial)

    assert partial.begin_after is not None
    wait = partial.begin_after - fake.moment
    assert timedelta(seconds=seconds) <= wait <= timedelta(seconds=1.1 * seconds)


@pytest.mark.parametrize("call", [jobs.raise_retry, jobs.raise_snooze])
def test_what_may_begin_only_once_gets_neither(session: Session, call: Any) -> None:
    partial = claimed(session, call, 1, retry="never")
    attempt(session, partial)

    assert partial.state == COMPLETED
    assert partial.result.evidence["retry"] in (ONCE, f"never: {ONCE}, over")


def test_a_snooze_is_no_attempt_and_may_come_without_end(session: Session, fake: FakeClock) -> None:
    partial = claimed(session, jobs.raise_snooze, 60, retry=0)
    for number in range(1, 30):
        attempt(session, partial)
        assert (partial.state, partial.snoozes, partial.attempts) == (PENDING, number, 0)
        assert partial.begin_after == fake.moment + timedelta(minutes=1)
        fake.advance(seconds=61)

    assert partial.failed_before == []
    assert describe(partial)["snoozes"] == 29


def test_the_changes_of_an_attempt_that_is_put_off_are_lost(
    session: Session, connect: Connect
) -> None:
    demo = session.keep(samples.Demo())

    def increase_and_snooze(call: Any, *args: Any) -> Any:
        demo.increase()
        raise Snooze(1)

    attempt(session, claimed(session, samples.nothing), Performer(invoke=increase_and_snooze))

    assert connect().same(demo).counter == 0


def test_a_begin_by_is_for_the_first_beginning_only(session: Session, fake: FakeClock) -> None:
    partial = claimed(session, jobs.raise_snooze, 60, begin_by=timedelta(seconds=5))
    attempt(session, partial)
    fake.advance(hours=1)
    attempt(session, partial)

    assert (partial.state, partial.snoozes) == (PENDING, 2)


def test_a_snooze_to_the_end_of_time_can_be_stored(session: Session) -> None:
    partial = claimed(session, jobs.raise_snooze, datetime.max.replace(tzinfo=UTC))
    attempt(session, partial)
    session.connection.cacheMinimize()

    assert (partial.state, partial.snoozes) == (PENDING, 1)
    assert partial.begin_after.year == 9999


def test_what_is_run_again_begins_to_count_anew(session: Session, fake: FakeClock) -> None:
    partial = claimed(session, jobs.raise_snooze, 60, retry=RetryRule(within=HOUR))
    attempt(session, partial)
    fake.advance(seconds=61)
    session.activate(partial)
    Performer(invoke=lambda call, *args: 1).perform(partial)
    partial.renew()

    assert (partial.snoozes, partial.first_started_at) == (0, None)


def test_a_callback_that_asks_again_is_tried_again_in_its_place(session: Session) -> None:
    partial = claimed(session, samples.nothing)
    callback = partial.addCallback(Partial(jobs.raise_retry))
    session.commit()
    slept = list[float]()
    attempt(session, partial, Performer(timing=Timing(sleep=slept.append)))

    assert partial.state == COMPLETED
    assert callback.result.check(Retry)
    assert (callback.attempts, len(slept)) == (MOST_ATTEMPTS, MOST_ATTEMPTS - 1)
    assert max(slept) <= 5


@pytest.mark.parametrize("direct", [False, True])
def test_what_is_in_no_queue_cannot_put_itself_off(session: Session, direct: bool) -> None:
    if direct:
        failed = session.keep(Partial(jobs.raise_snooze, 1))
        failed()
    else:
        partial = claimed(session, samples.nothing)
        failed = partial.addCallback(Partial(samples.give_back))
        session.commit()

        def snooze(call: Any, *args: Any) -> Any:
            if args:
                raise Snooze(1)

        attempt(session, partial, Performer(invoke=snooze))

    assert failed.result.check(Snooze)
    assert failed.result.evidence["retry"] == NO_QUEUE


@pytest.mark.parametrize(("wish", "snoozes"), [(Retry("soon", after=1), 0), (Snooze(1), 1)])
def test_the_deferred_of_a_job_may_fire_with_one(
    session: Session, wish: Exception, snoozes: int
) -> None:
    held: list[Deferred[Any]] = []
    partial = claimed(session, samples.nothing)
    performer = Performer(
        invoke=lambda call: held.append(Deferred()) or held[-1],  # type: ignore[func-returns-value]
        hold=lambda partial, deferred: None,
    )
    performer.perform(partial)
    assert (partial.state, partial.attempts) == (ACTIVE, 1)
    session.sync()
    performer.settle(partial, Failure(wish))

    assert partial.retry_at is not None
    assert (partial.attempts, partial.snoozes) == (1 - snoozes, snoozes)


@pytest.mark.parametrize("commits", [False, True])
@pytest.mark.parametrize(("wish", "snoozes"), [(Retry("soon", after=1), 0), (Snooze(1), 1)])
def test_the_member_of_a_group_waits_and_the_others_are_done(
    session: Session, wish: Exception, snoozes: int, commits: bool
) -> None:
    partials = [session.queue.put(Partial(samples.nothing), batch=True) for _ in range(3)]
    session.commit()
    session.activate(partials[0])
    calls = list[int]()

    def invoke(call: Any, *args: Any) -> Any:
        calls.append(1)
        if len(calls) == 2 or len(calls) > 3:
            if commits:
                session.commit()
            raise wish

    performer = Performer(invoke=invoke)
    group = Group(performer, session.transactions)
    stays = [group.add(partials[0]), group.add(partials[1])]
    if not group.is_closed:
        stays.append(group.add(partials[2]))
        alone = [*group.commit(), partials[1]._p_oid]
        performer.perform(session.connection.get(alone[0]))

    assert stays == ([True, False] if commits else [True, False, True])
    assert partials[0].state == COMPLETED
    assert partials[1].retry_at is not None
    assert (partials[1].snoozes, partials[1].attempts) == (snoozes, 1 - snoozes)


# the time for all attempts


RULE = RetryRule(backoff=600, jitter=0, within=3600)


def test_the_last_attempt_ends_where_the_next_would_be_too_late(
    session: Session, fake: FakeClock
) -> None:
    partial = claimed(session, samples.raise_value_error, retry=RULE)
    begun = clock.now()
    for number in range(1, 7):
        attempt(session, partial)
        assert (partial.state, partial.attempts) == (PENDING, number)
        assert partial.first_started_at == begun
        fake.advance(seconds=600)
    attempt(session, partial)

    assert (partial.state, partial.attempts) == (COMPLETED, 7)
    assert partial.result.check(ValueError)
    assert "within 60 min of its first beginning, over" in partial.result.evidence["retry"]


def test_no_attempt_begins_where_time_is_over_by_then(session: Session, fake: FakeClock) -> None:
    partial = claimed(session, samples.raise_value_error, retry=RULE)
    attempt(session, partial)
    fake.advance(hours=2)
    attempt(session, partial)

    assert (partial.state, partial.attempts) == (COMPLETED, 1)
    assert partial.result.check(DeadlineMissed)
    said = partial.result.getErrorMessage()
    assert "within 60 min" in said
    assert "failed with builtins.ValueError: as it was told" in said
    assert not partial.result.check(JobCancelled)


def test_the_time_counts_from_the_first_death_where_that_is_all_that_is_known(
    session: Session, fake: FakeClock
) -> None:
    partial = claimed(session, samples.nothing, retry=RULE)
    interrupt(partial, DEATH, [])
    session.commit()
    begun = clock.now()
    fake.advance(minutes=59)
    assert partial.first_started_at == begun
    session.activate(partial)
    interrupt(partial, DEATH, [])
    session.commit()
    assert (partial.state, partial.interruptions) == (PENDING, 2)
    fake.advance(minutes=2)
    session.activate(partial)
    interrupt(partial, DEATH, [])

    assert partial.state == COMPLETED
    assert partial.result.evidence["retry"].endswith("within 60 min of its first beginning, over")


def test_the_time_begins_anew_with_a_snooze(session: Session, fake: FakeClock) -> None:
    partial = claimed(session, jobs.raise_snooze, 2 * HOUR, retry=RULE)
    for _ in range(3):
        attempt(session, partial)
        assert (partial.state, partial.first_started_at) == (PENDING, None)
        fake.advance(hours=3)


def test_a_job_in_time_that_was_tried_before_shares_no_commit(
    session: Session, fake: FakeClock
) -> None:
    partial = claimed(session, samples.raise_value_error, batch=True, retry=RULE)
    assert can_share(partial, partial.claim)
    attempt(session, partial)
    fake.advance(seconds=601)
    session.activate(partial)

    assert not can_share(partial, partial.claim)


def test_a_call_without_a_rule_stores_nothing_more(session: Session) -> None:
    plain = claimed(session, samples.raise_value_error, retry=2)
    attempt(session, plain)

    assert not {"_first_started", "_snoozes"} & set(plain.__getstate__())
