"""A supervisor that is killed: its processes leave, the next one takes over at once."""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance, engine_of
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

#: Of ``linux/prctl.h``.
PR_SET_CHILD_SUBREAPER = 36
#: So far apart that a takeover that waited for them would be noticed.
PATIENT = """
<zcasync>
  ping-interval 300
  ping-death-interval 300
  poll-seconds 2
  grace-period 5
</zcasync>
"""


def test_nothing_is_lost_and_nothing_happens_twice_when_a_supervisor_is_killed(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(children=2, config=PATIENT).start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    other = client.add("other", jobs.Counter())
    at_gate = client.put(counter.add_at_gate, gate.path, 1000)
    gate.wait_for()
    many = client.manager.thread.put_many([other.add] * 80)
    client.commit()
    client.wait_until(lambda: other.value > 20, "some of them to be done")
    instance.wait_for_spare()
    family = instance.descendants()
    assert len(family) == 4  # two children, a spare one, and the database server
    instance.kill()
    wait_until(
        lambda: all(map(is_gone, family)),
        "the processes of the killed supervisor to leave",
        seconds=20,
    )
    gate.open()
    client = instance.start().client
    again = [client.connection.get(partial._p_oid) for partial in (at_gate, *many)]
    results = client.wait_for(*again)
    assert results[0] == 1000
    assert sorted(results[1:]) == list(range(1, 81))
    root = client.main.root()
    assert (root["counter"].value, root["other"].value) == (1000, 80)
    assert again[0]._interruptions == 1
    assert sum(partial._interruptions for partial in again) <= 2  # one for each child
    client.wait_until(lambda: len(instance.worker().thread) == 0, "no claim to be left")
    assert "left without saying so" in instance.log


@contextmanager
def adopting() -> Iterator[None]:
    """Processes that lose their parent meanwhile become children of this one.

    The kernel sends SIGHUP and SIGCONT to a stopped process group that is left without a parent in
    its session, as those of process 1 are: a frozen process would not stay.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt others")
def test_a_frozen_database_server_that_was_left_behind_is_replaced(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=PATIENT).start()
    partial = instance.client.put(jobs.echo, 1)
    instance.client.wait_for(partial)
    instance.close_client()
    server = psutil.Process(instance.status()["server_pid"])
    server.suspend()
    family = instance.descendants()
    with adopting():
        instance.kill()
    assert server.status() == psutil.STATUS_STOPPED
    client = instance.start().client
    assert server.status() == psutil.STATUS_ZOMBIE  # that we have not reaped it holds nobody up
    psutil.wait_procs(family)
    assert client.connection.get(partial._p_oid).result == ((1,), {})
    assert client.wait_for(client.put(jobs.echo, 2)) == ((2,), {})


def test_a_second_supervisor_of_a_home_refuses_and_names_the_first(
    common: Instance, client: Client
) -> None:
    first, second = common, Instance(common.home, children=3, output="second")
    second.launch()
    assert second.wait() == 2
    assert f"process {first.pid}" in second.output
    assert "zcasync stop" in second.output
    assert "Traceback" not in second.output
    assert client.wait_for(client.put(jobs.echo, 1)) == ((1,), {})
    assert len(first.child_pids()) == 2
    identity = json.loads((first.home / "var" / "supervisor.json").read_text())
    assert identity["pid"] == first.pid
    assert identity["engine"] == engine_of(first.home) == str(first.worker().engineUUID)
