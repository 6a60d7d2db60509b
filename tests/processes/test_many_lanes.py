"""The lanes of very many clients are loaded with few questions, and those without jobs skipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.processes.servers import Connect
from tests.processes.test_bulk_load import Reader
from tests.support.sessions import ONE
from zcasync.database.sync import catch_up
from zcasync.datamanager import find, install
from zcasync.queues.client_lane import CLIENT_LANES
from zcasync.reports.workers import queues
from zcasync.supervisor.poll.clocks import Clocks
from zcasync.supervisor.poll.environment import Environment

CLIENTS = 120
#: To load the lanes one by one it would be three for each client.
FEW_QUESTIONS = 80


@pytest.fixture
def crowd(connect: Connect) -> Any:
    """The data manager, in which each of many clients has put two jobs."""
    connection = connect()
    manager = install(connection)
    connection.transaction_manager.commit()
    for _ in range(CLIENTS):
        if hasattr(connection, CLIENT_LANES):
            delattr(connection, CLIENT_LANES)  # as another client's
        manager.thread.put_many([print, print])
        connection.transaction_manager.commit()
    return manager


@pytest.mark.parametrize(
    "look",
    [
        lambda manager: len(manager.thread),
        lambda manager: manager.thread.count_held(),
        queues,
        lambda manager: next(iter(manager.thread)),
        lambda manager: manager.thread.claim(ONE.bytes, 20),
        lambda manager: Clocks(Environment()).look(manager),
    ],
    ids=["len", "held", "status", "first", "claim", "clocks"],
)
def test_whoever_looks_at_all_lanes_asks_few_questions(
    connect: Connect, crowd: Any, monkeypatch: pytest.MonkeyPatch, look: Callable[[Any], object]
) -> None:
    reader = Reader(connect(), monkeypatch)
    reader.begin()
    if not reader.is_ours:
        pytest.skip("this server answers for one record at a time")
    look(find(reader.connection))
    assert reader.questions < FEW_QUESTIONS


def test_a_claim_over_many_lanes_takes_the_oldest_and_loads_these_together(
    connect: Connect, crowd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(connect(), monkeypatch)
    reader.begin()
    if not reader.is_ours:
        pytest.skip("this server answers for one record at a time")
    manager: Any = find(reader.connection)
    manager.thread.claim(ONE.bytes, 1)
    reader.begin()
    reader.questions = 0
    claimed = manager.thread.claim(ONE.bytes, 40)
    assert reader.questions < 20, "one or two would be for each of them"
    puts = [partial.due for partial in claimed.partials]
    assert puts == sorted(puts)
    assert puts == sorted(partial.due for partial in crowd.thread)[:40]


def test_nothing_is_missed_in_a_lane_between_empty_ones(connect: Connect, crowd: Any) -> None:
    connection = connect()
    manager: Any = find(connection)
    while some := manager.thread.claim(ONE.bytes, 100).partials:
        for partial in some:
            partial.forget()  # in place of all that a worker does with it
        connection.transaction_manager.commit()
    connection.transaction_manager.commit()
    assert len(manager.thread) == 0
    assert manager.thread.next_due(ONE.bytes) is None
    transactions = crowd._p_jar.transaction_manager
    transactions.begin()
    late = crowd.thread.put(print)
    transactions.commit()
    catch_up(connection.db())  # what is committed may not be heard of yet
    connection.transaction_manager.begin()
    assert manager.thread.next_due(ONE.bytes) is not None
    assert [one._p_oid for one in manager.thread.claim(ONE.bytes, 5).partials] == [late._p_oid]
    connection.transaction_manager.abort()
