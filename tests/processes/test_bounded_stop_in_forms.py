"""A stop ends in time in a terminal at Ctrl-C, and as process 1 of a container."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import zcasync
from tests.jobs import basic as jobs
from tests.jobs import hanging
from tests.processes.test_bounded_stop import CONFIG, ENDS_NOW, IN_TIME
from tests.processes.test_containers import Contained, needs_containers
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from tests.support.terminals import terminal
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until


def hang(client: Client, home: Path, gate: Gate) -> None:
    """Let a reactor job block the supervisor, which begins no other one; close the client."""
    client.put(hanging.in_reactor, gate.path, queue="reactor")
    gate.wait_for()
    client.worker(home).reactor.size = 0
    client.commit()
    client.close()


def works(instance: Instance) -> None:
    """Ten jobs work, one after the other, and then it stops."""
    instance.children = 1
    instance.start()
    for _ in range(10):
        instance.client.wait_for(instance.client.put(jobs.nothing))
    assert instance.stop() == 0


def test_ctrl_c_in_a_terminal(folder: Path, gate: Gate) -> None:
    instance = Instance(folder / "home", config=CONFIG)
    with terminal("run", "--home", instance.home, "--children", 0) as window:
        window.wait_for("zcasync ready")
        hang(Client(zcasync.open(instance.home)), instance.home, gate)
        family = psutil.Process(window.process.pid).children(recursive=True)
        began = time.monotonic()
        window.type("\x03")
        code, _, told = window.end()
    assert (code, time.monotonic() - began < IN_TIME) == (0, True)
    assert ENDS_NOW in told
    assert "Traceback" not in told
    wait_until(lambda: all(map(is_gone, family)), "all that it had started to be gone")
    works(instance)


@pytest.fixture
def first(folder: Path) -> Iterator[Contained]:
    """A supervisor that is process 1."""
    instance = Contained(folder / "home", children=0, config=CONFIG)
    try:
        yield instance.start()
    finally:
        instance.end()


@needs_containers
def test_sigterm_in_a_container(first: Contained, gate: Gate) -> None:
    hang(first.new_client(), first.home, gate)
    family = first.descendants()
    began = time.monotonic()
    first.send(signal.SIGTERM)
    assert first.wait(IN_TIME) == 0, first.evidence()
    assert time.monotonic() - began < IN_TIME
    assert ENDS_NOW in first.log
    wait_until(lambda: all(map(is_gone, family)), "all that it had started to be gone")
    works(first)
