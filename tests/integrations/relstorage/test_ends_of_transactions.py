"""The end of a transaction is no error where the server has crashed, as with ZEO."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integrations.relstorage.conftest import Database
from zcasync.relstorage.lost import ServerLost


@pytest.mark.leaves("anything")
def test_an_abort_after_a_crash_of_the_server(own_database: Database) -> None:
    instance = own_database.home(children=0).start()
    client = instance.new_client()
    try:
        assert instance.stop() == 0
        client.sync()
        assert client.manager.workers
        for pid in own_database.server.backends(own_database.name):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(ServerLost):
            client.connection.get(b"\0" * 7 + b"\x7f")

        client.transactions.abort()
        own_database.server.stop()
        own_database.server.start()
        client.sync()
        assert client.manager.workers
    finally:
        client.close()
