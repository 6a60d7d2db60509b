"""The sizes of a worker, changed from another process while jobs wait and run."""

from __future__ import annotations

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance


def test_thread_jobs_pause_at_size_0_and_go_on_with_as_many_children_as_asked(
    common: Instance, client: Client
) -> None:
    thread = common.worker().thread
    assert len(common.child_pids()) == 2
    thread.size = 0
    client.commit()
    common.wait_for_children(0)
    partials = [client.put(jobs.process) for _ in range(3)]
    # A later reactor job is done, so the supervisor has looked at the queues since.
    client.wait_for(client.put(jobs.nothing, queue="reactor"))
    assert [partial.state for partial in partials] == ["pending"] * 3
    assert len(client.manager.thread) == 3
    assert len(thread) == 0
    thread.size = 3
    client.commit()
    client.wait_for(*partials)
    children = common.wait_for_children(3, "idle")
    thread.size = 2
    client.commit()
    assert set(common.wait_for_children(2)) < set(children)


def test_a_child_that_is_not_needed_ends_after_its_job_and_sits_on_no_other(
    common: Instance, client: Client, gate: Gate
) -> None:
    thread = common.worker().thread
    busy = [client.put(jobs.pass_gate, gate.path) for _ in range(2)]
    pids = {gate.wait_for(1), gate.wait_for(2)}
    thread.size = 1
    client.commit()
    common.wait_for_children(1, "stopping")
    behind = [client.put(jobs.process) for _ in range(2)]
    gate.open()
    assert set(client.wait_for(*busy)) == pids
    client.wait_for(*behind)
    common.wait_for_children(1)
    assert [partial.attempts for partial in (*busy, *behind)] == [1, 1, 1, 1]
    thread.size = 2
    client.commit()
    common.wait_for_children(2, "idle")


def test_jobs_that_were_reserved_for_a_child_that_ends_lose_no_attempt(
    common: Instance, client: Client, gate: Gate
) -> None:
    client.wait_for(*client.put_many(jobs.nothing, 60))  # children that are quick
    thread = common.worker().thread
    many = client.put_many(jobs.nothing, 300)
    thread.size = 0
    client.commit()
    common.wait_for_children(0)
    client.wait_until(lambda: len(thread) == 0, "every claim to be given back or done")
    left = [partial for partial in many if partial.state == "pending"]
    assert len(left) == len(client.manager.thread)
    thread.size = 2
    client.commit()
    client.wait_for(*many)
    assert {partial._interruptions for partial in many} == {0}


def test_the_number_of_reactor_jobs_at_once_follows_its_size(
    common: Instance, client: Client, gate: Gate
) -> None:
    reactor = common.worker().reactor
    reactor.size = 0
    client.commit()
    partial = client.put(jobs.process, queue="reactor")
    client.wait_for(client.put(jobs.nothing))  # a thread job that was put later is done
    assert partial.state == "pending"
    assert len(client.manager.reactor) == 1
    reactor.size = 4
    client.commit()
    assert client.wait_for(partial)[0] == common.pid
