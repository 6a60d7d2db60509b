"""Databases with very many jobs, made in bulk in the file of a home that nobody serves."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import transaction

from bench import calls
from bench.rows import Say
from zcasync import clock
from zcasync.database.missing_classes import make_database
from zcasync.database.packing import open_file
from zcasync.datamanager import find, install
from zcasync.instance.home import Home
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.job.completion import end
from zcasync.queues.client_lane import CLIENT_LANES
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker

#: So many are made in one transaction.
PORTION = 2000
#: The worker that has completed what is completed; it has no engine any more.
FORMER = uuid.UUID(int=1)


@contextmanager
def opened(home: Home) -> Iterator[Any]:
    """The database of a home that nobody serves."""
    db = make_database(open_file(home.data_fs, home.blobs))
    try:
        yield db
    finally:
        db.close()


def fill(home: Home, pending: int, completed: int, clients: int, say: Say) -> tuple[int, int]:
    """Make so many jobs that wait, in the lanes of so many clients, and so many that are over.

    The queue is paused.  Return the bytes that those that are over take, and those that wait.
    """
    home.create()
    with opened(home) as db:
        connection = db.open(transaction.TransactionManager())
        install(connection).thread.pause()
        connection.transaction_manager.commit()
        first = db.storage.getSize()
        _complete(connection, completed, say)
        second = db.storage.getSize()
        for number in range(clients):
            say(f"client {number + 1:,} of {clients:,} puts")
            if hasattr(connection, CLIENT_LANES):
                delattr(connection, CLIENT_LANES)  # as another client's, which has its own lane
            share = pending * (number + 1) // clients - pending * number // clients
            _put(connection, share)
        connection.close()
        return second - first, db.storage.getSize() - second


def _put(connection: Any, count: int) -> None:
    for portion in _portions(max(1, count)):
        find(connection).thread.put_many([calls.noop] * portion)  # type: ignore[union-attr]
        connection.transaction_manager.commit()
        connection.cacheMinimize()


def _complete(connection: Any, count: int, say: Say) -> None:
    manager = find(connection)
    assert manager is not None
    worker = Worker(FORMER)
    manager.workers.add(worker)
    incarnation = Incarnation(uuid.uuid4(), FORMER, ProcessIdentity.here())
    connection.add(incarnation)
    incarnation.end("made in bulk")
    done = 0
    for portion in _portions(count):
        say(f"{done:,} of {count:,} completed")
        partials: list[Any] = manager.thread.put_many([calls.noop] * portion)
        connection.transaction_manager.commit()
        _claim(manager.thread, portion)
        for partial in partials:
            partial.assign(incarnation)
            partial.record_attempt(1, clock.now(), 0, 0)
            end(partial, None)
        worker.completed.extend(partials)
        connection.transaction_manager.commit()
        connection.cacheMinimize()
        done += portion


def _claim(queue: Any, count: int) -> None:
    while count > 0:
        count -= len(queue.claim(FORMER.bytes, count).partials)


def _portions(count: int) -> Iterator[int]:
    while count > 0:
        yield min(PORTION, count)
        count -= PORTION
