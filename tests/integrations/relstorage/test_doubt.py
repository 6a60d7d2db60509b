"""Commits in doubt: PostgreSQL ends a connection in the middle of a job's COMMIT."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integrations.relstorage.conftest import Database
from tests.jobs import basic as jobs
from tests.processes.test_storage_away import oids, see_through
from tests.support.gates import Gate
from tests.support.instance import Instance
from zcasync.testing.waiting import wait_until

#: The backends that have committed, and wait for a standby that will never be there.
IN_COMMIT = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'
AND query LIKE '%lock_and_choose_tid_and_move%'
"""
#: Those that have made a session's temporary tables: let them go on.
GO_ON = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
AND wait_event = 'SyncRep' AND query NOT LIKE '%lock_and_choose_tid_and_move%'
"""
#: Those that wait for the lock of a commit that is about to be made.
BEFORE_COMMIT = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
"""
COMMAND = (sys.executable, "-m", "zcasync.cli.main")
END = "SELECT pg_terminate_backend({pid})"


@contextmanager
def waits_for_a_standby(database: Database) -> Iterator[None]:
    """Every commit is written, and its answer is not sent."""
    server = database.server
    server.ask("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    server.ask("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        server.ask("SET synchronous_commit = local; SELECT 1")
        server.ask("ALTER SYSTEM RESET synchronous_standby_names")
        server.ask("SELECT pg_reload_conf()")


def cut_in_commit(database: Database, which: str = IN_COMMIT) -> None:
    """End the one backend that is at its commit."""

    def look() -> list[str]:
        database.ask(GO_ON)
        return database.ask(which).split()

    found = wait_until(look, "a commit")
    for pid in found:
        database.ask(END.format(pid=pid))


def begun(database: Database, gate: Gate, batch: bool) -> tuple[Instance, list[bytes]]:
    """A worker with a job that waits at the gate before it changes anything."""
    instance = database.home().start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    wanted = oids([client.put(counter.add_at_gate, gate.path, batch=batch)])
    gate.wait_for()
    instance.close_client()
    return instance, wanted


def value(instance: Instance) -> Any:
    """What the job has counted."""
    return instance.client.main.root()["counter"].value


@pytest.mark.parametrize("batch", [False, True], ids=["alone", "in-a-group"])
def test_a_job_whose_commit_is_stored_and_unanswered_is_not_done_again(
    own_database: Database, keep_history: bool, gate: Gate, batch: bool
) -> None:
    instance, wanted = begun(own_database, gate, batch)

    with waits_for_a_standby(own_database):
        gate.open()
        cut_in_commit(own_database)

    assert see_through(instance, wanted) == [1]
    assert value(instance) == 1
    assert len(gate.arrivals()) == 1


@pytest.mark.parametrize("batch", [False, True], ids=["alone", "in-a-group"])
def test_a_job_whose_connection_is_cut_right_before_its_commit_is_done_again(
    own_database: Database, keep_history: bool, gate: Gate, batch: bool
) -> None:
    instance, wanted = begun(own_database, gate, batch)

    with own_database.server.holding(own_database.name, "SELECT pg_advisory_lock(-1)"):
        gate.open()
        cut_in_commit(own_database, BEFORE_COMMIT)

    assert see_through(instance, wanted) == [1]
    assert value(instance) == 1
    assert len(gate.arrivals()) == 2


def test_a_put_whose_commit_is_stored_and_unanswered_is_put_once(own_database: Database) -> None:
    instance = own_database.home(children=0).start()
    with waits_for_a_standby(own_database):
        put = subprocess.Popen(
            [*COMMAND, "put", "operator.add", "--arg", "1", "--home", str(instance.home)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        cut_in_commit(own_database)
    out, error = put.communicate(timeout=60)

    assert put.returncode == 0, error + instance.log
    assert out.startswith("0x")
    assert len(instance.client.manager.thread) == 1
