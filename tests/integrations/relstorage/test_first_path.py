"""The way of a job through all processes: put by one, claimed by another, done by a third."""

from __future__ import annotations

import json
import operator
import subprocess
import sys

from tests.integrations.relstorage.conftest import Database
from zcasync.interfaces import COMPLETED


def zcasync(home: object, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "zcasync.cli.main", *arguments, "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_job_that_another_process_has_put_is_done(database: Database, keep_history: bool) -> None:
    instance = database.home().start()

    put = zcasync(instance.home, "put", "operator.add", "--arg", "1", "--arg", "2", "--wait", "30")

    assert put.returncode == 0, put.stderr
    assert json.loads(put.stdout) == 3
    assert instance.stop() == 0


def test_jobs_of_both_queues_are_done(database: Database, keep_history: bool) -> None:
    instance = database.home(children=2).start()

    jobs = [instance.client.put(operator.mul, number, 2) for number in range(20)]
    jobs.append(instance.client.put(operator.neg, 7, queue="reactor"))

    assert instance.client.wait_for(*jobs) == [*range(0, 40, 2), -7]
    assert {job.state for job in jobs} == {COMPLETED}


def test_jobs_that_were_put_while_nobody_worked_are_done_at_the_start(database: Database) -> None:
    instance = database.home().start()
    client = instance.new_client()
    try:
        assert instance.stop() == 0
        job = client.put(operator.add, 40, 2)
        instance.start()

        assert client.wait_for(job) == 42
    finally:
        client.close()


def test_two_hosts_that_start_at_once_make_the_tables_of_an_empty_database(
    database: Database,
) -> None:
    pair = [database.home(name).launch() for name in ("one", "two", "three")]

    for instance in pair:
        instance.wait_until_ready()

    jobs = [pair[0].client.put(operator.neg, number) for number in range(10)]
    assert pair[0].client.wait_for(*jobs) == [-number for number in range(10)]
