"""Waiting for jobs of real workers: pushed, in order, through a restart of the database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, Server
from tests.support.gates import Gate
from tests.support.instance import SHORT, Client, Instance
from zcasync import Partial, gather
from zcasync.errors import RemoteTraceback
from zcasync.results import watch


def test_get_has_the_value_of_a_job_in_a_child(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LONGEST_SILENCE", 600.0)  # only a commit can wake
    for number in range(20):
        partial = client.put(jobs.echo, number)
        assert partial.get(timeout=60) == ((number,), {})
        partial.wait(timeout=60)


def test_get_raises_what_the_job_raised_and_shows_where(client: Client) -> None:
    counter = client.add("raising", jobs.Counter())
    partial = client.put(counter.add_and_fail, 3)

    with pytest.raises(ValueError, match="after adding 3") as caught:
        partial.get(timeout=60)
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "in add_and_fail" in str(caught.value.__cause__)


def test_the_time_is_over_while_a_job_runs(client: Client, gate: Gate) -> None:
    partial = client.put(jobs.pass_gate, gate.path)
    gate.wait_for()

    with pytest.raises(TimeoutError, match=f"job {partial.id} .*pass_gate. is active after 0.2 s"):
        partial.get(timeout=0.2)
    gate.open()
    assert partial.get(timeout=60) > 0


def test_many_results_come_in_the_order_of_their_jobs(client: Client) -> None:
    calls = [Partial(jobs.echo, number) for number in range(200)]
    partials = client.manager.thread.put_many([*calls, Partial(jobs.raise_exit)])
    client.commit()

    found = gather(partials, timeout=120)
    assert (found.done, found.failed, found.total) == (201, 1, 201)
    assert [result[0][0] for result in found.results[:-1]] == list(range(200))


def test_a_job_waits_for_another_one(client: Client) -> None:
    inner = client.put(jobs.echo, "inner")
    outer = client.put(jobs.wait_for, inner)
    assert outer.get(timeout=60) == (("inner",), {})


def test_a_wait_outlives_a_database_that_is_away(
    folder: Path, make_instance: Callable[..., Instance], gate: Gate
) -> None:
    server = Server(folder).start()
    instance = make_instance(config=AT_SERVER.format(port=server.port) + SHORT).start()
    partial = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()

    def interrupt() -> None:
        server.kill()
        server.start()
        gate.open()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        assert partial.get(timeout=120) > 0
    finally:
        thread.join()
        instance.end()
        server.stop()
