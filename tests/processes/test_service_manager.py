"""A supervisor under a service manager, whose socket is the test's."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.support.instance import Instance
from tests.support.ports import free_port
from tests.support.service_managers import manager_at
from zcasync.testing.waiting import wait_until

GRACE = "<zcasync>\n  grace-period 5\n</zcasync>\n"
AWAY = """
<zodb>
  <zeoclient>
    server 127.0.0.1:{port}
    storage 1
  </zeoclient>
</zodb>
"""
VARIABLES = (b"NOTIFY_SOCKET=", b"WATCHDOG_")


def names_a_manager(pid: int) -> bool:
    """Whether a process was given the variables of a service manager."""
    return any(name in Path(f"/proc/{pid}/environ").read_bytes() for name in VARIABLES)


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_a_manager_is_told_of_a_life_from_its_start_to_its_end(
    make_instance: Callable[..., Instance], folder: Path, kind: str
) -> None:
    address = str(folder / "notify")
    with manager_at(address if kind == "file" else f"@{address}") as manager:
        instance = make_instance(config=GRACE)
        instance.environment |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"}
        instance.start()
        manager.wait_for("READY")
        assert manager.all_of("MAINPID") == [str(instance.pid)]
        assert manager.all_of("STATUS")[0] == "starts"
        manager.wait_for("STATUS", "children: 0 busy, 1 idle, 0 booting")
        instance.wait_for_spare()
        family = [one.pid for one in instance.descendants()]
        assert len(family) == 3  # the database server, a child, a spare one
        assert [names_a_manager(pid) for pid in [instance.pid, *family]] == [True, *[False] * 3]
        client = instance.client
        client.wait_for(*client.put_many(jobs.nothing, 10))
        wait_until(lambda: len(manager.all_of("WATCHDOG")) > 5, "signs of life")
        before = len(manager.listen())
        instance.send(signal.SIGHUP)  # there is no terminal: the configuration is read again
        manager.wait_for("RELOADING")
        wait_until(lambda: len(manager.all_of("READY")) == 2, "the end of that")
        reloaded = finish(start("reload", "--home", instance.home))
        assert reloaded.code == 0, reloaded
        wait_until(lambda: len(manager.all_of("READY")) == 3, "new children")
        told = [name for one in manager.listen()[before:] for name in one]
        told = [name for name in told if name in ("RELOADING", "READY")]
        assert told == ["RELOADING", "READY"] * 2
        client.wait_for(*client.put_many(jobs.nothing, 10))
        assert instance.stop() == 0, instance.evidence()

        (stopping,) = [one for one in manager.listen() if "STOPPING" in one]
        assert stopping["EXTEND_TIMEOUT_USEC"] == "15000000"
        assert manager.all_of("STATUS")[-1] == "stops"
        assert manager.all_of("READY") == ["1"] * 3


def test_a_reactor_that_is_blocked_gives_no_sign_of_life(
    make_instance: Callable[..., Instance], folder: Path
) -> None:
    with manager_at(folder / "notify") as manager:
        instance = make_instance(config=GRACE)
        instance.environment |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "400000"}
        instance.start()
        blocking = instance.client.put(time.sleep, 3, queue="reactor")

        def longest_silence() -> float:
            manager.listen()
            times = [when for when, lines in manager.heard if "WATCHDOG" in lines]
            return max((after - one for one, after in pairwise(times)), default=0.0)

        wait_until(lambda: longest_silence() > 2.5, "no sign of life", seen=instance.evidence)
        instance.client.wait_for(blocking)
        before = len(manager.all_of("WATCHDOG"))
        wait_until(lambda: len(manager.all_of("WATCHDOG")) > before + 3, "signs of life again")


def test_a_start_that_waits_for_its_database_asks_for_more_time(
    make_instance: Callable[..., Instance], folder: Path
) -> None:
    with manager_at(folder / "notify") as manager:
        instance = make_instance(config=AWAY.format(port=free_port()))
        instance.environment |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "400000"}
        instance.launch()
        manager.wait_for("STATUS", "waits for the database")
        wait_until(lambda: len(manager.all_of("EXTEND_TIMEOUT_USEC")) > 2, "more time to be asked")
        assert manager.all_of("READY") == []
        instance.stop()


def test_a_manager_that_is_gone_is_told_of_in_the_log_and_stops_nothing(
    make_instance: Callable[..., Instance], folder: Path
) -> None:
    instance = make_instance(config=GRACE)
    address = folder / "notify"
    instance.environment |= {"NOTIFY_SOCKET": str(address)}
    instance.start()
    client = instance.client
    client.wait_for(*client.put_many(jobs.nothing, 10))
    assert instance.log.count("the service manager cannot be told how this supervisor is") == 1
    with manager_at(address) as manager:
        manager.wait_for("READY")
        assert instance.stop() == 0
