"""What retry policies make of interrupted jobs, and how jobs that were put off wait again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from zope.component import provideAdapter

from tests.support import scenes
from tests.support.sessions import FakeClock, Session
from zcasync import Partial, clock
from zcasync.errors import AbortedError, JobCrashed
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING, IPartial, IRetryPolicy
from zcasync.job.callbacks import choose
from zcasync.job.completion import end
from zcasync.job.failure import from_exception
from zcasync.liveness.death import Death
from zcasync.liveness.recovery import recover
from zcasync.perform.commits import Commits
from zcasync.perform.performer import Performer
from zcasync.perform.run import Run
from zcasync.retry.stock import NeverRetry, RetryCommonFourTimes
from zcasync.supervisor import registration

DEATH = Death(pid=7, signal="SIGKILL", output=("the last", "words"))


class Later(RetryCommonFourTimes):
    """Interrupted jobs run again after an hour."""

    def interrupted(self, counts: Any) -> Any:
        return timedelta(hours=counts.interruptions)


class AtOnce(RetryCommonFourTimes):
    """Interrupted jobs run again at once."""

    def interrupted(self, counts: Any) -> Any:
        return True


class Raising(RetryCommonFourTimes):
    """Cannot answer."""

    def interrupted(self, counts: Any) -> Any:
        raise ZeroDivisionError("oh")


@pytest.fixture
def log() -> list[str]:
    return []


def claimed(session: Session, retry: Any, call: Any = abs) -> Partial:
    """A job that an engine has claimed."""
    partial = session.queue.put(Partial(call, -1), retry=retry)
    session.commit()
    scenes.claim(session, scenes.serve(session), [partial])
    return partial


def begun(session: Session, retry: Any) -> Partial:
    """A job in the middle of whose call its process has died."""
    partial = claimed(session, retry)

    def die(call: Any, *args: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Performer(invoke=die).perform(partial)
    session.sync()
    return partial


def perform_again(session: Session, partial: Partial) -> None:
    """Claim a job once more, and perform it."""
    scenes.claim(session, session.manager.workers.values()[0], [partial])
    Performer().perform(partial)
    session.sync()


def test_the_first_interruption_under_never_ends_a_job_with_the_evidence(
    session: Session, log: list[str]
) -> None:
    partial = begun(session, "never")
    recover([partial], DEATH, log)
    session.commit()
    session.connection.cacheMinimize()

    assert (partial.state, partial.attempts, partial._interruptions) == (COMPLETED, 1, 1)
    assert partial.result.check(AbortedError)
    assert partial.result.getErrorMessage() == (
        "interrupted, and its retry policy 'never' lets it begin only once: "
        "child process 7 was killed by SIGKILL"
    )
    assert partial.result.evidence["signal"] == "SIGKILL"
    assert tuple(partial.result.evidence["output"]) == DEATH.output
    assert "is ended" in log[-1]


def test_a_job_under_never_that_has_not_begun_runs_again_but_may_not_kill_children_for_ever(
    session: Session, log: list[str]
) -> None:
    partial = claimed(session, "never")
    recover([partial], DEATH, log)
    assert (partial.state, partial.attempts, partial._interruptions) == (PENDING, 1, 1)

    partial._interruptions = 9
    scenes.claim(session, session.manager.workers.values()[0], [partial])
    recover([partial], DEATH, log)
    assert partial.result.getErrorMessage().startswith("interrupted 10 times")


def test_an_engine_that_stops_does_not_release_a_job_under_never_that_has_begun(
    session: Session,
) -> None:
    partial = begun(session, "never")
    worker = session.manager.workers.values()[0]
    registration.deregister(session.connection, worker, worker.incarnation)

    assert partial.state == COMPLETED
    assert "'never' lets it begin only once" in partial.result.getErrorMessage()


def test_an_engine_that_stops_releases_a_job_under_never_that_was_only_prefetched(
    session: Session,
) -> None:
    partial = claimed(session, "never")
    worker = session.manager.workers.values()[0]
    registration.deregister(session.connection, worker, worker.incarnation)

    assert (partial.state, partial._interruptions, partial.claim) == (PENDING, 0, None)


def test_a_job_under_forever_is_interrupted_as_often_as_it_takes(
    session: Session, log: list[str]
) -> None:
    partial = claimed(session, "forever")
    worker = session.manager.workers.values()[0]
    for _ in range(30):
        recover([partial], DEATH, log)
        scenes.claim(session, worker, [partial])

    assert (partial.state, partial._interruptions) == (ACTIVE, 30)


def test_a_policy_can_let_an_interrupted_job_wait(
    session: Session, log: list[str], fake_clock: FakeClock
) -> None:
    """It is the application's own, so it is asked where the call is made next."""
    partial = claimed(session, Later)
    recover([partial], DEATH, log)
    assert (partial.state, partial._interruptions, partial.unasked_death.type) == (
        *(PENDING, 1),
        JobCrashed,
    )
    session.commit()

    for hours in (1, 0):
        perform_again(session, partial)
        assert partial.state == (ACTIVE if hours else COMPLETED)
        assert partial.unasked_death is None
        if hours:
            assert partial.retry_at == clock.now() + hours * 3_600_000_000
            session.queue.release(partial)
            session.commit()
            fake_clock.advance(hours=hours)
    assert partial.result == 1


def test_a_policy_that_is_never_asked_leaves_the_decision_to_the_default(
    session: Session, log: list[str]
) -> None:
    """Children die, for instance, while they import it."""
    partial = claimed(session, Later)
    for _ in range(9):
        recover([partial], DEATH, log)
        assert partial.state == PENDING
        scenes.claim(session, session.manager.workers.values()[0], [partial])
    recover([partial], DEATH, log)
    assert partial.result.check(JobCrashed)
    assert partial.result.getErrorMessage().startswith("interrupted 10 times")


def test_after_its_answer_a_policy_is_asked_about_the_next_death(
    session: Session, log: list[str]
) -> None:
    partial = claimed(session, AtOnce)
    for number in (1, 2):
        recover([partial], DEATH, log)
        session.commit()
        scenes.claim(session, session.manager.workers.values()[0], [partial])

        def die(call: Any, *args: Any) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Performer(invoke=die).perform(partial)
        session.sync()
        assert (partial._interruptions, partial.unasked_death) == (number, None)


def test_a_job_that_was_ended_while_its_policy_is_asked_is_not_made_again(
    session: Session, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = claimed(session, AtOnce)
    recover([partial], DEATH, log)
    session.commit()
    scenes.claim(session, session.manager.workers.values()[0], [partial])
    go_on = Commits.go_on

    def too_late(self: Commits, run: Run) -> bool:
        end(run.partial, from_exception(AbortedError("ended by another process")))
        session.commit()
        return go_on(self, run)

    monkeypatch.setattr(Commits, "go_on", too_late)
    calls: list[Any] = []
    Performer(invoke=lambda call, *args: calls.append(call)).perform(partial)
    session.sync()
    assert calls == []
    assert partial.result.getErrorMessage() == "ended by another process"


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_process_that_dies_at_the_commit_of_an_answer_is_the_next_death(
    session: Session, log: list[str], monkeypatch: pytest.MonkeyPatch, is_stored: bool
) -> None:
    """Before it the policy is asked about both deaths, behind it about the second one alone."""
    partial = claimed(session, AtOnce)
    recover([partial], DEATH, log)
    session.commit()
    scenes.claim(session, session.manager.workers.values()[0], [partial])
    go_on = Commits.go_on

    def die(self: Commits, run: Run) -> bool:
        if is_stored:
            go_on(self, run)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Commits, "go_on", die)
        with pytest.raises(KeyboardInterrupt):
            Performer().perform(partial)
    session.transactions.abort()
    session.sync()
    assert (partial.state, partial.unasked_death is None) == (ACTIVE, is_stored)
    recover([partial], DEATH, log)
    session.commit()
    assert (partial.state, partial._interruptions) == (PENDING, 2)
    perform_again(session, partial)
    assert (partial.state, partial.result, partial.unasked_death) == (COMPLETED, 1, None)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("registered elsewhere", "the default policy decides: no retry policy has the name")],
)
def test_a_policy_that_only_other_workers_know_does_not_stop_the_pass(
    session: Session, log: list[str], name: str, problem: str
) -> None:
    partial = claimed(session, None)
    partial._retry = name
    recover([partial], DEATH, log)

    assert (partial.state, partial._interruptions) == (PENDING, 1)
    assert problem in log[0]


def test_a_policy_that_cannot_answer_ends_the_job_with_its_death(
    session: Session, log: list[str]
) -> None:
    partial = claimed(session, Raising)
    recover([partial], DEATH, log)
    session.commit()
    perform_again(session, partial)

    assert partial.result.check(JobCrashed)
    assert partial.result.evidence["signal"] == "SIGKILL"
    assert partial.attempts == 1


@pytest.mark.usefixtures("registry")
def test_a_policy_of_the_application_decides_too(session: Session, log: list[str]) -> None:
    provideAdapter(NeverRetry, [IPartial], IRetryPolicy)
    partial = begun(session, None)
    recover([partial], DEATH, log)

    assert partial.result.check(AbortedError)


def test_a_callback_under_never_is_begun_once(session: Session, log: list[str]) -> None:
    partial = claimed(session, None)
    callback = partial.addCallback(Partial(abs), retry="never")
    scenes.end(partial, 3)
    callback._move_to(ACTIVE)
    callback._started, callback._once = 1, True
    recover([partial], DEATH, log)

    assert (partial.state, callback.state) == (COMPLETED, COMPLETED)
    assert callback.result.check(AbortedError)


@pytest.mark.parametrize(("retry", "ends"), [("never", True), ("default", False)])
def test_an_interrupted_callback_that_was_chosen_of_two_ends_or_waits_by_its_policy(
    session: Session, log: list[str], retry: str, ends: bool
) -> None:
    partial = claimed(session, None)
    chosen = Partial(abs)
    either = partial.addCallbacks(chosen, retry=retry)
    scenes.end(partial, 3)
    chosen._move_to(ACTIVE)
    chosen._started, chosen._once = 1, ends
    session.commit()
    recover([partial], DEATH, log)
    session.commit()
    assert (chosen.state, chosen._interruptions) == (COMPLETED if ends else PENDING, 1)

    Performer().run_callbacks(partial)
    assert either.callable is choose
    assert (partial.state, either.state) == (COMPLETED, COMPLETED)
    if ends:
        assert either.result.getTraceback() == chosen.result.getTraceback()
    else:
        assert either.result == 3


# put off


def test_a_rescheduled_job_waits_again_and_the_job_behind_it_was_interrupted(
    session: Session, log: list[str], fake_clock: FakeClock
) -> None:
    partials = scenes.put(session, 3)
    scenes.claim(session, scenes.serve(session), partials)
    moment = fake_clock.later(minutes=5)
    partials[0]._retry_at = fake_clock.microseconds + 300_000_000
    recover(partials, DEATH, log)

    assert [partial.state for partial in partials] == [PENDING] * 3
    assert [partial._interruptions for partial in partials] == [0, 1, 0]
    assert (partials[0].begin_after, partials[0].claim) == (moment, None)


def test_an_engine_that_stops_releases_a_rescheduled_job(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = claimed(session, None)
    partial._retry_at = fake_clock.microseconds + 300_000_000
    session.commit()
    worker = session.manager.workers.values()[0]
    registration.deregister(session.connection, worker, worker.incarnation)

    assert (partial.state, partial.begin_after) == (PENDING, fake_clock.later(minutes=5))
    assert len(worker.thread) == 0
