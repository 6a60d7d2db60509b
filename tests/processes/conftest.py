"""Supervisors for the tests with real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction

from tests.processes.servers import Connect, Server, database_server, own_server
from tests.support.instance import ROOT, Client, Instance, running
from zcasync.database.opening import open_servers


@pytest.fixture(scope="package")
def common_instance() -> Iterator[Instance]:
    with running() as instance:
        yield instance


@pytest.fixture
def common(common_instance: Instance) -> Instance:
    """A supervisor with two children that the tests share: none of them ends it."""
    assert common_instance.is_alive, common_instance.evidence()
    worker = common_instance.worker()
    worker.thread.size, worker.reactor.size = 2, 4
    common_instance.client.commit()
    common_instance.wait_for_children(2)
    return common_instance


@pytest.fixture
def client(common: Instance) -> Client:
    """A client of the shared supervisor's database."""
    common.client.sync()
    return common.client


@pytest.fixture(params=["ZEO.runzeo", "zcasync.zeo"])
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[Server]:
    """A server as operators run it, which can be stopped and started again."""
    made = Server(folder, [ROOT], module=request.param)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(params=["embedded", "runzeo"])
def address(request: pytest.FixtureRequest, folder: Path) -> Iterator[Any]:
    """Where a server listens: ours, or ZEO's own, which can read no commit in one message."""
    if request.param == "embedded":
        with own_server(folder) as path:
            yield path
    else:
        with database_server(folder) as port:
            yield ("127.0.0.1", port)


@pytest.fixture
def connect(address: Any) -> Iterator[Connect]:
    """Makes connections to the server, each of a client of its own."""
    opened: list[Any] = []

    def open_one() -> Any:
        db = open_servers({"main": [[address], "1"]}, 30.0)
        connection = db.open(transaction_manager=transaction.TransactionManager())
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.transaction_manager.abort()
        connection.close()
        connection.db().close()
