"""Calls that were killed at their hard limit: their Failure, and what their policy says to it."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import pytest

from tests.jobs import samples, time_limits
from tests.support.sessions import FakeClock, Session
from zcasync import Partial
from zcasync.errors import AbortedError, HardTimeLimit, TimeLimit
from zcasync.interfaces import PENDING
from zcasync.job.ids import hex_oid
from zcasync.liveness.death import Death
from zcasync.liveness.recovery import recover
from zcasync.perform.begin import begin
from zcasync.perform.performer import Performer
from zcasync.perform.run import Host
from zcasync.retry.fault import Refused
from zcasync.retry.rule import RetryRule
from zcasync.retry.stock import RetryExceptions

LADDER = {
    "soft": 3.0,
    "hard": 5.0,
    "began": "2026-01-01 00:00:00 UTC",
    "killed": 5.2,
    "hung_in": 'File "/shop/orders.py", line 12 in send',
}


def death_of(*partials: Partial) -> Death:
    culprit = partials[0]
    return Death(
        pid=7,
        signal=signal.SIGKILL.name,
        job=hex_oid(culprit._p_oid),
        at_stake=frozenset([culprit._p_oid]),
        output=("the stack",),
        limits=dict(LADDER),
    )


def claimed(session: Session, **options: Any) -> Partial:
    partial = session.queue.put(samples.nothing, **options)
    session.commit()
    return session.activate(partial)


def test_by_default_it_is_over_and_says_all(session: Session, fake_clock: FakeClock) -> None:
    partial, log = claimed(session, hard_limit=5), []
    recover([partial], death_of(partial), log)
    session.commit()
    session.connection.cacheMinimize()

    failure = partial.result
    assert failure.check(HardTimeLimit, TimeLimit, AbortedError) is HardTimeLimit
    message = failure.getErrorMessage()
    for step in (
        "began 2026-01-01 00:00:00 UTC",
        "after 3 s (soft_limit)",
        "hard_limit of 5 s",
        "child process 7, was killed after 5.2 s",
        ', in File "/shop/orders.py", line 12 in send',
    ):
        assert step in message
    assert failure.evidence["limits"] == LADDER
    assert "the stack" in failure.getTraceback()
    assert (failure.value.who, failure.value.when) == ("child process 7", fake_clock.moment)
    assert (partial.exceptions, partial.interruptions, partial.attempts) == (1, 0, 1)
    assert "is ended" in log[0]


def test_where_it_hung_need_not_be_known(session: Session) -> None:
    partial = claimed(session)
    death = death_of(partial)
    recover([partial], replace(death, limits={**LADDER, "soft": None, "hung_in": None}), [])
    assert ", where is not known: it began" in partial.result.getErrorMessage()
    assert "soft" not in partial.result.getErrorMessage()


def test_a_policy_for_exceptions_repeats_it_and_counts(session: Session) -> None:
    partial = claimed(session, retry=RetryExceptions(limit=2, delay=0))
    recover([partial], death_of(partial), [])
    assert (partial.state, partial.exceptions) == (PENDING, 1)
    assert partial.failed_before[0].type == "zcasync.errors.HardTimeLimit"

    session.activate(partial)
    recover([partial], death_of(partial), [])
    assert partial.result.check(HardTimeLimit)


def test_the_rule_that_has_decided_is_told(session: Session, fake_clock: FakeClock) -> None:
    partial = claimed(session, retry=RetryRule(attempts=2, backoff=[10]))
    recover([partial], death_of(partial), [])
    assert partial.state == PENDING
    assert partial.failed_before[0].rule.startswith("rule(attempts=2): 1 of 2, again at 2006-")
    fake_clock.advance(seconds=12)

    session.activate(partial)
    recover([partial], death_of(partial), [])
    assert partial.result.evidence["retry"] == "rule(attempts=2): 2 of 2, over"
    assert partial.result.evidence["limits"] == LADDER


def test_the_time_of_a_rule_begins_with_the_attempt_that_hung(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = claimed(session, retry=RetryRule(attempts=9, backoff=[1], jitter=0, within=20))
    recover([partial], death_of(partial), [])
    assert partial.state == PENDING
    fake_clock.advance(seconds=14)

    session.activate(partial)
    recover([partial], death_of(partial), [])
    assert partial.result.check(HardTimeLimit), "the next attempt would begin after 20 seconds"
    assert "within 20 s" in partial.result.evidence["retry"]


def test_one_that_may_begin_only_once_is_over(session: Session) -> None:
    partial = claimed(session, retry="never")
    partial.begin_once()
    recover([partial], death_of(partial), [])
    assert partial.result.check(HardTimeLimit)


@pytest.mark.parametrize("before", [0, 1])
def test_a_policy_of_the_application_is_asked_where_it_can_be_imported(
    session: Session, before: int
) -> None:
    partial = claimed(session, retry=time_limits.ONCE_AGAIN)
    partial._exceptions = before
    recover([partial], death_of(partial), [])
    assert partial.state == PENDING

    session.activate(partial)
    session.commit()
    run = begin(partial, (), {}, Host())
    if before:
        assert isinstance(run.refusal, Refused)
        assert run.refusal.failure is not None
        assert run.refusal.failure.check(HardTimeLimit)
    else:
        assert run.refusal is None
        assert run.is_open


def test_one_that_its_policy_has_ended_can_be_run_again(session: Session) -> None:
    partial = claimed(session, retry=time_limits.NEVER_AGAIN)
    recover([partial], death_of(partial), [])
    session.activate(partial)
    Performer().perform(partial)
    assert partial.result.check(HardTimeLimit)

    partial.retry()
    session.commit()
    session.activate(partial)
    Performer().perform(partial)
    assert partial.result is None, "the death of before is not asked about again"


def test_what_was_only_assigned_to_the_child_loses_nothing(session: Session) -> None:
    culprit, *others = [claimed(session) for _ in range(4)]
    recover([culprit, *others], death_of(culprit), [])
    assert culprit.result.check(HardTimeLimit)
    for partial in others:
        assert (partial.state, partial.failed_attempts) == (PENDING, 0)


def test_what_waits_in_the_child_for_a_deferred_is_interrupted_and_has_not_overrun(
    session: Session,
) -> None:
    culprit, deferred = claimed(session), claimed(session)
    deferred.record_attempt(1, 1, 0, 0)
    recover([culprit, deferred], death_of(culprit), [])
    assert (deferred.state, deferred.interruptions, deferred.exceptions) == (PENDING, 1, 0)


def test_a_job_whose_end_was_stored_in_time_keeps_it(session: Session) -> None:
    partial = claimed(session)
    partial.finish(7)
    recover([partial], death_of(partial), [])
    assert partial.result == 7
