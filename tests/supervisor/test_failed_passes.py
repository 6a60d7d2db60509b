"""Passes that fail, but not because of the storage, end in a fresh start."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.POSException import POSKeyError

from tests.jobs import basic as jobs
from tests.supervisor.test_engine import Pool, Thread
from tests.support import scenes
from tests.support.scenes import Said
from tests.support.sessions import ONE, Session
from zcasync.errors import FencedError, HistoryChanged
from zcasync.instance.settings import Settings
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.job.ids import hex_oid
from zcasync.liveness.watch import Watch
from zcasync.partial import Partial
from zcasync.supervisor.engine import Engine
from zcasync.supervisor.engine_parts import EngineCallbacks, EngineParts
from zcasync.supervisor.failed_passes import (
    FAILURES_BEFORE_CONNECTION,
    FAILURES_BEFORE_ENGINE,
    LONGEST_PAUSE_SECONDS,
    BrokenEngine,
    FailedPasses,
    Step,
)
from zcasync.supervisor.keeper import EngineKeeper
from zcasync.supervisor.poll.messages import PassInput
from zcasync.supervisor.poll.poll_pass import Passes

Broken = Callable[[Passes], BaseException | None]


class Kept:
    """A keeper with engines on threads that work when the test says so."""

    def __init__(self, db: DB, reactor: Clock) -> None:
        self.reactor = reactor
        self.threads: list[Thread] = []
        self.engines: list[Engine] = []
        self.ended: list[BaseException] = []
        watch = Watch()

        def make_pool(*args: Any) -> Any:
            pool = Pool()
            pool.kill_all = lambda reason: None  # type: ignore[attr-defined]
            return pool

        def make(lost: Callable[[BaseException], None]) -> Engine:
            self.threads.append(Thread())
            parts = EngineParts(make_pool, thread=self.threads[-1], watch=watch)
            self.engines.append(
                Engine(
                    db,
                    ONE,
                    reactor=reactor,
                    settings=Settings(children=0),
                    parts=parts,
                    callbacks=EngineCallbacks(lost=lost),
                )
            )
            return self.engines[-1]

        self.keeper = EngineKeeper(reactor, make, ended=self.ended.append)
        self.keeper.start()
        self.work()

    def work(self) -> None:
        """Let the threads do what they were given, until there is nothing more."""
        for _ in range(3):
            for thread in list(self.threads):
                thread.work()

    def make_passes(self, count: int) -> None:
        for _ in range(count):
            self.reactor.advance(LONGEST_PAUSE_SECONDS)
            self.work()

    def stop(self) -> None:
        stopped: Deferred[Any] = self.keeper.stop()
        self.work()
        self.reactor.advance(60)
        assert stopped.called


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> Callable[[Broken], list[Any]]:
    """Lets passes fail; returns the list of the connections that were tried."""
    steps = Passes._steps

    def set_up(broken: Broken) -> list[Any]:
        tried: list[Any] = []

        def try_steps(self: Passes, *given: Any) -> Any:
            tried.append(self._records.connection)
            error = broken(self)
            if error is not None:
                raise error
            return steps(self, *given)

        monkeypatch.setattr(Passes, "_steps", try_steps)
        return tried

    return set_up


class ReactorOfThread(Clock):
    """A reactor whose other threads are the one of the test."""

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        call(*args)


@pytest.fixture
def kept(db: DB) -> Kept:
    return Kept(db, ReactorOfThread())


ERRORS = [AttributeError("it is None"), KeyError("gone"), POSKeyError(b"1" * 8)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_is_wrong_in_a_connection_ends_with_it(
    kept: Kept, breaks: Any, said: Said, error: Exception
) -> None:
    first = kept.engines[0]._database._session._connection
    tried = breaks(lambda passes: error if passes._records.connection is first else None)
    kept.make_passes(FAILURES_BEFORE_CONNECTION + 2)
    assert tried[-1] is not first
    assert first not in tried[FAILURES_BEFORE_CONNECTION:]
    assert len(kept.engines) == 1
    assert kept.engines[0].waiting_for is None
    assert said.about("waiting for the database") == []
    assert len(said.about("polling: an error, trying again")) == 1
    assert len(said.about("polling: works again")) == 1
    kept.stop()
    assert kept.engines[0].left_cleanly


def test_what_is_wrong_in_an_engine_ends_with_it(
    kept: Kept, breaks: Any, said: Said, session: Session
) -> None:
    session.queue.put(Partial(jobs.nothing))
    session.commit()
    first = kept.engines[0].UUID.bytes
    breaks(lambda passes: AttributeError("no") if passes._engine == first else None)
    kept.make_passes(FAILURES_BEFORE_ENGINE + 2)
    assert len(kept.engines) == 2
    assert len(said.about("cannot make a pass (AttributeError: no)")) == 1
    session.sync()
    worker = session.manager.workers[ONE]
    assert worker.engineUUID == kept.engines[1].UUID
    assert kept.engines[1].mode == "push"
    kept.stop()
    assert kept.engines[1].left_cleanly


def test_engine_follows_engine_for_as_long_as_it_takes(kept: Kept, breaks: Any) -> None:
    breaks(lambda passes: AttributeError("no"))
    kept.make_passes(4 * FAILURES_BEFORE_ENGINE)
    assert len(kept.engines) >= 3
    kept.stop()


def test_a_storage_that_is_away_is_waited_for(kept: Kept, breaks: Any, said: Said) -> None:
    first = kept.engines[0]._database._session._connection
    tried = breaks(lambda passes: ClientDisconnected("away"))
    kept.make_passes(3 * FAILURES_BEFORE_ENGINE)
    assert set(tried) == {first}
    assert len(kept.engines) == 1
    assert len(said.about("waiting for the database")) == 1
    kept.stop()


def test_an_engine_whose_record_is_gone_has_another_database(
    kept: Kept, breaks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session: Any = kept.engines[0]._database._session
    session._records.incarnation._engine = b"2" * 16  # as in an older backup
    session._connection.transaction_manager.commit()
    breaks(lambda passes: AttributeError("no"))
    kept.make_passes(FAILURES_BEFORE_CONNECTION + 1)
    (error,) = kept.ended
    assert isinstance(error, HistoryChanged)
    assert str(kept.engines[0].UUID) in str(error)
    assert len(kept.engines) == 1


def test_another_history_ends_the_engine_for_good(kept: Kept, breaks: Any) -> None:
    breaks(lambda passes: HistoryChanged("an older backup"))
    kept.make_passes(3)
    assert [str(error) for error in kept.ended] == ["an older backup"]
    assert (len(kept.engines), kept.engines[0].mode) == (1, None)
    assert kept.threads[0].is_closed
    kept.stop()


def test_nothing_is_waited_for_once_the_end_of_an_engine_has_been_said(
    kept: Kept, breaks: Any, said: Said
) -> None:
    def broken(passes: Passes) -> BaseException:
        kept.keeper.give_up(HistoryChanged("an older backup"))
        return ClientDisconnected("its server has ended, too")

    breaks(broken)
    kept.make_passes(1)
    assert kept.engines[0].waiting_for is None
    assert not said.about("waiting for the database")
    kept.stop()


def test_a_buried_engine_is_followed_by_another_one(kept: Kept, breaks: Any) -> None:
    first = kept.engines[0].UUID.bytes
    breaks(lambda passes: FencedError("buried") if passes._engine == first else None)
    kept.make_passes(2)
    assert len(kept.engines) == 2
    assert kept.ended == []
    kept.stop()


def test_only_failures_in_a_row_count() -> None:
    passes = FailedPasses()
    fail = partial(passes.step_after, AttributeError())
    for _ in range(3):
        assert {fail() for _ in range(FAILURES_BEFORE_CONNECTION - 1)} == {Step.NONE}
        passes.passed()
    for _ in range(3):
        assert {fail() for _ in range(FAILURES_BEFORE_CONNECTION - 1)} == {Step.NONE}
        assert passes.step_after(ClientDisconnected()) == Step.NONE
    assert issubclass(BrokenEngine, Exception)


@pytest.fixture
def wanted(kept: Kept, session: Session) -> list[Partial]:
    """Two jobs that wait, and are cancelled."""
    found = scenes.put(session, 2)
    for one in found:
        assert kept.engines[0].cancel(one._p_oid, "jane") == ""
    return found


def states(session: Session, partials: list[Partial]) -> list[Any]:
    session.sync()
    return [one.state for one in partials]


def test_a_cancel_outlives_passes_that_fail_for_another_reason(
    kept: Kept, breaks: Any, said: Said, session: Session, wanted: list[Partial]
) -> None:
    first = kept.engines[0]._database._session._connection
    breaks(lambda passes: KeyError("gone") if passes._records.connection is first else None)
    kept.make_passes(FAILURES_BEFORE_CONNECTION)
    assert states(session, wanted) == [PENDING, PENDING]
    kept.make_passes(1)
    assert states(session, wanted) == [COMPLETED, COMPLETED]
    assert [one.result.getErrorMessage() for one in wanted] == 2 * ["cancelled by jane"]
    assert said.about("is dropped") == []
    kept.stop()


def test_a_cancel_outlives_a_storage_that_is_away(
    kept: Kept, breaks: Any, session: Session, wanted: list[Partial]
) -> None:
    left = [ClientDisconnected("away") for _ in range(2 * FAILURES_BEFORE_ENGINE)]
    breaks(lambda passes: left.pop() if left else None)
    kept.make_passes(2 * FAILURES_BEFORE_ENGINE + 1)
    assert states(session, wanted) == [COMPLETED, COMPLETED]
    kept.stop()


@pytest.mark.parametrize("which", [0, 1])
def test_the_cancel_for_which_passes_fail_is_found_and_dropped(
    kept: Kept,
    said: Said,
    session: Session,
    wanted: list[Partial],
    which: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps, bad, good = Passes._steps, wanted[which], wanted[1 - which]

    def fail_for_it(self: Passes, given: PassInput, *more: Any) -> Any:
        if bad._p_oid in given.cancelled:
            raise KeyError("gone")
        return steps(self, given, *more)

    monkeypatch.setattr(Passes, "_steps", fail_for_it)
    kept.make_passes(FAILURES_BEFORE_CONNECTION + 2)
    assert states(session, [bad, good]) == [PENDING, COMPLETED]
    (line,) = said.about("is dropped")
    assert f"the cancel by jane of job {hex_oid(bad._p_oid)}" in line
    assert "KeyError: 'gone'" in line
    assert kept.engines == kept.engines[:1], "no job has lost its child"
    kept.stop()


def test_the_last_pass_is_not_lost_for_a_cancel(
    kept: Kept, session: Session, wanted: list[Partial], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Passes._steps

    def fail_for_it(self: Passes, given: PassInput, *more: Any) -> Any:
        if wanted[0]._p_oid in given.cancelled:
            raise KeyError("gone")
        return steps(self, given, *more)

    monkeypatch.setattr(Passes, "_steps", fail_for_it)
    kept.stop()
    assert kept.engines[0].left_cleanly


@pytest.mark.parametrize("error", [FencedError("buried"), AttributeError("no")], ids=repr)
def test_a_cancel_that_an_engine_leaves_is_the_next_ones(
    kept: Kept,
    breaks: Any,
    session: Session,
    wanted: list[Partial],
    error: Exception,
) -> None:
    first = kept.engines[0].UUID.bytes
    breaks(lambda passes: error if passes._engine == first else None)
    kept.make_passes(FAILURES_BEFORE_ENGINE + 2)
    assert len(kept.engines) == 2
    assert states(session, wanted) == [COMPLETED, COMPLETED]
    kept.stop()
