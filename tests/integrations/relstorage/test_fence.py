"""What is still done for an engine that was buried, and what stands still in its commit."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil

from tests.integrations.relstorage.conftest import Database
from tests.jobs import basic as jobs
from tests.jobs import escapes, relational
from tests.processes.test_fence import tried_once_buried
from tests.processes.test_storage_away import oids, see_through
from tests.support.gates import Gate
from zcasync.relstorage.sessions import STILL_SECONDS
from zcasync.testing.waiting import wait_until


def test_no_code_of_a_child_commits_once_its_engine_is_buried(
    database: Database, gate: Gate, tmp_path: Path
) -> None:
    instance = database.home().start()
    client = instance.client
    root = client.main.root()
    root["before"] = 1
    client.transactions.get().note(escapes.UNDONE)
    client.commit()
    outcomes = tried_once_buried(instance, gate, tmp_path / "report")

    assert escapes.ESCAPED not in root
    assert "before" in root
    refused = ("FencedError", "ConflictError", "ReadConflictError", "CacheHasNewerTidError")
    assert list(outcomes) == [way.__name__ for way in escapes.IN_A_CHILD]
    left = {way: how for way, how in outcomes.items() if not how.startswith(refused)}
    assert left == {}, left
    instance.stop()


def test_a_commit_that_stands_still_is_ended_and_holds_nobody_up(
    database: Database, keep_history: bool, gate: Gate
) -> None:
    """A child freezes between its vote and the end, with the locks of what it has changed."""
    instance = database.home().start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    wanted = oids([client.put(relational.stand_still, counter, gate.path)])
    pid = gate.wait_for()
    os.kill(pid, signal.SIGSTOP)
    child = psutil.Process(pid)
    wait_until(lambda: child.status() == psutil.STATUS_STOPPED, "all its threads to stand still")
    try:
        gate.open()
        began = time.monotonic()
        wait_until(lambda: not database.ask(IDLE), "its session to be ended", STILL_SECONDS * 3)
        assert time.monotonic() - began > STILL_SECONDS / 2
        counter.value = 10  # which it has changed, too
        client.commit()
    finally:
        os.kill(pid, signal.SIGCONT)

    assert see_through(instance, wanted) == [11]


#: A commit that stands still.
IDLE = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database()
AND state = 'idle in transaction' AND application_name = 'RS: Store'
"""


def test_a_copy_of_a_child_leaves_its_connections_alone(database: Database) -> None:
    instance = database.home().start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())

    results = [client.wait_for(client.put(relational.fork_and_load, counter)) for _ in range(3)]

    assert results == [1, 2, 3]
    assert len(instance.child_pids()) == 1
