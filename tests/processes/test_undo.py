"""Undoing what a worker has committed, through the database server of a home."""

from __future__ import annotations

import signal
from base64 import encodebytes
from datetime import UTC, datetime, timedelta

import pytest
from ZODB.POSException import UndoError

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.interfaces import COMPLETED
from zcasync.partial import Partial
from zcasync.testing.waiting import wait_until


def undo(client: Client, tid: bytes) -> None:
    """As an operator does, in a client of the database."""
    client.sync()
    transactions = client.connection.transaction_manager
    client.connection.db().undo(encodebytes(tid).rstrip(), transactions.get())
    try:
        client.commit()
    finally:
        transactions.abort()


def is_retired(client: Client, partial: Partial) -> bool:
    client.sync()
    return any(partial in worker.completed for worker in client.manager.workers.values())


@pytest.mark.parametrize("batch", [False, True])
def test_the_completion_of_a_retired_job_cannot_be_undone(client: Client, batch: bool) -> None:
    counter = client.add(f"undone {batch}", jobs.Counter())
    partial = client.manager.thread.put(Partial(counter.add, 5), batch=batch)
    client.commit()
    assert client.wait_for(partial) == 5
    counter._p_activate()
    completion = counter._p_serial
    wait_until(lambda: is_retired(client, partial), "the job is retired")
    with pytest.raises(UndoError):
        undo(client, completion)
    client.sync()
    assert (partial.state, counter.value) == (COMPLETED, 5)


def test_a_completion_that_is_undone_before_its_job_is_retired_is_made_again(
    common: Instance, client: Client, gate: Gate
) -> None:
    """The child completes the job while its supervisor, which would retire it, is frozen."""
    counter = client.add("undone at once", jobs.Counter())
    partial = client.put(counter.add_at_gate, gate.path, 7)
    gate.wait_for()
    common.send(signal.SIGSTOP)
    try:
        gate.open()
        assert client.wait_for(partial) == 7
        counter._p_activate()
        undo(client, counter._p_serial)
        client.sync()
        assert counter.value == 0
    finally:
        common.send(signal.SIGCONT)
    assert client.wait_for(partial) == 7
    counter._p_activate()
    assert counter.value == 7
    assert len(gate.arrivals()) == 2, "it was called again"


def test_a_put_for_later_can_be_undone_until_a_worker_has_looked_at_it(client: Client) -> None:
    """What is left of a put would keep the ones behind it from ever being seen."""
    later = datetime.now(UTC) + timedelta(hours=5)
    kept = client.put(jobs.echo, 1, begin_after=later)
    client.put(jobs.echo, 2, begin_after=later)
    second = client.connection.root()._p_jar.db().lastTransaction()
    client.wait_for(client.put(jobs.echo, 3))  # a pass has read on
    with pytest.raises(UndoError):
        undo(client, second)
    assert client.wait_for(client.put(jobs.echo, 4))
    client.sync()
    waiting = list(client.manager.thread)
    assert kept in waiting
    assert len(waiting) == len(client.manager.thread)
    for partial in waiting:
        client.manager.thread.withdraw(partial)
    client.commit()
