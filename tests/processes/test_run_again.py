"""Run again, with real processes: at once after the end, in bulk, and what cannot be loaded."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from ZODB.POSException import ConflictError

from tests.jobs import basic as jobs
from tests.processes.test_cancel import zcasync
from tests.support.instance import Client, Instance
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.job.ids import id_of
from zcasync.partial import Partial


def retry(client: Client, partial: Partial) -> None:
    """Run it again, as an application does that repeats what conflicts: it may be retired now."""
    while True:
        try:
            partial.retry()
            client.commit()
        except ConflictError:
            client.transactions.abort()
        else:
            return


@pytest.mark.parametrize("children", [1, 2])
def test_a_job_runs_again_right_after_each_of_its_ends(
    make_instance: Callable[..., Instance], children: int
) -> None:
    instance = make_instance(children=children).start()
    client = instance.client
    partials = client.put_many(jobs.echo, 3)
    for number in range(10):
        for partial in partials:
            partial.wait(30)
            retry(client, partial)
        assert all(one.state in (PENDING, ACTIVE, COMPLETED) for one in partials), number
    for partial in partials:
        partial.wait(30)
        assert partial.get() == ((), {})
    client.wait_until(lambda: not list(instance.worker().thread), "all to be retired")
    assert sorted(map(id_of, instance.worker().completed)) == sorted(map(id_of, partials))
    done = zcasync(instance.home, "check", "--deep", "--json")
    assert json.loads(done.stdout)["deep"]["findings"] == []


def test_many_jobs_run_again_beside_a_supervisor_that_is_killed_meanwhile(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=2).start()
    client = instance.client
    partials = client.manager.thread.put_many([Partial(jobs.raise_text, "no") for _ in range(200)])
    client.commit()
    client.wait_for(*partials)
    for _ in range(3):
        done = zcasync(instance.home, "retry", "--failed", "--json")
        told = json.loads(done.stdout)
        assert told["retried"] or told["refused"]
        instance.kill()
        instance.start()
        client = instance.client
    client.wait_until(
        lambda: not len(client.manager.thread) and not list(instance.worker().thread), "all"
    )
    found = [client.connection.get(one._p_oid) for one in partials]
    assert all(one.state == COMPLETED and one.failed_before for one in found)
    assert len(instance.worker().completed) == 200
    done = zcasync(instance.home, "check", "--deep", "--json")
    assert json.loads(done.stdout)["deep"]["findings"] == []
