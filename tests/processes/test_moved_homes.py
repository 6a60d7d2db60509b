"""A home that is moved while a supervisor serves it is served where it is then, or not at all."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import zcasync
from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.processes.test_closed_streams import ways
from tests.support.gates import Gate
from tests.support.instance import SHORT, Client, Instance, stored
from tests.support.service_managers import manager_at
from zcasync.interfaces import COMPLETED
from zcasync.testing.waiting import wait_until

#: The job at the gate is not to be stopped.
PATIENT = SHORT.replace("grace-period 5", "grace-period 60")


def put_ten(home: Path) -> None:
    """Ten jobs in a row are done, the first by a command."""
    done = finish(
        start("put", "math.sqrt", "--arg", "16", "--wait", "60", "--timeout", "60", "--home", home)
    )
    assert (done.code, done.out) == (0, "4.0\n"), done.err
    client = Client(zcasync.open(home))
    for number in range(9):
        assert client.wait_for(client.put(jobs.echo, number)) == ((number,), {})
    client.close()


def supervisor(home: Path) -> dict[str, object]:
    """What status says of it."""
    done = finish(start("status", "--json", "--home", home))
    assert done.code == 0, done.err
    found: dict[str, object] = done.json["supervisor"]
    return found


@pytest.mark.parametrize("name", ["home", "long" * 30], ids=["short", "long"])
def test_the_supervisor_goes_on_where_it_is_now(
    make_instance: Callable[..., Instance], gate: Gate, name: str
) -> None:
    instance = make_instance(name=name, config=PATIENT).start()
    old, new, client = instance.home, instance.home.with_name(f"{name}2"), instance.client
    job = client.put(jobs.Counter().add_at_gate, gate.path)
    gate.wait_for(1)
    old.rename(new)
    # Whatever moment it is, it is found: a run that has a job in hand, one that begins there.
    assert supervisor(new)["pid"] == instance.pid
    wait_until(lambda: "was moved to" in log(new), "it to notice", seen=lambda: log(new))
    assert supervisor(new)["pid"] == instance.pid
    gate.open()
    put_ten(new)
    assert supervisor(new)["pid"] == instance.pid
    assert finish(start("ghosts", "--home", new)).code == 0
    assert not old.exists(), "nothing was made at the old place"
    assert f"{old} was moved to {new}: this process goes on there" in instance.output
    instance.close_client()
    assert finish(start("stop", "--home", new)).code == 0
    assert instance.wait() == 0
    with stored(new) as left:
        again = left.connection.get(job._p_oid)
        assert (again.state, again.result, again.attempts) == (COMPLETED, 1, 1)


def log(home: Path) -> str:
    return (home / "log" / "zcasync.log").read_text()


def test_a_signal_while_it_moves_ends_it(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(config=PATIENT).start()
    new, client = instance.home.with_name("other"), instance.client
    client.put(jobs.Counter().add_at_gate, gate.path)
    gate.wait_for(1)
    instance.home.rename(new)
    wait_until(lambda: "was moved to" in log(new), "it to notice", seen=lambda: log(new))
    instance.send(signal.SIGTERM)
    wait_until(lambda: "SIGTERM stops the supervisor" in log(new), "it to hear")
    gate.open()
    assert instance.wait() == 0
    assert "goes on there" not in instance.output
    assert finish(start("ghosts", "--home", new)).code == 0


def test_a_service_manager_is_told_that_it_goes_on(
    make_instance: Callable[..., Instance], folder: Path
) -> None:
    with manager_at(folder / "notify") as manager:
        instance = make_instance(config=SHORT)
        instance.environment |= {"NOTIFY_SOCKET": manager.address}
        instance.start()
        manager.wait_for("READY")
        new = instance.home.with_name("other")
        instance.home.rename(new)
        manager.wait_for("RELOADING")
        wait_until(
            lambda: len(manager.all_of("READY")) == 2,
            "it to be ready again",
            60,
            instance.evidence,
        )
        assert manager.all_of("STOPPING") == []
        assert set(manager.all_of("MAINPID")) == {str(instance.pid)}
        assert finish(start("stop", "--home", new)).code == 0
        assert instance.wait() == 0
        manager.wait_for("STOPPING")


def test_twistd_ends_and_says_where_it_is_to_be_started(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=SHORT)
    old, new = instance.home, instance.home.with_name("other")
    instance.launch(list(ways(old))[1]).wait_until_ready()
    instance.wait_for_children(1, "idle")
    old.rename(new)
    instance.wait()
    assert f"{old} was moved to {new}" in instance.output
    assert f"zcasync run --home {new}" in instance.output
    assert not old.exists()
    assert finish(start("ghosts", "--home", new)).code == 0


def test_another_home_in_its_place_is_not_taken_for_it(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=SHORT).start()
    old, away = instance.home, instance.home.with_name("away")
    other = instance.home.with_name("other")
    shutil.copytree(old, other, ignore=shutil.ignore_patterns("*.sock"))
    old.rename(away)
    other.rename(old)
    instance.close_client()
    assert instance.wait() == 4
    assert "was replaced or removed" in instance.output


def test_a_home_that_is_removed_ends_it(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(config=SHORT).start()
    instance.close_client()
    shutil.rmtree(instance.home)
    assert instance.wait() == 4
    assert "was replaced or removed" in instance.output
    assert not instance.home.exists()


def test_a_lock_that_is_removed_is_taken_again(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(config=SHORT).start()
    lock = instance.home / "var" / "supervisor.lock"
    lock.unlink()
    wait_until(lock.exists, "the lock", seen=instance.evidence)
    done = finish(start("run", "--home", instance.home))
    assert done.code == 2
    assert f"is served by process {instance.pid}" in done.error
    assert "supervisor.lock was removed while this process held it" in instance.log
    assert instance.client.wait_for(instance.client.put(jobs.echo, 1)) == ((1,), {})
