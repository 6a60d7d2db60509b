"""What the tests of the supervisor share: identities near and far, engines, a monotonic clock."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twisted.logger import formatEvent
from ZEO.Exceptions import ClientDisconnected

from tests.support.sessions import ONE, Session
from zcasync import Partial
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.workers.fence import fence
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker

#: A process that nobody on this machine can look at.
ELSEWHERE = ProcessIdentity("far", "another boot", "1", 7, 1)


def gone() -> ProcessIdentity:
    """A process of this machine that runs no more: its pid was given to a later one."""
    here = ProcessIdentity.here()
    return replace(here, start_ticks=here.start_ticks + 1)


class Seconds:
    """A monotonic clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    monotonic = __call__

    def sleep(self, seconds: float) -> None:
        """What ``time.sleep`` does, without the waiting."""
        self.now += seconds

    advance = sleep


class Said:
    """Log events as lines of text."""

    def __init__(self, events: Sequence[Any]) -> None:
        self._events = events

    @property
    def lines(self) -> list[str]:
        """Every event."""
        return [formatEvent(event) for event in self._events]

    def about(self, word: str) -> list[str]:
        """The events whose text has the word."""
        return [line for line in self.lines if word in line]


class Fickle:
    """Something that a later release may refuse to load."""

    refuses = False
    content = 1

    def __init__(self) -> None:
        self.content = 2

    def __setstate__(self, state: dict[str, int]) -> None:
        if Fickle.refuses:
            raise ValueError("this release knows no such thing")
        self.__dict__.update(state)


def fickle() -> Partial:
    """Return a new partial whose record a later release may refuse to load."""
    partial = Partial(abs, 1)
    partial.fickle = Fickle()
    return partial


class InDoubt:
    """The next commit of a session is there, but its client is told that the server is away."""

    def __init__(self, session: Session) -> None:
        self._storage = session.connection._storage
        self._finish = self._storage.tpc_finish
        self._storage.tpc_finish = self._finish_and_raise

    def _finish_and_raise(self, *args: Any) -> None:
        self._storage.tpc_finish = self._finish
        self._finish(*args)
        raise ClientDisconnected("killed after the commit")


class Away:
    """The next vote of a session fails because the server is away."""

    def __init__(self, session: Session) -> None:
        self._storage = session.connection._storage
        self._vote = self._storage.tpc_vote
        self._storage.tpc_vote = self._refuse

    def _refuse(self, *args: Any) -> None:
        self._storage.tpc_vote = self._vote
        raise ClientDisconnected("away")


def serve(
    session: Session,
    name: uuid.UUID = ONE,
    identity: ProcessIdentity | None = None,
    promise: float = 40.0,
) -> Worker:
    """Let an engine serve the worker ``name``, as ``registration.register`` would, and commit."""
    workers = session.manager.workers
    worker = workers.get(name)
    if worker is None:
        worker = Worker(name)
        workers.add(worker)
    worker.incarnation = Incarnation(uuid.uuid4(), name, identity or ProcessIdentity.here())
    worker.incarnation.claims = worker.thread
    session.connection.add(worker.incarnation)
    worker.engineUUID = worker.incarnation.engineUUID
    worker.ping.write(promise)
    session.commit()
    return worker


def fenced(session: Session, worker: Worker) -> None:
    """From now on the session commits only while the worker's incarnation lives."""
    fence(session.connection, worker.incarnation)


def put(session: Session, count: int = 1) -> list[Partial]:
    """Put calls in the queue of thread jobs, and commit."""
    partials = [session.queue.put(Partial(abs, -number)) for number in range(count)]
    session.commit()
    return partials


def claim(session: Session, worker: Worker, partials: list[Partial], slot: int = 0) -> None:
    """Let the worker's engine claim waiting partials for a slot, and commit."""
    assert session.claim(len(partials)) == partials
    for partial in partials:
        partial.assign(worker.incarnation)
    worker.thread.lists(slot + 1)[slot].items += tuple(partials)
    session.commit()


def end(partial: Partial, result: Any = None) -> None:
    """Do what performing it does to its record."""
    partial._started = 1
    partial.finish(result)
