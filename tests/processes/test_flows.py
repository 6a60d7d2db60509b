"""Flows in real children, which are killed at every step from a member's call to the result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from persistent.list import PersistentList
from twisted.python.failure import Failure
from ZODB.POSException import ConflictError

import zcasync
from tests.chaos.points import Traps
from tests.jobs import basic, flows
from tests.support.gates import Gate
from tests.support.instance import ROOT, Client, Instance
from zcasync import Partial
from zcasync.errors import AbortedError, JobCancelled
from zcasync.testing.waiting import wait_until

#: What is committed between the call of a member and the result of its flow, and when in that.
PLACES = [
    "child.job.voted",
    "child.job.finished",  # a member has ended, and is not counted
    "child.callback.before",
    "child.callback.voted",
    "child.callback.finished",  # it is counted, and nobody knows that what follows may begin
    "supervisor.claim.finished",
    "supervisor.retire.voted",
]
MANY = 1000


def counters(client: Client, count: int) -> list[basic.Counter]:
    return client.add("counters", [basic.Counter() for _ in range(count)])  # type: ignore[no-any-return]


def put(client: Client, flow: Any) -> Any:
    client.manager.thread.put(flow)
    client.commit()
    return flow


def values(client: Client) -> list[int]:
    client.sync()
    return [one.value for one in client.main.root()["counters"]]


def commit_again(client: Client, change: Callable[[], object]) -> None:
    """Change and commit, again and again where a worker has been first."""
    while True:
        client.sync()
        change()
        try:
            client.commit()
        except ConflictError:
            client.transactions.abort()
        else:
            return


@pytest.mark.parametrize("place", PLACES)
def test_each_member_counts_once_whoever_is_killed_where(
    make_trapped: Callable[..., Instance], traps: Traps, place: str
) -> None:
    instance = make_trapped(children=2)
    client = instance.start().client
    members = [one.add for one in counters(client, 10)]
    queue = client.manager.thread
    first = queue.put(zcasync.serial(*members[:5], postprocess=flows.total))
    last = queue.put(zcasync.parallel(*members[5:], postprocess=flows.total))
    after = queue.put(Partial(basic.echo, 1), after=[first, last])
    name = traps.arm(place, "kill")
    client.commit()
    wait_until(lambda: traps.sprung(name), "the trap to be sprung")
    if place.startswith("supervisor"):
        instance.wait()
        client = instance.start().client
        first, last, after = (client.connection.get(one._p_oid) for one in (first, last, after))

    assert client.wait_for(first, last, after) == [5, 5, ((1,), {})]
    assert values(client) == [1] * 10
    assert first.progress == last.progress == (5, 5, 0)


def test_a_postprocess_that_is_killed_is_repeated(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    client = make_instance().start().client
    members = [one.add for one in counters(client, 3)]
    flow = put(
        client, zcasync.parallel(*members, postprocess=Partial(flows.sum_at_gate, gate.path))
    )
    os.kill(gate.wait_for(), signal.SIGKILL)
    gate.open()
    assert client.wait_for(flow) == 3
    assert len(gate.arrivals()) == 2
    assert values(client) == [1] * 3


def test_a_thousand_members_count_once(client: Client) -> None:
    members = [one.add for one in counters(client, MANY)]
    flow = put(client, zcasync.parallel(*members, postprocess=flows.total))
    assert client.wait_for(flow, timeout=120) == MANY
    assert values(client) == [1] * MANY


def test_a_failure_ends_the_flow_though_members_still_run(client: Client, gate: Gate) -> None:
    late = [Partial(flows.at_gate, gate.path), Partial(basic.raise_text, "wrong"), basic.nothing]
    flow = zcasync.parallel(*late)
    put(client, flow)
    result = client.wait_for(flow)
    assert result.check(AbortedError)
    assert "/ 2 / raise_text failed: wrong" in result.getErrorMessage()
    gate.open()
    assert client.wait_for(*flow.members)[0] == "passed"


def test_cancel_of_a_flow_stops_what_has_not_begun(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance().start()
    client = instance.client
    one = counters(client, 1)[0]
    flow = put(client, zcasync.parallel(Partial(flows.at_gate, gate.path), one.add, one.add))
    gate.wait_for()
    words = [sys.executable, "-m", "zcasync.cli.main", "cancel", flow.id]
    done = subprocess.run(
        [*words, "--home", str(instance.home)], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr
    results = client.wait_for(flow, *flow.members)
    assert [result.type for result in results] == [JobCancelled] * 4, results
    assert values(client) == [0]
    assert not gate.is_open


@pytest.mark.parametrize("place", ["child.callback.voted", "supervisor.claim.finished"])
def test_a_flow_that_is_run_again_repeats_nothing_whoever_is_killed_where(
    make_trapped: Callable[..., Instance], traps: Traps, place: str
) -> None:
    instance = make_trapped(children=2)
    client = instance.start().client
    some = counters(client, 20)
    box = client.add("box", [PersistentList()])[0]
    inner = zcasync.parallel(some[1].add, Partial(flows.fail_unless, box), some[2].add)
    flow = zcasync.serial(some[0].add, inner, *(one.add for one in some[3:]))
    put(client, flow)
    assert isinstance(client.wait_for(flow), Failure)
    client.wait_until(lambda: flow.progress.done == 19, "the rest to have ended without a call")
    assert sum(values(client)) in (2, 3), "what has not begun does not begin"
    name = traps.arm(place, "kill")
    commit_again(client, lambda: (box.append("now"), flow.retry()))
    wait_until(lambda: traps.sprung(name), "the trap to be sprung")
    if place.startswith("supervisor"):
        instance.wait()
        client = instance.start().client
        flow = client.connection.get(flow._p_oid)

    assert len(client.wait_for(flow)) == 19
    assert values(client) == [1] * 20
    assert flow.progress == (19, 19, 0)
