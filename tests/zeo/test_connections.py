"""Facts about databases and their connections that ZODB keeps in private attributes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from ZEO.ClientStorage import ClientStorage
from ZODB import DB
from ZODB.MappingStorage import MappingStorage

from tests.processes.servers import Server
from zcasync.testing.waiting import wait_until
from zcasync.zeo.connections import is_usable, server_sockets


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder)
    try:
        yield made.start()
    finally:
        made.stop()


def test_a_database_that_is_closed_is_not_usable() -> None:
    databases: dict[str, DB] = {}
    main = DB(MappingStorage(), databases=databases, database_name="main")
    other = DB(MappingStorage(), databases=databases, database_name="other")
    assert is_usable(main)
    other.close()
    assert not is_usable(main)
    main.close()
    assert not is_usable(main)


def test_the_socket_of_a_client_is_the_one_that_it_uses_now(server: Server) -> None:
    db = DB(ClientStorage(("127.0.0.1", server.port), wait_timeout=30))
    plain = DB(MappingStorage())
    [first] = server_sockets([db, plain])
    assert _port_of(first) == server.port
    server.kill()
    wait_until(lambda: not server_sockets([db]), "the loss to be noticed")
    server.start()
    [again] = wait_until(lambda: server_sockets([db]), "the connection to be there again")
    assert _port_of(again) == server.port
    db.close()
    assert server_sockets([db]) == set()


def _port_of(number: int) -> int:
    with socket.fromfd(number, socket.AF_INET, socket.SOCK_STREAM) as found:
        return int(found.getpeername()[1])
