"""Clients and operators that are killed at their commits: a unique job replaced, one run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.support.instance import ROOT, Client, Instance
from zcasync.interfaces import COMPLETED, PENDING

#: Does one thing in a transaction, and is killed before the vote, behind it, or when it is done.
SCRIPT = """
import os, signal, sys
import transaction
import zcasync
from zcasync import Partial

from zcasync.datamanager import find
from tests.jobs import basic as jobs


def kill(*args):
    os.kill(os.getpid(), signal.SIGKILL)


class Killer:
    transaction_manager = transaction.manager

    def sortKey(self):
        return "~"  # behind the database

    def abort(self, transaction):
        pass

    tpc_begin = commit = tpc_abort = abort
    tpc_vote = tpc_finish = abort


home, what, moment, oid = sys.argv[1:]
db = zcasync.open(home)
connection = db.open()
manager = find(connection)
if what == "replace":
    manager.thread.put(Partial(jobs.echo, "new"), unique="key", if_exists="replace", delay=3600)
else:
    manager.thread.put_again([connection.get(bytes.fromhex(oid))])
killer = Killer()
if moment == "before":
    transaction.get().addBeforeCommitHook(kill)
elif moment == "voted":
    killer.tpc_vote = kill
    transaction.get().join(killer)
else:
    transaction.get().addAfterCommitHook(kill)
transaction.commit()
"""
MOMENTS = ["before", "voted", "finished"]


def run_killed(instance: Instance, what: str, moment: str, oid: bytes) -> None:
    """Do it in a process that is killed."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(instance.home), what, moment, oid.hex()],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done
    instance.client.sync()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_unique_job_is_replaced_wholly_or_not_at_all(
    common: Instance, client: Client, moment: str
) -> None:
    first = client.put(jobs.echo, "old", unique="key", delay=3600)
    count = len(client.manager.thread)
    run_killed(common, "replace", moment, first._p_oid)
    is_new = list(first.args) == ["new"]
    assert is_new == (moment == "finished")
    assert (first.state, len(client.manager.thread)) == (PENDING, count)
    joined = client.put(jobs.echo, "last", unique="key", if_exists="replace")
    assert joined is first
    assert client.wait_for(first) == ("last", {}) or first.state == COMPLETED
    client.wait_until(lambda: len(client.manager.thread) == count - 1, "nothing to be left")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_job_that_is_run_again_by_hand_runs_once_more_or_not(
    common: Instance, client: Client, tmp_path: Path, moment: str
) -> None:
    note = tmp_path / "runs"
    partial = client.put(jobs.note_and_fail, str(note), unique="again")
    client.wait_for(partial)
    run_killed(common, "again", moment, partial._p_oid)
    client.wait_until(lambda: partial.state == COMPLETED, "the end")
    behind = client.put(jobs.nothing)
    client.wait_for(behind)
    assert len(note.read_text()) == (2 if moment == "finished" else 1)
    client.manager.thread.put_again([partial])
    client.commit()
    client.wait_until(lambda: partial.state == COMPLETED and partial.has_result, "the next end")
    assert len(note.read_text()) == (3 if moment == "finished" else 2)
