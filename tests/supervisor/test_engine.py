"""The life of an engine: it starts, runs and stops along a table, in whatever order it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from ZODB import DB

from tests.support import scenes
from tests.support.sessions import ONE, Session
from zcasync.instance.lock import AlreadyServed
from zcasync.instance.settings import Settings
from zcasync.supervisor.database_session import FAREWELL_SECONDS
from zcasync.supervisor.engine import TRANSITIONS, Engine, Life, engines
from zcasync.supervisor.engine_parts import EngineParts


class Thread:
    """Does its work when the test says so."""

    def __init__(self) -> None:
        self.is_closed = False
        self._work: list[Callable[[], None]] = []

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        assert not self.is_closed
        done: Deferred[Any] = Deferred()
        self._work.append(lambda: maybeDeferred(function, *args).chainDeferred(done))
        return done

    def close(self) -> None:
        self.is_closed = True

    def work(self) -> None:
        """Do what it was given."""
        while self._work:
            self._work.pop(0)()


class Pool:
    """Has no children."""

    size = 0

    def __init__(self) -> None:
        self.children: dict[int, Any] = {}

    def ready(self) -> list[Any]:
        return []

    def set_size(self, size: int) -> None:
        """There are none in any case."""

    def stop(self, grace: float) -> Deferred[None]:
        return maybeDeferred(lambda: None)


class Started:
    """An engine that was told to start, on a thread that has not done anything yet."""

    def __init__(self, db: DB, reactor: Clock) -> None:
        self.pools: list[Pool] = []
        self.thread = Thread()
        parts = EngineParts(self._make_pool, thread=self.thread)
        settings = Settings(children=0)
        self.engine = Engine(db, ONE, reactor=reactor, settings=settings, parts=parts)
        self.problems: list[Any] = []
        self.engine.start().addErrback(lambda failure: self.problems.append(failure.value))

    def _make_pool(self, *args: Any) -> Pool:
        self.pools.append(Pool())
        return self.pools[-1]

    def stop(self) -> list[None]:
        """Becomes non-empty when it has stopped."""
        over: list[None] = []
        self.engine.stop().addCallback(over.append)
        return over


@pytest.fixture
def started(db: DB, reactor: Clock) -> Started:
    return Started(db, reactor)


def test_a_life_ends_and_does_not_begin_anew() -> None:
    assert TRANSITIONS[Life.STOPPED] == set()
    assert not any(Life.NEW in following for following in TRANSITIONS.values())
    assert all(Life.STOPPING in TRANSITIONS[one] for one in (Life.NEW, Life.STARTING, Life.RUNNING))


def test_an_engine_runs_when_it_is_registered_and_stops_cleanly(
    started: Started, session: Session
) -> None:
    engine = started.engine
    assert (engine.mode, engine.cancel(b"1" * 8, "jane")) == (None, "the engine is starting")
    started.thread.work()
    assert (engine.mode, len(started.pools), engines[ONE]) == ("push", 1, engine)
    session.sync()
    assert session.manager.workers[ONE].engineUUID == engine.UUID

    over = started.stop()
    started.thread.work()
    assert (over, engine.left_cleanly, started.thread.is_closed) == ([None], True, True)
    assert engine.cancel(b"1" * 8, "jane") == "the engine is stopped"
    assert ONE not in engines
    session.sync()
    assert session.manager.workers[ONE].engineUUID is None


def test_an_engine_that_is_stopped_while_it_starts_does_not_run_and_leaves_no_ghost(
    started: Started, session: Session
) -> None:
    over = started.stop()
    assert over == []
    started.thread.work()

    assert (over, started.pools, started.problems) == ([None], [], [])
    assert (started.engine.left_cleanly, started.thread.is_closed) == (True, True)
    assert ONE not in engines
    session.sync()
    assert session.manager.workers[ONE].engineUUID is None


def test_a_stop_does_not_wait_long_for_an_engine_that_cannot_start(
    started: Started, reactor: Clock
) -> None:
    over = started.stop()
    reactor.advance(FAREWELL_SECONDS)

    assert (over, started.engine.left_cleanly) == ([None], False)
    started.thread.work()
    assert started.pools == []


def test_an_engine_that_may_not_start_can_be_stopped(
    db: DB, reactor: Clock, session: Session
) -> None:
    scenes.serve(session)
    started = Started(db, reactor)
    started.thread.work()
    assert [type(problem) for problem in started.problems] == [AlreadyServed]
    assert started.thread.is_closed

    assert started.stop() == [None]
    assert started.pools == []
