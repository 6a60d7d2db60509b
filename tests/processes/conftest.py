"""Supervisors for the tests with real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import transaction

from tests.chaos.points import TORMENT, VARIABLE, Traps
from tests.jobs.acts.scene import Scene
from tests.processes.servers import Connect, Server, database_server, own_server
from tests.support.audits import audited
from tests.support.instance import ROOT, Client, Instance, running, short_folder
from tests.support.stages import Stage, end
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
def traps(tmp_path: Path) -> Traps:
    """Traps for the processes of the test."""
    return Traps(tmp_path / "traps")


@pytest.fixture
def make_trapped(make_instance: Callable[..., Instance], traps: Traps) -> Callable[..., Instance]:
    """Return a function that makes a supervisor whose processes know the traps."""

    def make(**options: Any) -> Instance:
        instance = make_instance(**options)
        instance.import_path = [TORMENT, ROOT]
        instance.environment[VARIABLE] = str(traps.folder)
        return instance

    return make


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


@pytest.fixture(scope="module")
def common_stage() -> Iterator[Stage]:
    """A stage that the acts of a module share."""
    with short_folder() as folder, audited(folder):
        made = Stage(folder)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def stage(common_stage: Stage) -> Iterator[Stage]:
    """It, begun anew where the test fails."""
    common_stage.is_good = False
    yield common_stage
    if not common_stage.is_good:
        common_stage.strike()


@pytest.fixture
def scene(stage: Stage, tmp_path: Path) -> Iterator[Scene]:
    """The scene of one act on it; the processes that the act leaves on purpose end with it."""
    made = stage.set(tmp_path)
    yield made
    end([psutil.Process(pid) for pid in made.noted_processes() if psutil.pid_exists(pid)])
