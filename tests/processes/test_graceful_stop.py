"""A graceful stop: what runs may finish, the rest waits again, nothing stays behind."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Instance, engine_of, stored
from zcasync.instance.home import Home
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.protocol.control import Stop
from zcasync.protocol.control_client import ControlClient
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

IMPATIENT = """
<zcasync>
  grace-period 0.5
  poll-seconds 2
</zcasync>
"""


def most_in_hand(instance: Instance) -> int:
    """How many jobs a child has at most: one that it is at, and others reserved for it."""
    return max(child["in_hand"] for child in instance.status()["children"])


def test_running_jobs_finish_and_the_others_wait_again(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(config="<zcasync>\n  grace-period 30\n</zcasync>\n").start()
    client = instance.client
    client.wait_for(*client.put_many(jobs.nothing, 30))  # now jobs are reserved ahead
    counter = client.add("counter", jobs.Counter())
    running = client.put(counter.add_at_gate, gate.path)
    in_reactor = client.put(jobs.deferred_gate, gate.path, queue="reactor")
    gate.wait_for(2)
    waiting = client.put_many(jobs.nothing, 20)
    family = instance.descendants()
    instance.send(signal.SIGTERM)
    wait_until(lambda: instance.status()["wakeup"] is None, "the stop to begin")
    wait_until(lambda: most_in_hand(instance) <= 1, "what was reserved to be given back")
    gate.open()
    assert instance.wait() == 0, instance.evidence()
    wait_until(lambda: all(map(is_gone, family)), "all that it had started to be gone")
    killed = [line for line in instance.log.splitlines() if "killed" in line]
    assert not [line for line in killed if "checker" not in line]  # that one has nothing to do
    assert engine_of(instance.home) == ""
    with stored(instance.home) as client:
        worker, get = client.worker(instance.home), lambda one: client.connection.get(one._p_oid)
        assert worker.engineUUID is None
        assert worker.incarnation.end_reason == "stopped"
        assert len(worker.thread) == len(worker.reactor) == 0
        assert get(running).result == 1
        assert get(running)._interruptions == 0
        assert get(in_reactor).result == "open"
        assert {get(partial).state for partial in waiting} == {PENDING}
        assert {get(partial).attempts for partial in waiting} == {0}


def test_a_job_that_outlasts_the_grace_period_is_killed_and_runs_again_at_the_next_start(
    make_instance: Callable[..., Instance], gate: Gate, tmp_path: Path
) -> None:
    instance = make_instance(config=IMPATIENT).start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    running = client.put(counter.add_at_gate, gate.path)
    with_family = Gate(tmp_path / "family")
    client.worker(instance.home).thread.size = 2
    parent = client.put(jobs.leave_grandchild, with_family.path)
    forever = client.put(jobs.deferred_gate, gate.path, queue="reactor")
    gate.wait_for(2)
    with_family.wait_for()
    instance.wait_for_spare()
    family = instance.descendants()
    assert instance.stop(signal.SIGINT) == 0, instance.evidence()
    # The server, two children, a spare one, a grandchild, and what has checked the reactor job.
    assert len(family) == 6
    wait_until(lambda: all(map(is_gone, family)), "all that it had started to be gone")
    assert "grace period of 0.5 s is over" in instance.log
    with stored(instance.home) as client:
        assert client.worker(instance.home).engineUUID is None
        found = [client.connection.get(partial._p_oid) for partial in (running, parent, forever)]
        assert [partial.state for partial in found] == [PENDING] * 3
        assert client.main.root()["counter"].value == 0
    gate.open()
    with_family.open()
    client = instance.start().client
    found = [client.connection.get(partial._p_oid) for partial in (running, parent, forever)]
    assert client.wait_for(*found)[::2] == [1, "open"]
    assert client.main.root()["counter"].value == 1


def test_zcasync_stop_and_a_second_signal_end_a_supervisor_once(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance().start()
    home = Home(instance.home)
    running = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    control = ControlClient(home.control_socket, 10)
    assert control.call(Stop) == {"pid": instance.pid}
    control.close()
    wait_until(lambda: instance.status()["wakeup"] is None, "the stop to begin")
    instance.send(signal.SIGTERM)
    instance.send(signal.SIGINT)
    gate.open()
    assert instance.wait() == 0
    assert not home.zeo_socket.exists()
    assert not home.control_socket.exists()
    with stored(instance.home) as client:
        assert client.connection.get(running._p_oid).state == COMPLETED


def test_a_stop_before_anything_is_ready_leaves_nothing(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance().launch()
    wait_until(lambda: "supervisor of" in instance.log, "the start to begin")
    assert instance.stop() == 0
    assert "Traceback" not in instance.output
