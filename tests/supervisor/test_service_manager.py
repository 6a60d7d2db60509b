"""What a service manager is told, over a real socket and by a clock that the test moves."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from tests.support.service_managers import Manager, manager_at
from zcasync.supervisor.service_manager import LOOK_SECONDS, STATUS_CHARACTERS, ServiceManager


class Supervisor:
    """What a supervisor is at, as the test says, and what it tells."""

    def __init__(self, **environ: str) -> None:
        self.clock = Clock()
        self.environ = {"PATH": "/bin", **environ}
        self.waits: str | None = None
        self.work = "nothing to do"
        self.manager = ServiceManager(
            self.clock, self.environ, waits=lambda: self.waits, works=lambda: self.work
        )

    def turn(self, seconds: float = LOOK_SECONDS) -> None:
        self.clock.advance(seconds)


@pytest.fixture
def listener(folder: Path) -> Iterator[Manager]:
    with manager_at(folder / "notify") as found:
        yield found


def test_nothing_is_done_where_no_manager_is_named() -> None:
    for environ in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}):
        one = Supervisor(**environ, WATCHDOG_USEC="1000")
        one.manager.start()
        one.manager.ready()
        one.manager.stopping(1.0)

        assert (one.clock.getDelayedCalls(), one.environ) == ([], {"PATH": "/bin"})
        one.manager.stop()


def test_the_variables_are_for_this_process_alone(listener: Manager) -> None:
    one = Supervisor(NOTIFY_SOCKET=listener.address, WATCHDOG_USEC="1", WATCHDOG_PID="1")

    assert one.environ == {"PATH": "/bin"}


def test_a_life_is_told(listener: Manager) -> None:
    one = Supervisor(NOTIFY_SOCKET=listener.address)
    one.waits = "the database\nto be opened"
    one.manager.start()
    assert listener.listen() == [
        {"EXTEND_TIMEOUT_USEC": "30000000", "STATUS": "waits for the database to be opened"}
    ]
    one.turn()
    assert listener.listen()[1:] == [{"EXTEND_TIMEOUT_USEC": "30000000"}]
    one.waits, one.work = None, "children: 1 idle"
    one.manager.ready()
    assert listener.listen()[2:] == [
        {"READY": "1", "MAINPID": str(os.getpid()), "STATUS": "children: 1 idle"}
    ]
    one.turn()
    one.waits = "the database"  # a start is over: how long that takes is nobody's affair
    one.turn()
    assert listener.listen()[3:] == [{"STATUS": "waits for the database"}]
    one.manager.stopping(35.0)
    one.manager.ready()
    one.manager.stopping(35.0)
    one.turn()
    assert listener.listen()[4:] == [
        {"STOPPING": "1", "EXTEND_TIMEOUT_USEC": "35000000", "STATUS": "stops"}
    ]
    one.manager.stop()
    assert one.clock.getDelayedCalls() == []


def test_a_reload_is_told_with_its_time_and_its_end(listener: Manager) -> None:
    one = Supervisor(NOTIFY_SOCKET=listener.address)
    one.manager.start()
    one.manager.ready()
    begin = len(listener.listen())
    before = time.monotonic_ns() // 1000
    reload: Deferred[str] = Deferred()
    told = one.manager.reloads(reload)
    (said,) = listener.listen()[begin:]
    assert said["RELOADING"] == "1"
    assert before <= int(said["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert said["STATUS"] == "reloads"
    reload.callback("done")
    assert listener.listen()[begin + 1]["READY"] == "1"
    result: list[str] = []
    told.addCallback(result.append)
    assert result == ["done"]


def test_a_reload_that_fails_leaves_it_ready(listener: Manager) -> None:
    one = Supervisor(NOTIFY_SOCKET=listener.address)
    one.manager.start()
    one.manager.ready()
    failures: list[object] = []
    one.manager.reloads(fail(ValueError("a syntax error"))).addErrback(failures.append)

    assert [("RELOADING" in lines, "READY" in lines) for lines in listener.listen()[-2:]] == [
        (True, False),
        (False, True),
    ]
    assert len(failures) == 1


def test_of_reloads_at_once_the_last_end_counts(listener: Manager) -> None:
    one = Supervisor(NOTIFY_SOCKET=listener.address)
    one.manager.start()
    one.manager.ready()
    first, second = Deferred[None](), Deferred[None]()
    one.manager.reloads(first)
    one.manager.reloads(second)
    second.callback(None)
    assert len(listener.all_of("READY")) == 1
    first.callback(None)
    assert len(listener.all_of("READY")) == len(listener.all_of("RELOADING")) == 2


def test_a_reload_makes_nobody_ready_who_starts_or_stops(listener: Manager) -> None:
    one = Supervisor(NOTIFY_SOCKET=listener.address)
    one.manager.start()
    one.manager.reloads(succeed(None))
    one.manager.stopping(1.0)
    one.manager.reloads(succeed(None))

    assert listener.all_of("READY") == listener.all_of("RELOADING") == []


def test_signs_of_life_come_twice_as_often_as_wanted(listener: Manager) -> None:
    pid = str(os.getpid())
    one = Supervisor(NOTIFY_SOCKET=listener.address, WATCHDOG_USEC="2000000", WATCHDOG_PID=pid)
    one.manager.start()
    for _ in range(4):
        one.turn(1.0)

    assert len(listener.all_of("WATCHDOG")) == 5


@pytest.mark.parametrize(
    "watchdog",
    [{"WATCHDOG_PID": "1", "WATCHDOG_USEC": "1000000"}, {}, {"WATCHDOG_USEC": "soon"}],
    ids=["of another process", "not wanted", "nonsense"],
)
def test_no_sign_of_life_where_none_is_wanted(listener: Manager, watchdog: dict[str, str]) -> None:
    one = Supervisor(NOTIFY_SOCKET=listener.address, **watchdog)
    one.manager.start()
    one.turn()

    assert listener.all_of("WATCHDOG") == []


def test_what_a_manager_does_not_take_is_told_again(folder: Path) -> None:
    address = folder / "notify"
    one = Supervisor(NOTIFY_SOCKET=str(address), WATCHDOG_USEC="20000000")
    with capturedLogs() as events:
        one.manager.start()
        one.manager.ready()
        one.turn()
    (said,) = map(formatEvent, events)
    assert "the service manager cannot be told how this supervisor is" in said
    assert "No such file" in said
    with manager_at(address) as listener:
        one.turn()
        (found,) = listener.listen()
        assert found["READY"] == found["WATCHDOG"] == "1"
        assert found["STATUS"] == "nothing to do"
        one.turn()
        assert listener.listen()[1:] == [{"WATCHDOG": "1"}]


def test_a_manager_that_reads_nothing_blocks_nobody(listener: Manager) -> None:
    one = Supervisor(NOTIFY_SOCKET=listener.address)
    one.manager.start()
    for number in range(2000):  # more than the kernel keeps for one that does not read
        one.work = f"children: {number} busy"
        one.turn()
    one.manager.ready()
    assert listener.all_of("READY") == []
    one.turn()
    assert listener.all_of("READY") == ["1"]


def test_a_status_is_one_short_line(listener: Manager) -> None:
    one = Supervisor(NOTIFY_SOCKET=listener.address)
    one.work = "a child\nREADY=1\x1b[0m " + "very " * 1000 + "\udcff"
    one.manager.start()

    (said,) = listener.listen()
    assert said.keys() == {"STATUS"}
    assert len(said["STATUS"]) <= STATUS_CHARACTERS
    assert said["STATUS"].startswith("a child READY=1\\x1b[0m very")
