"""Priorities, with real children: what is urgent begins next, whatever is reserved; after kills."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

from tests.jobs import basic, priorities
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync import Partial
from zcasync.testing.waiting import wait_until

#: No job takes longer than this, and a child that believes that they are short reserves many.
SECONDS = 0.25
RESERVED = 20


def calls(path: Path, names: list[str], seconds: float = 0.0) -> list[Partial]:
    return [Partial(priorities.begin, str(path), name, seconds) for name in names]


def test_what_is_urgent_begins_before_ten_thousand_others_and_those_that_are_reserved(
    make_instance: Callable[..., Instance], tmp_path: Path
) -> None:
    instance = make_instance(children=1).start()
    client, path = instance.client, tmp_path / "begun"
    queue = client.manager.thread
    quick = calls(path, ["quick"] * 500)
    slow = calls(path, ["slow"] * 10_000, SECONDS)
    queue.put_many(quick, batch=True)
    queue.put_many(slow)
    client.commit()
    oids = {one._p_oid for one in slow}

    def is_full() -> bool:
        held = [one for one in client.worker(instance.home).thread if one._p_oid in oids]
        return len(held) > RESERVED and "slow" in priorities.begun(str(path))

    client.wait_until(is_full, "the child to have reserved many slow jobs", 60)
    urgent = [queue.put(one, priority=-1) for one in calls(path, ["first", "second"])]
    client.commit()
    before = len(priorities.begun(str(path)))
    client.wait_for(*urgent)
    names = priorities.begun(str(path))

    # The pass comes within 0.05 s, and the one that runs then is not interrupted.
    assert names.index("first") - before < RESERVED / 2
    assert names.index("first") < names.index("second") < before + RESERVED / 2
    assert names.count("first") == names.count("second") == 1
    instance.kill()


def test_the_order_holds_and_nothing_is_lost_when_a_supervisor_is_killed(
    make_instance: Callable[..., Instance], gate: Gate, tmp_path: Path
) -> None:
    instance = make_instance(children=1).start()
    client, path = instance.client, tmp_path / "begun"
    others = [client, instance.new_client()]
    at_gate = client.put(basic.pass_gate, gate.path, priority=-100)
    gate.wait_for()
    chance, put = random.Random(5), []
    for number in range(80):
        priority, one = chance.choice([-9, -1, 0, 0, 3]), others[number % 2]
        one.sync()
        name = f"{priority}/{number}"
        call = Partial(priorities.begin, str(path), name)
        put.append((priority, number, name, one.manager.thread.put(call, priority=priority)))
        one.commit()
    oids = [partial._p_oid for *_, partial in put]
    others[1].close()
    instance.kill()
    client = instance.start().client
    gate.wait_for(2)
    gate.open()
    again = [client.connection.get(oid) for oid in (at_gate._p_oid, *oids)]
    client.wait_for(*again)

    assert priorities.begun(str(path)) == [name for _, _, name, _ in sorted(put, key=_place)]
    assert [one.interruptions for one in again] == [1, *[0] * 80]
    assert instance.stop() == 0


def test_a_child_that_is_killed_at_an_urgent_job_has_interrupted_that_one(
    make_instance: Callable[..., Instance], gate: Gate, tmp_path: Path
) -> None:
    """Which was put in front of what the child had been assigned before."""
    instance = make_instance(children=1).start()
    client, path = instance.client, tmp_path / "begun"
    plain = calls(path, ["plain"] * 500)
    client.manager.thread.put_many(plain, batch=True)
    client.manager.thread.put_many(calls(path, ["slow"] * 60, SECONDS))
    client.commit()
    slow = _held(client, instance, {one._p_oid for one in plain})
    urgent = client.put(basic.pass_gate, gate.path, priority=-1)
    pid = gate.wait_for()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(gate.arrivals()) == 2, "the urgent one to begin again")
    gate.open()
    client.wait_for(urgent)

    assert urgent.interruptions == 1
    assert [one.interruptions for one in slow] == [0] * len(slow)
    instance.kill()


def _place(one: tuple[int, int, str, Partial]) -> tuple[int, int]:
    return one[:2]


def _held(client: Client, instance: Instance, others: set[bytes]) -> list[Partial]:
    """Wait until many jobs are reserved, beside these others; return them."""

    def look() -> list[Partial]:
        held = [one for one in client.worker(instance.home).thread if one._p_oid not in others]
        return held if len(held) > RESERVED else []

    found: list[Partial] = client.wait_until(look, "the child to have reserved many", 60)
    return found
