"""A supervisor in a terminal: Ctrl-C, Ctrl-Z, a window that is closed, nohup."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance, engine_of, stored
from tests.support.terminals import Terminal, terminal
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

CONFIG = "<zcasync>\n  grace-period 30\n</zcasync>\n"


SHELL = ("/bin/bash", "--norc", "--noprofile", "-i")
COMMAND = "{python} -m zcasync.cli.main run --home {home} --children 1\n"


class Typed(Instance):
    """An instance whose supervisor was started from a shell in a terminal."""

    def __init__(self, home: Path, window: Terminal) -> None:
        super().__init__(home)
        self.window = window
        (self.own,) = psutil.Process(window.process.pid).children()

    @property
    def pid(self) -> int:
        return self.own.pid

    def descendants(self) -> list[psutil.Process]:
        return self.own.children(recursive=True)


@contextmanager
def typed(folder: Path, before: str = "") -> Iterator[Typed]:
    """``zcasync run`` as typed into a shell, behind something else, ready."""
    home = folder / "home"
    (home / "etc").mkdir(parents=True)
    (home / "etc" / "zcasync.conf").write_text(CONFIG)
    with terminal(program=SHELL) as window:
        window.type(before + COMMAND.format(python=sys.executable, home=home))
        window.wait_for("zcasync ready")
        instance = Typed(home, window)
        try:
            yield instance
        finally:
            instance.close_client()
            with suppress(psutil.NoSuchProcess):
                instance.own.kill()


@pytest.fixture
def instance(folder: Path) -> Iterator[Typed]:
    with typed(folder) as made:
        yield made


def busy(instance: Typed, gate: Gate) -> tuple[bytes, list[psutil.Process]]:
    """Have a job run; its oid, and the processes that there are."""
    oid: bytes = instance.client.put(jobs.pass_gate, gate.path)._p_oid
    gate.wait_for()
    instance.wait_for_spare()  # one that has just begun to boot is still of the shell's job
    return oid, instance.descendants()


def ended_well(instance: Typed, oid: bytes, family: list[psutil.Process]) -> None:
    """The job has ended, once, and nothing is left."""
    instance.close_client()
    wait_until(
        lambda: all(map(is_gone, [instance.own, *family])),
        "all to be gone",
        60,
        lambda: instance.log,
    )
    assert engine_of(instance.home) == "", instance.log
    assert "Traceback" not in instance.log
    with stored(instance.home) as client:
        found = client.connection.get(oid)
        assert (found.state, found._interruptions) == ("completed", 0)


def test_ctrl_c_lets_jobs_end(instance: Typed, gate: Gate) -> None:
    oid, family = busy(instance, gate)
    instance.window.type("\x03")
    wait_until(lambda: "SIGINT stops the supervisor" in instance.log, "the stop to begin")
    gate.open()
    ended_well(instance, oid, family)
    instance.window.type("echo code $? ; exit\n")
    assert "Traceback" not in instance.window.wait_for("code 0")


def test_a_reload_leaves_it_in_its_terminal(instance: Typed, gate: Gate) -> None:
    oid, family = busy(instance, gate)
    reload = start("reload", "--home", instance.home, "--wait")
    wait_until(
        lambda: (instance.status().get("reload") or {}).get("old") == 1,
        "the busy child to be the only old one",
        seen=lambda: instance.log[-3000:],
    )
    gate.open()
    done = finish(reload, 120)
    assert (done.code, done.err) == (0, ""), done
    for _ in range(10):
        instance.client.wait_for(instance.client.put(jobs.nothing))

    later = instance.descendants()
    instance.window.type("\x03")
    ended_well(instance, oid, [*family, *later])
    instance.window.type("echo code $? ; exit\n")
    assert "Traceback" not in instance.window.wait_for("code 0")


def test_a_window_that_is_closed_stops_it(instance: Typed, gate: Gate) -> None:
    oid, family = busy(instance, gate)
    instance.window.close()
    wait_until(
        lambda: "SIGHUP stops the supervisor" in instance.log,
        "the stop to begin",
        seen=lambda: f"{instance.own.status()}\n{instance.log[-3000:]}",
    )
    gate.open()
    ended_well(instance, oid, family)


def test_with_nohup_it_outlives_its_window(folder: Path, gate: Gate) -> None:
    with typed(folder, "trap '' HUP; ") as instance:
        oid, family = busy(instance, gate)
        instance.window.close()
        instance.own.send_signal(signal.SIGHUP)
        client = instance.client
        ten = client.put_many(jobs.nothing, 10)
        gate.open()
        client.wait_for(client.connection.get(oid), *ten)
        instance.own.terminate()
        ended_well(instance, oid, family)
        assert "SIGHUP" not in instance.log


def test_ctrl_z_stops_the_supervisor_alone(instance: Typed, gate: Gate) -> None:
    oid, family = busy(instance, gate)
    instance.window.type("\x1a")
    wait_until(lambda: instance.own.status() == psutil.STATUS_STOPPED, "it to be stopped")
    assert all(one.status() != psutil.STATUS_STOPPED for one in family)
    command = f"{sys.executable} -m zcasync.cli.main stop --home {instance.home} 2>&1\n"
    instance.window.type(command)
    instance.window.wait_for(f"process {instance.pid} is stopped (fg, or kill -CONT")
    gate.open()
    client: Client = instance.client
    client.wait_for(client.connection.get(oid))  # its child goes on
    instance.window.type("fg\n")
    ten = client.put_many(jobs.nothing, 10)
    client.wait_for(*ten)
    assert [one._interruptions for one in ten] == [0] * 10
    instance.window.type("\x03")
    ended_well(instance, oid, family)
