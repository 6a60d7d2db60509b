"""Our ZEO server: a client that is cut off in the middle of a commit holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from persistent.mapping import PersistentMapping
from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ClientDisconnected
from ZODB.Connection import TransactionMetaData
from ZODB.utils import p64, z64
from zodbpickle import pickle

from tests.chaos.points import FINISHING, TORMENT, VARIABLE, Point, Traps
from tests.processes.servers import Server
from tests.support.instance import ROOT
from zcasync.testing.waiting import wait_until

RECORD = pickle.dumps(PersistentMapping, 3) + pickle.dumps({}, 3)


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder, [ROOT], transaction_timeout=1, module="zcasync.zeo")
    try:
        yield made.start()
    finally:
        made.stop()


def voted(storage: ClientStorage) -> TransactionMetaData:
    """A transaction with one new object, after its vote."""
    transaction = TransactionMetaData()
    storage.tpc_begin(transaction)
    storage.store(storage.new_oid(), z64, RECORD, "", transaction)
    storage.tpc_vote(transaction)
    return transaction


def test_a_client_that_is_cut_off_after_its_vote_lets_the_others_commit(server: Server) -> None:
    stuck, other = (ClientStorage(("127.0.0.1", server.port)) for _ in range(2))
    done = threading.Event()

    def commit() -> None:
        other.tpc_finish(voted(other))
        done.set()

    try:
        transaction = voted(stuck)
        waiting = threading.Thread(target=commit, daemon=True)
        waiting.start()
        assert done.wait(30)
        with pytest.raises(ClientDisconnected):
            stuck.tpc_finish(transaction)
        stuck.tpc_abort(transaction)
        stuck.tpc_finish(voted(stuck))  # it can go on with a new one
    finally:
        stuck.close()
        other.close()


def test_clients_are_let_in_again_after_a_server_died_in_the_last_step_of_a_commit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traps = Traps(folder / "traps")
    monkeypatch.setenv(VARIABLE, str(traps.folder))
    server = Server(folder, [TORMENT, ROOT], module="zcasync.zeo").start()
    unlucky, other = (ClientStorage(("127.0.0.1", server.port)) for _ in range(2))
    try:
        unlucky.tpc_finish(voted(unlucky))
        wait_until(lambda: other.lastTransaction() == unlucky.lastTransaction(), "the news")
        other.load(p64(1))  # a client that knows nothing is let in by any server
        transaction = voted(unlucky)
        traps.arm(Point("server", "any", FINISHING), "kill")
        with pytest.raises(ClientDisconnected):
            unlucky.tpc_finish(transaction)
        wait_until(lambda: not server.is_alive, "the server's end")
        wait_until(lambda: not other.is_connected(), "the other client to notice")
        server.start()  # takes the commit off the file, and still knows its time
        server.kill()
        server.start()
        for each in (unlucky, other):
            wait_until(each.is_connected, "a client to be let in")
        unlucky.tpc_abort(transaction)
        for each in (unlucky, other):
            each.tpc_finish(voted(each))
    finally:
        unlucky.close()
        other.close()
        server.stop()
