"""A supervisor that is process 1 of its container: it hears signals, and reaps orphans."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.jobs import basic as jobs
from tests.jobs import signals as signal_jobs
from tests.processes.test_containers import Contained, needs_containers
from tests.support.gates import Gate
from tests.support.instance import engine_of, stored
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

CONFIG = "<zcasync>\n  grace-period 30\n  poll-seconds 2\n</zcasync>\n"


@pytest.fixture
def first(folder: Path) -> Iterator[Contained]:
    """A supervisor that is process 1."""
    instance = Contained(folder / "home", config=CONFIG)
    try:
        yield instance.start()
    finally:
        instance.end()


def inside(instance: Contained) -> psutil.Process:
    """The supervisor, as it is seen from here."""
    (found,) = psutil.Process(instance.pid).children()
    return found


def zombies(instance: Contained) -> list[psutil.Process]:
    """Its children that have ended and of which nobody has taken note."""
    found = []
    for one in inside(instance).children():
        if one.status() == psutil.STATUS_ZOMBIE:
            found.append(one)
    return found


def ten_jobs_work(instance: Contained) -> None:
    """Ten jobs that do nothing work, one after the other."""
    for _ in range(10):
        assert instance.client.wait_for(instance.client.put(jobs.nothing)) is None


@needs_containers
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_process_1_stops_as_any_other(first: Contained, gate: Gate, number: signal.Signals) -> None:
    assert first.status()["pid"] == 1
    running = first.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    family = first.descendants()
    for process in [*reversed(inside(first).children(recursive=True)), inside(first)]:
        process.send_signal(number)  # as the end of a container does
    wait_until(lambda: "stops the supervisor" in first.log, "the stop to begin")
    gate.open()
    assert first.wait() == 0, first.evidence()
    wait_until(lambda: all(map(is_gone, family)), "all to be gone")
    assert engine_of(first.home) == ""
    with stored(first.home) as client:
        found = client.connection.get(running._p_oid)
        assert (found.state, found._interruptions) == ("completed", 0)


@needs_containers
def test_process_1_reaps_what_jobs_leave(first: Contained) -> None:
    client = first.client
    client.wait_for(client.put(signal_jobs.leave_orphans, 20))
    wait_until(lambda: inside(first).children(), "its own")
    wait_until(
        lambda: not zombies(first) and len(inside(first).children()) <= 4,
        "the orphans to be reaped",
        seen=lambda: inside(first).children(),
    )
    ten_jobs_work(first)
    assert client.wait_for(client.put(signal_jobs.ends_by, signal.SIGTERM)) == -signal.SIGTERM


@needs_containers
def test_process_1_hears_other_signals(first: Contained) -> None:
    for number, said in (
        (signal.SIGHUP, "no setting has changed"),
        (signal.SIGUSR1, "SIGUSR1: the log is open anew"),
        (signal.SIGUSR2, "SIGUSR2: the supervisor is at"),
    ):
        first.send(number)
        wait_until(lambda said=said: said in first.log, said, seen=first.evidence)
    ten_jobs_work(first)
