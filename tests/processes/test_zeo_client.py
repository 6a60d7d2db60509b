"""Commits in one message: to the embedded default's server, and as ever to any other one."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import transaction
from persistent.mapping import PersistentMapping
from ZEO.Exceptions import ServerException
from ZODB.POSException import ConflictError, ReadConflictError

from tests.processes.servers import Connect
from zcasync.database.sync import catch_up
from zcasync.database.sync import commit as commit_and_tell
from zcasync.zeo.client import COMMIT, PART_BYTES, PART_MESSAGES, TOGETHER, VOTE


def commit(connection: Any) -> None:
    connection.transaction_manager.commit()


def begin(connection: Any) -> None:
    catch_up(connection.db())
    connection.transaction_manager.begin()


def questions(connection: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the client's protocol will ask, by the names; of a commit the question behind it."""
    protocol, found = connection.db().storage._server.client.protocol, []
    original = protocol.call_sync

    def noted(method: str, args: Any, *more: Any) -> Any:
        found.append(args[1] if method == TOGETHER else method)
        return original(method, args, *more)

    monkeypatch.setattr(protocol, "call_sync", noted)
    return found


def says(connection: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the client will say and ask, by the names of the messages."""
    server, found = connection.db().storage._server, []
    for name in ("async_", "call"):
        original = getattr(server, name)

        def noted(method: str, *args: Any, original: Any = original, **options: Any) -> Any:
            found.append(method)
            return original(method, *args, **options)

        monkeypatch.setattr(server, name, noted)
    return found


def test_a_commit_is_there_for_other_clients(connect: Connect) -> None:
    one, two = connect(), connect()
    root = one.root()
    root["many"] = [PersistentMapping({"number": number}) for number in range(PART_MESSAGES + 7)]
    root["large"] = [PersistentMapping({"data": b"x" * (PART_BYTES // 2)}) for _ in range(4)]
    commit(one)

    begin(two)
    assert [found["number"] for found in two.root()["many"]] == list(range(PART_MESSAGES + 7))
    assert [len(found["data"]) for found in two.root()["large"]] == [PART_BYTES // 2] * 4
    two.root()["many"][3]["number"] = "changed"
    commit(two)
    begin(one)
    assert root["many"][3]["number"] == "changed"


@pytest.mark.parametrize("address", ["embedded"], indirect=True)
def test_a_small_commit_is_one_question(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect()
    asked = questions(connection, monkeypatch)
    connection.root()["one"] = PersistentMapping()
    commit(connection)

    assert [question for question in asked if question != "new_oids"] == [COMMIT]


@pytest.mark.parametrize("address", ["embedded"], indirect=True)
def test_a_commit_with_other_participants_has_two_phases(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect()
    asked = questions(connection, monkeypatch)
    connection.transaction_manager.get().join(Companion(connection.transaction_manager))
    connection.root()["one"] = PersistentMapping()
    commit(connection)

    assert [one for one in asked if one != "new_oids"] == [VOTE, "tpc_finish"]


@pytest.mark.parametrize("address", ["embedded"], indirect=True)
def test_a_client_that_wants_to_know_is_notified_as_soon_as_a_commit_is_there(
    connect: Connect,
) -> None:
    connection, other = connect(), connect()
    told = []
    connection.root()["one"] = 1

    def hear(tid: bytes) -> None:
        told.append((tid, connection.root()._p_serial, threading.current_thread()))

    is_written, tid = commit_and_tell(connection, hear)

    ((heard, serial, thread),) = told
    assert is_written
    assert heard == tid == connection.root()._p_serial != serial, "before its own thread knew"
    assert thread is not threading.current_thread()
    begin(other)
    assert other.root()["one"] == 1
    other.root()["one"] = 2
    commit(other)

    connection.transaction_manager.begin()
    connection.root()["one"] = 3
    connection.root()._p_serial = serial
    with pytest.raises(ConflictError):
        commit_and_tell(connection, hear)
    connection.transaction_manager.abort()
    connection.root()["one"] = 4
    commit(connection)
    assert len(told) == 1, "neither what is refused, nor what others commit"


@pytest.mark.parametrize("address", ["embedded"], indirect=True)
def test_a_commit_with_two_phases_is_announced_at_its_end_only(connect: Connect) -> None:
    connection = connect()
    connection.transaction_manager.get().join(Companion(connection.transaction_manager))
    connection.root()["one"] = 1
    commit_and_tell(connection, lambda tid: pytest.fail("it may still be taken back"))


@pytest.mark.parametrize("address", ["embedded"], indirect=True)
def test_a_client_that_freezes_behind_its_vote_holds_no_other_up(connect: Connect) -> None:
    frozen, other = connect(), connect()
    frozen.root()["frozen"] = PersistentMapping()
    transaction = frozen.transaction_manager.get()
    for phase in (frozen.tpc_begin, frozen.commit, frozen.tpc_vote):
        phase(transaction)

    begin(other)
    assert list(other.root()) == ["frozen"], "it is committed"
    other.root()["other"] = PersistentMapping()
    commit(other)
    frozen.tpc_finish(transaction)
    begin(frozen)
    assert sorted(frozen.root()) == ["frozen", "other"]


def test_other_connections_of_the_same_client_are_notified_of_a_commit(connect: Connect) -> None:
    one = connect()
    two = one.db().open(transaction_manager=transaction.TransactionManager())
    assert dict(two.root()) == {}
    for number in range(20):
        one.root()["number"] = number
        commit(one)
        two.transaction_manager.begin()
        assert two.root()["number"] == number
    two.close()


def test_a_commit_that_is_interrupted_when_it_is_there_stays_there(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect()
    connection.root()["kept"] = 1
    monkeypatch.setattr(connection, "tpc_finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        commit(connection)
    monkeypatch.undo()
    connection.transaction_manager.abort()
    begin(connection)
    is_there = connection.root().get("kept") == 1
    connection.root()["more"] = 2
    commit(connection)

    other = connect()
    begin(other)
    assert ("kept" in other.root(), other.root()["more"]) == (is_there, 2)


def interrupted(transaction: Any) -> None:
    """Stands for a finish that a signal's handler breaks off."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("address", ["runzeo"], indirect=True)
def test_another_server_gets_the_messages_of_zeo(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect()
    said = says(connection, monkeypatch)
    connection.root()["one"] = PersistentMapping()
    commit(connection)

    expected = ["tpc_begin", "storea", "storea", "vote"]
    assert [method for method in said if method not in ("new_oids", "iterator_gc")] == expected


def test_two_clients_that_write_the_same_object_conflict(connect: Connect) -> None:
    one, two = connect(), connect()
    one.root()["shared"] = PersistentMapping()
    commit(one)
    begin(two)
    two.root()["shared"]["by"] = "two"
    one.root()["shared"]["by"] = "one"
    commit(one)

    with pytest.raises(ConflictError):
        commit(two)
    two.transaction_manager.abort()
    assert two.root()["shared"]["by"] == "one"
    two.root()["shared"]["by"] = "two"
    commit(two)


def test_an_object_that_must_be_current_is_checked(connect: Connect) -> None:
    one, two = connect(), connect()
    one.root()["token"], one.root()["data"] = PersistentMapping(), PersistentMapping()
    commit(one)
    begin(two)
    two.root()["data"]["by"] = "two"
    assert dict(two.root()["token"]) == {}
    two.readCurrent(two.root()["token"])
    one.root()["token"]["is"] = "another one"
    commit(one)

    with pytest.raises(ReadConflictError):
        commit(two)
    two.transaction_manager.abort()
    assert dict(two.root()["data"]) == {}


class Companion:
    """Takes part in a transaction, too."""

    def __init__(self, transactions: Any) -> None:
        self.transaction_manager = transactions

    def sortKey(self) -> str:
        return "~ behind all others"

    def commit(self, txn: Any) -> None:
        pass

    tpc_begin = tpc_vote = tpc_finish = abort = tpc_abort = commit


class Spoilsport(Companion):
    """Refuses after the storage has been told of it."""

    def commit(self, txn: Any) -> None:
        raise ZeroDivisionError


class LateSpoilsport(Companion):
    """Refuses when all others have voted."""

    def tpc_vote(self, txn: Any) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize("count", [1, PART_MESSAGES + 7])
@pytest.mark.parametrize("spoilsport", [Spoilsport, LateSpoilsport])
def test_a_commit_that_ends_before_the_finish_leaves_nothing(
    connect: Connect, count: int, spoilsport: type[Companion]
) -> None:
    connection, other = connect(), connect()
    connection.root()["lost"] = [PersistentMapping() for _ in range(count)]
    connection.transaction_manager.get().join(spoilsport(connection.transaction_manager))
    with pytest.raises(ZeroDivisionError):
        commit(connection)
    connection.transaction_manager.abort()

    connection.root()["kept"] = PersistentMapping()
    commit(connection)
    begin(other)
    assert list(other.root()) == ["kept"]


@pytest.mark.parametrize("address", ["embedded"], indirect=True)
def test_only_messages_of_a_commit_are_read(connect: Connect) -> None:
    storage = connect().db().storage
    with pytest.raises(ServerException, match="another request among the messages"):
        storage._server.call(TOGETHER, [("pack", (0.0,))])
