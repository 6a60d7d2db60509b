"""Supervisors on RelStorage begin jobs as soon as they are put, or soon after."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path

from tests.integrations.relstorage.conftest import Database
from tests.integrations.relstorage.test_listening import listening
from tests.support.instance import Client, Instance
from zcasync import clock
from zcasync.partial import Partial
from zcasync.queues.partial_queue import PartialQueue
from zcasync.relstorage.storages import adapter_of
from zcasync.testing.waiting import wait_until

#: Seconds; far above what a job should wait, and far below a pass that nothing has woken.
FAR_ABOVE = 30.0
SQLITE = """
%import relstorage
<zodb>
  <relstorage>
    keep-history false
    <sqlite3>
      data-dir {folder}
    </sqlite3>
  </relstorage>
</zodb>
"""


def seldom(instance: Instance) -> Instance:
    """Start it; no pass comes by itself."""
    instance.start()
    instance.worker().poll_seconds = 600
    instance.client.commit()
    return instance


def start_seconds(client: Client, queue: PartialQueue) -> float:
    """How long after its commit a job begins."""
    job = queue.put(Partial(operator.add, 1, 2))
    client.commit()
    committed = clock.now()
    assert client.wait_for(job) == 3
    return (job._started - committed) / 1e6


def test_a_supervisor_hears_of_jobs(database: Database, keep_history: bool) -> None:
    instance = seldom(database.home())
    queue = instance.client.manager.thread

    assert max(start_seconds(instance.client, queue) for _ in range(3)) < FAR_ABOVE
    assert instance.status()["wakeup"] == "push"


def test_a_supervisor_whose_listening_connection_was_cut_hears_of_jobs(database: Database) -> None:
    instance = seldom(database.home())
    queue = instance.client.manager.thread
    wait_until(lambda: instance.status()["wakeup"] == "push", "it to listen")
    for pid in listening(database):
        database.ask(f"SELECT pg_terminate_backend({pid})")

    assert start_seconds(instance.client, queue) < FAR_ABOVE
    wait_until(lambda: instance.status()["wakeup"] == "push", "it to listen again")
    assert start_seconds(instance.client, queue) < FAR_ABOVE


def test_jobs_of_clients_that_do_not_ring_begin_soon(database: Database) -> None:
    instance = seldom(database.home())
    client = instance.client
    queue = client.manager.thread
    del adapter_of(client.db).mover.store_temps

    def is_looking() -> bool:
        assert start_seconds(client, queue) < FAR_ABOVE
        return instance.status()["wakeup"] == "poll"  # type: ignore[no-any-return]

    wait_until(is_looking, "it to look for jobs")
    assert start_seconds(client, queue) < FAR_ABOVE


def test_a_wait_for_a_result_hears_of_its_end(database: Database) -> None:
    client = seldom(database.home()).client
    job = client.put(operator.add, 1, 2)

    assert job.get(timeout=FAR_ABOVE) == 3


def test_sqlite_tells_of_nothing_and_jobs_begin_soon(
    tmp_path: Path, make_instance: Callable[..., Instance]
) -> None:
    instance = seldom(make_instance("home", 1, SQLITE.format(folder=tmp_path / "sqlite")))
    queue = instance.client.manager.thread

    assert instance.status()["wakeup"] == "poll"
    assert max(start_seconds(instance.client, queue) for _ in range(3)) < FAR_ABOVE
