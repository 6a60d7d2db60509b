"""Attribution: what real workers commit says which job it is of, in every database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import attributed
from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER_TWICE, database_server
from tests.support.instance import SHORT, Client, Instance
from zcasync.job.ids import id_of
from zcasync.partial import Partial
from zcasync.reports.transactions import committed


def newest(obj: Any) -> dict[str, Any]:
    """The last revision of an object."""
    found: dict[str, Any] = obj._p_jar.db().history(obj._p_oid, size=1)[0]
    return found


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_workers_commits_name_the_job(common: Instance, client: Client, queue: str) -> None:
    counter = client.add(f"attributed {queue}", jobs.Counter())
    partial = client.put(attributed.commit_and_go_on, counter, queue=queue)
    client.wait_for(partial)
    found = newest(counter)
    worker = common.worker().UUID
    assert found["zcasync"] == f"{queue} {worker} {id_of(partial)}:1"
    assert (
        found["description"] == f"zcasync {id_of(partial)} tests.jobs.attributed.commit_and_go_on"
    )
    listed = committed(partial)["transactions"]
    assert [one["attempt"] for one in listed] == [1, 1]
    assert listed[-1]["tid"] == f"0x{client.completion(partial).hex()}"


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_detached_job_signs_what_it_commits_without_a_connection(
    common: Instance, client: Client, queue: str
) -> None:
    call = Partial(attributed.commit_without_connection, str(common.home))
    partial = client.manager.queue(queue).put(call, detached=True)
    client.commit()
    count = client.wait_for(partial)
    assert count == client.main.root()["attributed"]
    identity = f"{queue} {common.worker().UUID} {id_of(partial)}:1"
    assert newest(client.main.root())["zcasync"] == identity
    # Its start, what it has committed on its way, and its end.
    assert [one["attempt"] for one in committed(partial)["transactions"]] == [1, 1, 1]


def test_what_twist_commits_for_a_job_names_the_job(common: Instance, client: Client) -> None:
    counter = client.add("twisted", jobs.Counter())
    partial = client.put(attributed.twist_within, counter)
    assert client.wait_for(partial) == 1
    assert newest(counter)["zcasync"].endswith(f" {id_of(partial)}:1")
    assert len(committed(partial)["transactions"]) == 2


def test_an_attempt_that_follows_a_death_is_not_the_first(client: Client, gate: Any) -> None:
    partial = client.put(jobs.kill_after_arrival, gate.path)
    assert client.wait_for(partial) == "survived"
    assert [one["attempt"] for one in committed(partial)["transactions"]] == [4]


def test_in_each_database_the_job_is_named(
    folder: Path, make_instance: Callable[..., Instance]
) -> None:
    with database_server(folder) as port:
        instance = make_instance(config=AT_SERVER_TWICE.format(port=port) + SHORT).start()
        client = instance.client
        counter = client.add("counter", jobs.Counter())
        partial = client.put(attributed.commit_and_go_on, counter)
        assert client.wait_for(partial) == 2
        identity = f"thread {instance.worker().UUID} zc.async:{id_of(partial).split(':')[1]}:1"
        for entry in counter._p_jar.db().history(counter._p_oid, size=2):
            assert entry["zcasync"] == identity
        listed = committed(partial)["transactions"]
        # The commit on the way is one in both: the job's own connection takes part in each.
        assert {one["database"] for one in listed} == {"main", "zc.async"}
        assert instance.stop() == 0
