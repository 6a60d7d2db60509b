"""The pool of threads: its size, its end within a grace period, threads that cannot begin."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from ZODB import DB
from ZODB.utils import p64

from tests.support.fixtures import Said
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import SoftTimeLimit
from zcasync.instance.settings import Settings
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.job.ids import id_of
from zcasync.liveness.death import Death
from zcasync.liveness.watch import Watch
from zcasync.supervisor.database_thread import DatabaseThread
from zcasync.supervisor.engine import Engine
from zcasync.supervisor.reactor_jobs import ReactorJobs
from zcasync.testing import FakeReactor, wait_for_result
from zcasync.testing.engine import INLINE_PARTS
from zcasync.twisted_engine.engine import in_process_engine
from zcasync.twisted_engine.parts import ThreadedParts, parts_of, thread_pool
from zcasync.twisted_engine.thread_pool import LEAVE_SECONDS, ThreadPool
from zcasync.twisted_engine.threads import ThreadWorker

GRACE = 10.0
GO_ON = threading.Event()
BEGUN = threading.Event()
PHONE: list[Deferred[str]] = []


def wait_to_go_on() -> str:
    """Say that it has begun, and wait for the test."""
    BEGUN.set()
    assert GO_ON.wait(60)
    return "went on"


def work_until_told() -> str:
    """Say that it has begun, and work until its soft limit has passed, or the test ends."""
    BEGUN.set()
    try:
        while not GO_ON.wait(0.001):
            pass
    except SoftTimeLimit:
        return "told"
    return "never told"


def phone() -> Deferred[str]:
    """A Deferred that the test fires."""
    PHONE.append(Deferred())
    return PHONE[-1]


def nothing() -> None:
    """As little as a job can do."""


class Threaded(FakeReactor):
    """Turned by the test, with the pool of threads that applications get."""

    engine_parts = replace(INLINE_PARTS, make_pool=thread_pool)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nobody has begun, and in the end nobody is left waiting."""
    GO_ON.clear()
    BEGUN.clear()
    PHONE.clear()
    yield
    GO_ON.set()


@pytest.fixture
def reactor() -> Iterator[FakeReactor]:
    made = Threaded()
    made.install()
    yield made
    made.uninstall()


@pytest.fixture
def engine(db: DB, session: Session, reactor: FakeReactor) -> Iterator[Engine]:
    """One that runs, with one thread."""
    settings = Settings(grace_period=GRACE)
    made = in_process_engine(db, uuid.uuid4(), reactor, settings, Watch())
    made.start()
    session.sync()
    yield made
    GO_ON.set()
    stopping = made.stop()
    reactor.turn_until(lambda: stopping.called)
    for thread in threading.enumerate():
        if thread.name.startswith("thread jobs"):
            thread.join(30)


def put(session: Session, call: Any, **options: Any) -> Partial:
    partial = session.queue.put(call, **options)
    session.commit()
    return partial


def state(session: Session, partial: Partial) -> str:
    session.sync()
    return partial.state


def test_an_application_gets_threads_and_a_test_s_reactor_brings_its_own_parts() -> None:
    assert parts_of(object()) == ThreadedParts(thread_pool, ReactorJobs, DatabaseThread)
    assert parts_of(FakeReactor()) is INLINE_PARTS


def test_a_thread_is_told_to_end_at_the_soft_limit_of_its_call(
    engine: Engine, session: Session, reactor: FakeReactor
) -> None:
    partial = put(session, work_until_told, soft_limit=5)
    reactor.turn_until(BEGUN.is_set)
    reactor.time_flies(4)
    assert state(session, partial) == ACTIVE
    reactor.time_flies(1.1)
    reactor.turn_until(lambda: state(session, partial) == COMPLETED)
    assert partial.result == "told"
    behind = put(session, nothing)
    reactor.turn_until(lambda: state(session, behind) == COMPLETED)
    assert behind.result is None


def test_a_stop_waits_for_the_job_that_a_thread_is_at(
    engine: Engine, session: Session, reactor: FakeReactor
) -> None:
    partial = put(session, wait_to_go_on)
    reactor.turn_until(BEGUN.is_set)
    stopping = engine.stop()
    reactor.time_flies(GRACE - 1)
    assert not stopping.called
    GO_ON.set()
    reactor.turn_until(lambda: stopping.called, step=0)
    assert state(session, partial) == COMPLETED
    assert partial.result == "went on"
    assert engine.left_cleanly


def test_after_the_grace_period_a_job_goes_on_and_its_engine_stays_behind(
    engine: Engine, session: Session, reactor: FakeReactor, said: Said
) -> None:
    partial = put(session, wait_to_go_on)
    reactor.turn_until(BEGUN.is_set)
    stopping = engine.stop()
    reactor.turn_until(lambda: stopping.called, step=0.5)
    assert state(session, partial) == ACTIVE
    (worker,) = session.manager.workers.values()
    assert worker.engineUUID == engine.UUID
    assert not engine.left_cleanly
    (why,) = said.about("cannot be killed")
    assert id_of(partial) in why
    GO_ON.set()  # nobody has taken its work over, so what it commits counts
    wait_for_result(partial)
    assert partial.result == "went on"


def test_an_engine_whose_stop_is_hurried_waits_no_longer(
    engine: Engine, session: Session, reactor: FakeReactor
) -> None:
    put(session, wait_to_go_on)
    reactor.turn_until(BEGUN.is_set)
    stopping = engine.stop()
    engine.hurry(1.0)
    reactor.time_flies(1.0 + LEAVE_SECONDS + 0.5)
    reactor.turn_until(lambda: stopping.called, step=0)
    assert not engine.left_cleanly


def test_a_stop_waits_for_a_deferred_within_the_grace_period(
    engine: Engine, session: Session, reactor: FakeReactor
) -> None:
    partial = put(session, phone)
    reactor.turn_until(lambda: engine.executors.pool.children[0].deferred)
    stopping = engine.stop()
    reactor.time_flies(GRACE - 1)
    assert not stopping.called
    PHONE[0].callback("hello")
    reactor.turn_until(lambda: stopping.called, step=0)
    assert state(session, partial) == COMPLETED
    assert partial.result == "hello"


def test_after_the_grace_period_a_job_that_waits_for_a_deferred_waits_in_its_queue_again(
    engine: Engine, session: Session, reactor: FakeReactor
) -> None:
    partial = put(session, phone)
    reactor.turn_until(lambda: engine.executors.pool.children[0].deferred)
    stopping = engine.stop()
    reactor.turn_until(lambda: stopping.called, step=0.1)
    assert state(session, partial) == PENDING
    assert partial._interruptions == 1
    assert engine.left_cleanly
    assert Death(pid=0, exit_code=0).summary == "the thread it ran in ended"


def test_what_was_only_reserved_loses_no_attempt_at_a_stop(
    engine: Engine, session: Session, reactor: FakeReactor
) -> None:
    for _ in range(5):  # short jobs, so that more are reserved ahead
        wait_for_result(put(session, nothing), turn=lambda: reactor.time_flies(1))
    first = put(session, wait_to_go_on)
    reactor.turn_until(BEGUN.is_set)
    rest = [put(session, nothing) for _ in range(3)]
    child = engine.executors.pool.children[0]
    child.perform([one._p_oid for one in rest])
    stopping = engine.stop()
    GO_ON.set()
    reactor.turn_until(lambda: stopping.called)
    assert state(session, first) == COMPLETED
    assert [(one.state, one._interruptions) for one in rest] == [(PENDING, 0)] * 3


def test_a_job_of_a_thread_that_is_cancelled_goes_on(
    engine: Engine, session: Session, reactor: FakeReactor, said: Said
) -> None:
    partial = put(session, wait_to_go_on)
    reactor.turn_until(BEGUN.is_set)
    assert engine.cancel(partial._p_oid, "the baker") == ""
    (why,) = said.about("goes on until it ends by itself")
    assert "cancelled by the baker" in why
    GO_ON.set()
    assert wait_for_result(partial, turn=lambda: reactor.time_flies(1)) == "went on"


class NoThread(ThreadWorker):
    """A worker whose thread ends at once, as where the database cannot be opened."""

    made = 0

    def _start(self) -> None:
        type(self).made += 1
        self._failed(OSError("no database"))
        self._in_reactor(self._left)


def test_the_end_of_a_thread_tells_the_jobs_that_it_had() -> None:
    class Waiting(ThreadWorker):
        def _start(self) -> None:
            self._ready()

    class Pool(ThreadPool):
        worker_class = Waiting

    died = list[Any]()
    pool = Pool(FakeReactor(), lambda: None, b"", lambda child: None, lambda *how: died.append(how))
    pool.set_size(1)
    worker, job = pool.children[0], p64(7)
    worker.perform([job])
    worker._failed(OSError("no database"))
    worker._left()

    assert [(slot, death.at_stake, idle) for slot, death, idle in died] == [(0, {job}, False)]


def test_a_thread_that_cannot_begin_is_tried_again_ever_more_slowly() -> None:
    class Pool(ThreadPool):
        worker_class = NoThread

    reactor, died = FakeReactor(), list[Any]()
    NoThread.made = 0
    pool = Pool(reactor, lambda: None, b"", lambda child: None, lambda *how: died.append(how))
    pool.set_size(1)
    reactor.time_flies(0.1)
    assert pool.boot_problem == "a thread for jobs has ended: OSError('no database')"
    assert [(slot, idle) for slot, _, idle in died] == [(0, True)]
    for _ in range(10):
        pool.set_size(1)
    assert NoThread.made == 1
    reactor.time_flies(60)
    assert 4 < NoThread.made < 10
    stopping = pool.stop(5)
    reactor.time_flies(10)
    assert stopping.result == []
    made = NoThread.made
    reactor.time_flies(600)
    assert NoThread.made == made
