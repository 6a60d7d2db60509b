"""Two jobs on one object show up in ``zcasync conflicts``, at the price of few commits."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.jobs import basic as jobs
from tests.jobs import conflicts
from tests.support.gates import Gate
from tests.support.instance import Client, Instance, stored
from zcasync.job.ids import hex_oid
from zcasync.supervisor.poll.conflict_notes import INTERVAL_SECONDS
from zcasync.workers.conflicts import added, usable_days

KIND = "tests.jobs.basic.Counter"


def run_command(*words: object) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "zcasync.cli.main", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def seen(instance: Instance, client: Client, counter: Any) -> Any:
    """What the record of the worker says about an object; None: nothing."""
    days = usable_days(client.worker(instance.home).conflicts)
    oid = hex_oid(counter._p_oid)
    return next((one for one in added(days) if one.oid == oid), None)


def test_two_jobs_on_one_object_are_seen_by_operators(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(children=2).start()
    instance.wait_for_children(2)
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    both = [client.put(conflicts.add_behind_gate, counter, gate.path) for _ in range(2)]
    gate.wait_for(2)
    gate.open()
    assert sorted(client.wait_for(*both)) == [1, 2]
    retries = sum(one.conflicts for one in both)
    assert retries >= 1

    found = client.wait_until(lambda: seen(instance, client, counter), "the conflict to be written")

    name = "tests.jobs.conflicts.add_behind_gate"
    assert found[:3] == (KIND, hex_oid(counter._p_oid), retries)
    assert found.calls == ((name, retries),)
    listed = json.loads(run_command("conflicts", "--json", "--home", instance.home))
    assert listed["conflicts"] == [
        {
            "class": KIND,
            "oid": hex_oid(counter._p_oid),
            "retries": retries,
            "last": listed["conflicts"][0]["last"],
            "callables": [{"call": name, "retries": retries}],
        }
    ]
    lines = run_command("conflicts", "--home", instance.home).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == ["RETRIES", "CLASS", "OID", "LAST", "CALLABLES"]


def test_conflicts_without_end_are_written_now_and_then(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=2).start()
    instance.wait_for_children(2)
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    began = time.monotonic()
    retries = 0
    while time.monotonic() - began < 1.5 * INTERVAL_SECONDS:
        several = [client.put(counter.add_slowly, 0.01) for _ in range(20)]
        client.wait_for(*several)
        retries += sum(one.conflicts for one in several)
    assert retries > 20
    seconds = time.monotonic() - began

    instance.stop()

    with stored(instance.home) as left:
        assert seen(instance, left, counter).retries >= retries
        days = left.worker(instance.home).conflicts.days
        written = [
            revision
            for day in days
            for revision in left.connection.db().history(day._p_oid, size=1000)
        ]
    # One at once, one in each interval, and the last pass.
    assert 2 <= len(written) <= 2 + seconds / INTERVAL_SECONDS + 1


def test_a_reactor_job_is_counted_too(
    make_instance: Callable[..., Instance], tmp_path: Path
) -> None:
    instance = make_instance().start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    call = conflicts.conflict_once
    partial = client.put(call, counter, str(tmp_path / "was there"), queue="reactor")
    assert client.wait_for(partial) == 0

    found = client.wait_until(lambda: seen(instance, client, counter), "the conflict to be written")

    assert found[:3] == (KIND, hex_oid(counter._p_oid), 1)
    assert found.calls == (("tests.jobs.conflicts.conflict_once", 1),)
