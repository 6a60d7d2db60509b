"""Ids of new objects while database servers are killed and started: no two objects have one id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import transaction
from persistent.mapping import PersistentMapping
from ZEO.Exceptions import ClientDisconnected

from tests.processes.servers import Connect, Server
from zcasync.database.opening import open_servers
from zcasync.database.sync import catch_up
from zcasync.testing.waiting import wait_until


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    """Makes connections, each of a client of its own."""
    opened: list[Any] = []

    def open_one() -> Any:
        db = open_servers({"main": [[("127.0.0.1", server.port)], "1"]}, 10.0)
        opened.append(db.open(transaction_manager=transaction.TransactionManager()))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.transaction_manager.abort()
        connection.close()
        connection.db().close()


@pytest.fixture
def restart(server: Server) -> Callable[..., None]:
    """Kills the server and starts the next one; returns when the clients have noticed both."""

    def kill_and_start(*connections: Any) -> None:
        storages = [connection.db().storage for connection in connections]
        before = [storage._connection_generation for storage in storages]
        server.kill()
        server.start()
        for storage, generation in zip(storages, before, strict=True):
            wait_until(
                lambda one=storage, at=generation: one._connection_generation > at,
                "a client to notice",
            )
            wait_until(storage.is_connected, "a client to be connected again")

    return kill_and_start


def is_ours(server: Server) -> bool:
    return server.module == "zcasync.zeo"


def commit(connection: Any) -> None:
    connection.transaction_manager.commit()


def see(connection: Any) -> Any:
    """The root, as others have left it."""
    catch_up(connection.db())
    connection.transaction_manager.begin()
    return connection.root()


def test_object_ids_fetched_before_a_server_was_killed_are_not_used(
    connect: Connect, restart: Any
) -> None:
    storage = (connection := connect()).db().storage
    found = [storage.new_oid() for _ in range(3)]
    restart(connection)
    after = [storage.new_oid() for _ in range(150)]

    assert after == sorted({*after})
    assert found[-1] < after[0] or found == after[:3], "from a new server"


def test_object_ids_on_their_way_when_the_server_is_killed_are_not_used(
    connect: Connect, restart: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect()
    storage = connection.db().storage
    asked = storage._call

    def killed_at_once(*args: Any, **options: Any) -> Any:
        answer = asked(*args, **options)
        monkeypatch.setattr(storage, "_call", asked)
        restart(connection)
        return answer

    monkeypatch.setattr(storage, "_call", killed_at_once)
    found = [storage.new_oid() for _ in range(150)]
    assert found == sorted({*found})


@pytest.mark.parametrize("is_savepoint", [False, True])
def test_new_objects_of_one_transaction_never_have_the_same_id(
    server: Server, connect: Connect, restart: Any, is_savepoint: bool
) -> None:
    connection = connect()
    root = connection.root()
    commit(connection)
    connection.add(one := PersistentMapping())
    if is_savepoint:
        connection.transaction_manager.savepoint()
    restart(connection)
    if is_ours(server):
        connection.add(two := PersistentMapping())
        assert one._p_oid != two._p_oid
        commit(connection)
        return
    with pytest.raises(ClientDisconnected, match="try it again"):
        connection.add(PersistentMapping())
    connection.transaction_manager.abort()
    root["one"] = PersistentMapping()
    commit(connection)


def test_an_object_stored_with_an_earlier_id_is_no_other_clients_new_object(
    server: Server, connect: Connect, restart: Any
) -> None:
    slow, quick = connect(), connect()
    slow.root()["slow"] = made = [PersistentMapping() for _ in range(10)]
    for one in made:
        slow.add(one)
    restart(slow, quick)
    quick.add(PersistentMapping())  # fetches a hundred ids
    if is_ours(server):
        commit(slow)
    else:
        with pytest.raises(ClientDisconnected, match="try it again"):
            commit(slow)
        slow.transaction_manager.abort()
        slow.root()["slow"] = [PersistentMapping() for _ in range(10)]
        commit(slow)

    root = see(quick)
    assert len(root["slow"]) == 10
    root["quick"] = [PersistentMapping() for _ in range(100)]
    commit(quick)
    oids = {one._p_oid for one in [*root["slow"], *root["quick"]]}
    assert len(oids) == 110


def test_a_new_database_begins_with_small_ids(connect: Connect) -> None:
    connection = connect()
    connection.root()["one"] = one = PersistentMapping()
    commit(connection)

    assert int.from_bytes(one._p_oid) < 200
