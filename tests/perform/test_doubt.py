"""Commits of a call whose answer is lost: the call is not made again, and its Deferred is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.jobs.samples import Demo
from tests.support import scenes
from tests.support.job_threads import CALLS, Bench, defer
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.database import waiting
from zcasync.errors import AbortedError, UnstorableError
from zcasync.interfaces import ACTIVE, COMPLETED
from zcasync.perform.performer import Performer
from zcasync.protocol.outcomes import Ending
from zcasync.retry.attempts import Attempts, Timing
from zcasync.retry.decision import MOST_GIVEN_UP
from zcasync.retry.fault import Raised
from zcasync.retry.stock import RetryCommonForever
from zcasync.testing import FakeReactor
from zcasync.testing.engine import inline_reactor_jobs
from zcasync.zeo.storage_errors import MARK


async def coroutine() -> Any:
    """What a job of the reactor may be."""
    CALLS.append(Deferred())
    return await CALLS[-1]


# a job that returns a Deferred


@pytest.mark.parametrize("silence", [0, 3], ids=["back at once", "back later"])
@pytest.mark.parametrize("batch", [False, True], ids=["alone", "in a group"])
@pytest.mark.parametrize("lose", ["before", "after"])
def test_a_deferred_is_held_when_only_the_answer_to_its_commit_is_lost(
    bench: Bench, lose: str, batch: bool, silence: int
) -> None:
    partials = bench.claim(Partial(defer, False), bench.account.add, batch=batch)
    bench.fire("later")
    bench.storage.lose, bench.storage.silence = lose, silence

    bench.run(partials)
    assert len(CALLS) == (1 if lose == "after" else 2)
    assert [deferred for _, deferred in bench.watched] == CALLS[-1:]
    assert [(one.state, one.result) for one in partials] == [(COMPLETED, "later"), (COMPLETED, 1)]
    assert (1, Ending.DEFERRED) in bench.endings


@pytest.mark.parametrize("batch", [False, True], ids=["alone", "in a group"])
def test_a_deferred_is_held_though_the_storage_goes_away_once_more(
    bench: Bench, batch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right after its commit, when others follow up."""
    partials = bench.claim(Partial(defer, False), bench.account.add, batch=batch)
    bench.fire("later")
    follow_up, losses = Performer.follow_up, [ClientDisconnected("away again")]

    def lost(self: Performer, partial: Partial) -> None:
        if losses:
            raise losses.pop()
        follow_up(self, partial)

    monkeypatch.setattr(Performer, "follow_up", lost)
    bench.run(partials)
    assert (len(CALLS), partials[0].result) == (1, "later")
    assert bench.watched == [(partials[0]._p_oid, CALLS[0])]
    assert (1, Ending.DEFERRED) in bench.endings


@pytest.mark.parametrize("lost", [0, 1], ids=["of its start", "of its call"])
def test_a_deferred_under_never_is_held_whichever_answer_is_lost(bench: Bench, lost: int) -> None:
    partials = bench.claim(Partial(defer, False), retry="never")
    bench.fire("later")
    bench.storage.losses = [None] * lost + ["after"]

    bench.run(partials)
    assert (len(CALLS), partials[0].result) == (1, "later")


@pytest.mark.parametrize("retry", [None, "never"])
@pytest.mark.parametrize("lost", [0, 1], ids=["of its start", "of its result"])
def test_a_detached_call_is_made_once_whichever_answer_is_lost(
    bench: Bench, lost: int, retry: str | None
) -> None:
    partials = bench.claim(Partial(defer, False), batch=False, detached=True, retry=retry)
    bench.fire("later")
    bench.storage.losses = [None] * lost + ["after"]

    bench.run(partials)
    assert (len(CALLS), partials[0].result) == (1, "later")


def test_a_deferred_that_an_earlier_attempt_has_left_proves_nothing(bench: Bench) -> None:
    """Such a record has a start already, which is not that of the commit in doubt."""
    partials = bench.claim(Partial(defer, False), bench.account.add)
    partials[0]._started = partials[0]._attempts = 1
    bench.client.commit()
    bench.fire("later")
    bench.storage.lose = "before"

    bench.run(partials)
    assert (len(CALLS), partials[0].result) == (2, "later")


@pytest.mark.parametrize("call", [Deferred, coroutine], ids=["Deferred", "coroutine"])
@pytest.mark.parametrize("retry", [None, "never"])
def test_a_reactor_job_is_called_once_when_only_the_answer_to_its_commit_is_lost(
    bench: Bench, call: Any, retry: str | None
) -> None:
    [partial] = bench.claim(Partial(defer, False) if call is Deferred else call, retry=retry)
    ended: list[bytes] = []
    jobs = inline_reactor_jobs(
        FakeReactor(), bench.client.connection.db(), bench.incarnation._p_oid, ended.append
    )
    bench.storage.losses = [None] * (retry is not None) + ["after"]

    jobs.start(partial._p_oid)
    jobs._reactor.time_flies(1)
    assert (len(CALLS), jobs.deferred) == (1, {partial._p_oid})
    CALLS[0].callback("later")
    jobs._reactor.time_flies(1)
    bench.client.sync()
    assert (partial.state, partial.result, jobs.deferred) == (COMPLETED, "later", set())


def test_a_callback_is_called_once_when_only_the_answer_to_its_commit_is_lost(
    bench: Bench,
) -> None:
    partial = Partial(bench.account.add)
    partials = bench.claim(partial, batch=False)
    callback = partial.addCallback(Partial(samples.note, "called"))
    callback.retry_policy = "never"
    bench.client.commit()
    samples.NOTED.clear()
    bench.storage.losses = [None, "after", "after", "after"]

    bench.run(partials)
    assert samples.NOTED == [("called", 1)]
    assert (callback.state, partial.state) == (COMPLETED, COMPLETED)


def test_a_deferred_that_returns_a_partial_lets_it_have_one_callback(bench: Bench) -> None:
    [inner] = bench.claim(Partial(samples.make_six), batch=False)
    partials = bench.claim(Partial(samples.give_back, inner), batch=False, detached=False)
    [waiting] = bench.claim(Partial(defer, False), batch=False)
    bench.client.commit()
    bench.fire(None)
    bench.run(partials)
    before = len(inner.callbacks)
    performer = Performer(lambda error: None)
    scenes.InDoubt(bench.client)

    waiting.start()
    performer.settle(waiting, inner)

    assert len(inner.callbacks) == before + 1
    assert (waiting.state, waiting.waits_for) == (ACTIVE, inner)


# two processes at one call


def test_two_processes_at_one_callback_begin_it_once_under_never(connect: Connect) -> None:
    """Its application runs it, and a worker that has found it after a while."""
    application, worker = connect(), connect()
    partial = application.queue.put(samples.nothing)
    callback = partial.addCallback(Partial(samples.give_back))
    callback.retry_policy = "never"
    application.commit()
    application.activate(partial)
    partial.finish(None)
    application.commit()
    worker.sync()
    calls: list[str] = []

    def begin_and_vanish(*_: Any) -> None:
        calls.append("worker")
        raise KeyboardInterrupt

    def meanwhile() -> None:
        with pytest.raises(KeyboardInterrupt):
            Performer(invoke=begin_and_vanish).run_callbacks(worker.same(partial))

    before_the_next_commit(application, meanwhile)
    Performer(invoke=lambda *_: calls.append("application")).run_callbacks(partial)

    assert calls == ["worker"]
    assert callback.result.check(AbortedError)
    assert "begun before" in callback.result.getErrorMessage()


def before_the_next_commit(session: Session, do: Callable[[], None]) -> None:
    """Let another process do something right before the next commit of a session."""
    commit = session.transactions.commit

    def after_the_other() -> None:
        session.transactions.commit = commit
        do()
        commit()

    session.transactions.commit = after_the_other


def test_a_call_that_another_process_has_begun_is_not_begun_again_after_a_commit_in_doubt(
    connect: Connect,
) -> None:
    """What was in doubt did not get through, and then the other process was first."""
    one, other = connect(), connect()
    partial = one.keep(Partial(samples.nothing))
    partial.retry_policy = "never"
    partial.start()
    one.commit()
    calls: list[str] = []

    def begun_elsewhere(error: BaseException) -> None:
        assert isinstance(error, ClientDisconnected)
        other.sync()
        seen = other.same(partial)
        seen.record_attempt(1, 1, 0, 0)
        seen.begin_once()
        other.commit()

    scenes.Away(one)
    Performer(begun_elsewhere, invoke=lambda *_: calls.append("called")).perform(partial)

    assert calls == []
    assert partial.result.check(AbortedError)
    assert "begun before" in partial.result.getErrorMessage()


def test_an_own_start_in_doubt_is_no_other_process(session: Session) -> None:
    demo = session.keep(Demo())
    partial = session.keep(Partial(demo.increase), "partial")
    partial.retry_policy = "never"
    partial.start()
    session.commit()
    scenes.InDoubt(session)

    Performer(lambda error: None).perform(partial)

    assert (partial.result, demo.counter) == (1, 1)


@pytest.mark.parametrize("batch", [False, True])
def test_a_commit_that_the_server_gives_up_each_time_ends_the_call(
    bench: Bench, batch: bool
) -> None:
    [partial] = bench.claim(bench.account.add, batch=batch)
    bench.storage.losses = ["before"] * (MOST_GIVEN_UP + batch)  # alone after the group's
    bench.run([partial])
    assert partial.result.check(UnstorableError)
    assert partial.result.evidence["times"] == MOST_GIVEN_UP
    assert bench.account.value == 0


def test_an_outage_of_any_length_costs_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BACK_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "are_connected", lambda db: False)
    [partial] = bench.claim(bench.account.add, batch=False)
    bench.storage.losses = ["before"] * 5 * MOST_GIVEN_UP
    bench.run([partial])
    assert (partial.result, partial.attempts) == (1, 1)


def test_only_commits_that_are_given_up_in_a_row_count() -> None:
    attempts = Attempts(Partial(samples.nothing), RetryCommonForever(None), Timing())
    lost = ClientDisconnected("given up")
    setattr(lost, MARK, True)
    for _ in range(3):
        attempts.failed(Raised(Failure(lost), at_commit=True, is_given_up=True))
    attempts.failed(Raised(Failure(lost)))  # an outage in between: nothing is known by that
    assert attempts.given_up == 3
    attempts.failed(Raised(Failure(ConflictError()), at_commit=True))
    assert attempts.given_up == 0
