"""A reload of a real supervisor: new code with new children, and not a job is interrupted."""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.conftest import Result, finish, start
from tests.jobs import basic as jobs
from tests.processes.test_containers import Contained, needs_containers
from tests.support.audits import audited
from tests.support.gates import Gate
from tests.support.instance import Instance, short_folder
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

MakeInstance = Callable[..., Instance]
CONFIG = """
<zcasync>
  grace-period 20
  boot-timeout 15
  storage-timeout 2
  application shop_setup:set_up
</zcasync>
"""
SET_UP = "def set_up(process):\n    return None\n"
SHOP = "def version():\n    return {}\n"


class Site:
    """An application's code, which changes under its worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 1
        self.write("shop_setup", SET_UP)
        self.write("shop", SHOP.format(self.number))

    def renew(self) -> int:
        """Write the next version of its code; the number of that."""
        self.number += 1
        self.write("shop", SHOP.format(self.number))
        return self.number

    def write(self, module: str, text: str) -> None:
        (self.folder / f"{module}.py").write_text(text)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The code, also for this process, which puts calls of its first version."""
    made = Site(tmp_path_factory.mktemp("site"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(made.folder))
        patch.setattr(sys, "dont_write_bytecode", True)
        importlib.import_module("shop")
        yield made
        sys.modules.pop("shop", None)


@pytest.fixture(scope="module")
def shared(site: Site) -> Iterator[Instance]:
    with short_folder() as folder, audited(folder):
        made = with_code(Instance(folder / "home", children=2, config=CONFIG), site)
        try:
            yield made.start()
        finally:
            made.end()


@pytest.fixture
def instance(shared: Instance, site: Site) -> Instance:
    """A supervisor that the tests share, with two children and a spare, all of one generation."""
    site.write("shop_setup", SET_UP)
    found = last_reload(shared)
    if found is not None and found["state"] != "done":
        assert reload(shared, "--wait").code == 0, shared.evidence()
    shared.wait_for_children(2)
    shared.wait_for_spare()
    return shared


@pytest.fixture
def made(site: Site, make_instance: MakeInstance) -> Callable[..., Instance]:
    """Makes instances of that application."""

    def make(children: int = 1) -> Instance:
        site.write("shop_setup", SET_UP)
        return with_code(make_instance(children=children, config=CONFIG), site)

    return make


def with_code(instance: Instance, site: Site) -> Instance:
    instance.import_path.insert(0, site.folder)
    # What is written twice within a second has the same time, and Python would keep the first.
    instance.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return instance


def reload(instance: Instance, *words: object) -> Result:
    return finish(start("reload", "--home", instance.home, *words), 120)


def version(instance: Instance) -> Any:
    """What a job says of its code."""
    client = instance.client
    return client.wait_for(client.put(sys.modules["shop"].version))


def require_work(instance: Instance) -> None:
    """Ten jobs that do nothing, in a row."""
    for _ in range(10):
        instance.client.wait_for(instance.client.put(jobs.nothing))


def pids(instance: Instance) -> set[int]:
    """All children, the spare too."""
    return {one["pid"] for one in instance.status()["children"]}


def is_at(instance: Instance, generation: int, state: str, old: int) -> bool:
    """Whether the last reload is so far, with so many old children left."""
    found = last_reload(instance)
    return (found["generation"], found["state"], found["old"]) == (generation, state, old)


def last_reload(instance: Instance) -> Any:
    return instance.status()["reload"]


def test_new_code_is_used_and_old_children_finish_their_jobs(
    instance: Instance, site: Site, gate: Gate
) -> None:
    client = instance.client
    client.sync()
    assert version(instance) in range(1, site.number + 1)
    long = client.put(jobs.pass_gate, gate.path)
    busy = gate.wait_for()
    before = pids(instance)
    site.renew()

    done = reload(instance)
    assert (done.code, done.err) == (0, ""), done
    assert done.out.startswith("new children work; ")
    generation = last_reload(instance)["generation"]
    waiting = start("reload", "--home", instance.home, "--wait", "--json")
    wait_until(
        lambda: is_at(instance, generation + 1, "replacing", 1),
        "all but the busy child to be replaced",
        seen=instance.evidence,
    )
    assert [version(instance) for _ in range(4)] == [site.number] * 4
    assert psutil.pid_exists(busy)
    shown = finish(start("status", "--home", instance.home))
    assert "new children work; 1 old one ends after its job" in " ".join(shown.out.split())
    assert "old code: ends after its job" in " ".join(shown.out.split())
    gate.open()
    assert client.wait_for(long) == busy
    assert (long._interruptions, gate.arrivals()) == (0, [busy])

    done = finish(waiting)
    assert (done.code, done.err) == (0, ""), done
    assert done.json["reload"]["state"] == "done"
    assert not pids(instance) & before
    require_work(instance)
    assert "killed" not in instance.log


def test_new_children_that_cannot_boot_leave_the_old_ones_working(
    instance: Instance, site: Site
) -> None:
    before = pids(instance)
    old, new = version(instance), site.renew()
    site.write("shop_setup", "def set_up(process:\n")
    done = reload(instance)
    assert (done.code, done.out) == (1, "")
    assert "the new child cannot boot, and the old ones go on" in done.error
    assert "SyntaxError" in done.error
    assert "zcasync status" in done.error
    generation = last_reload(instance)["generation"]
    assert pids(instance) == before
    assert version(instance) in range(old, new + 1), (
        "a child that has not loaded it yet loads what is there"
    )
    require_work(instance)

    shown = finish(start("status", "--home", instance.home)).out
    assert "Reload" in shown
    assert "def set_up(process:" in shown, "the last lines of the traceback"
    judged = finish(start("status", "--check", "--home", instance.home))
    assert judged.code == 1
    assert "the last reload failed, the old children go on" in judged.out
    assert "def set_up(process:" in instance.log

    done = reload(instance, "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == 1
    assert done.json["reload"]["state"] == "failed"
    assert any("SyntaxError" in line for line in done.json["reload"]["output"])

    site.write("shop_setup", SET_UP)
    done = reload(instance, "--wait")
    assert (done.code, done.out) == (0, f"all children are new (generation {generation + 2})\n")
    assert not pids(instance) & before
    assert version(instance) == new
    require_work(instance)
    assert finish(start("status", "--check", "--home", instance.home)).code == 0


def test_children_without_a_slot_show_new_code_too(instance: Instance, site: Site) -> None:
    instance.worker().thread.size = 0
    instance.client.commit()
    wait_until(lambda: pids(instance) == set(), "no child to be left", seen=instance.evidence)
    assert reload(instance).code == 0
    site.write("shop_setup", "raise RuntimeError('not this one')\n")
    done = reload(instance)
    assert done.code == 1
    assert "not this one" in done.error
    wait_until(lambda: pids(instance) == set(), "no child to be left", seen=instance.evidence)
    site.write("shop_setup", SET_UP)
    instance.client.sync()
    instance.worker().thread.size = 2
    instance.client.commit()
    require_work(instance)


def test_two_reloads_at_once_end_well(instance: Instance, site: Site) -> None:
    before = pids(instance)
    site.renew()
    both = [start("reload", "--home", instance.home, "--wait") for _ in range(2)]
    for one in both:
        done = finish(one)
        assert (done.code, done.err) == (0, ""), done
    assert not pids(instance) & before
    assert version(instance) == site.number
    require_work(instance)


def test_jobs_are_done_once_each_while_children_are_replaced_again_and_again(
    instance: Instance,
) -> None:
    counter = instance.client.add("counter", jobs.Counter())
    partials = []
    for _ in range(2):
        partials += [instance.client.put(counter.add) for _ in range(100)]
        assert reload(instance).code == 0
    instance.client.wait_for(*partials, timeout=120)
    instance.client.sync()
    assert counter.value == 200
    assert {one._interruptions for one in partials} == {0}
    assert reload(instance, "--wait").code == 0
    require_work(instance)


def test_what_reactor_jobs_load_is_looked_at_by_new_children_and_a_restart_is_told_of(
    instance: Instance,
) -> None:
    client = instance.client
    before = instance.log.count("started (checker)")
    client.wait_for(client.put(jobs.process, queue="reactor"))
    assert instance.log.count("started (checker)") > before
    before = instance.log.count("started (checker)")
    done = reload(instance, "--wait")
    assert done.code == 0, done
    assert "reactor jobs go on with the code that the supervisor has loaded" in done.out
    client.wait_for(client.put(jobs.echo, queue="reactor"))
    assert instance.log.count("started (checker)") > before
    require_work(instance)


def test_a_reload_while_the_database_is_away_leaves_the_old_children(instance: Instance) -> None:
    before = pids(instance)
    server = instance.status()["server_pid"]
    os.kill(server, signal.SIGSTOP)
    try:
        done = reload(instance)
    finally:
        os.kill(server, signal.SIGCONT)
    assert done.code == 1, done
    assert "the old ones go on" in done.error
    assert before <= pids(instance)
    require_work(instance)
    assert reload(instance, "--wait").code == 0
    require_work(instance)


def test_a_new_child_that_is_frozen_is_ended_and_one_that_dies_is_told_of(
    instance: Instance, site: Site
) -> None:
    before = pids(instance)
    for number, text in ((signal.SIGKILL, "SIGKILL"), (signal.SIGSTOP, "not ready within 15 s")):
        site.write("shop_setup", "import time\ndef set_up(process):\n    time.sleep(60)\n")
        reloading = start("reload", "--home", instance.home)
        wait_until(lambda: pids(instance) - before, "the new child", seen=instance.evidence)
        (trial,) = pids(instance) - before
        os.kill(trial, number)
        done = finish(reloading)
        assert done.code == 1, done
        assert text in done.error
        wait_until(functools.partial(is_gone, trial), "its end")
        assert pids(instance) == before, instance.evidence()
        require_work(instance)


def test_a_supervisor_that_stops_refuses_and_one_that_dies_leaves_nobody(
    made: MakeInstance, gate: Gate
) -> None:
    instance = made().start()
    instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    instance.close_client()
    instance.send(signal.SIGTERM)
    wait_until(lambda: instance.status()["wakeup"] is None, "the stop to begin")
    done = reload(instance)
    assert done.code == 1, done
    assert "not reloaded: no engine runs" in done.error
    gate.open()
    assert instance.wait() == 0
    done = reload(instance)
    assert done.code == 3
    assert "no supervisor runs for" in done.error

    instance.start()
    reloading = start("reload", "--home", instance.home, "--wait")
    wait_until(lambda: last_reload(instance), "the reload to begin")
    family = instance.descendants()
    instance.kill()
    done = finish(reloading)
    assert done.code in (1, 3), done
    wait_until(lambda: all(map(is_gone, family)), "its processes to be gone")
    instance.start()
    require_work(instance)


def twistd(instance: Instance) -> list[str]:
    script = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
    options = ["--nodaemon", "--pidfile=", "zcasync", "--home", str(instance.home)]
    return [sys.executable, "-c", script, *options]


def test_under_twistd(made: MakeInstance, site: Site) -> None:
    instance = made()
    instance.launch(twistd(instance)).wait_until_ready()
    version(instance)
    site.renew()
    assert reload(instance, "--wait").code == 0
    assert version(instance) == site.number
    require_work(instance)


@needs_containers
def test_in_a_container(site: Site, folder: Path) -> None:
    home = folder / "inside"
    instance = with_code(Contained(home, config=CONFIG), site)
    try:
        instance.start()
        version(instance)
        site.renew()
        done = reload(instance, "--wait", "--json")
        assert done.code == 0, done
        assert json.loads(done.out)["reload"]["state"] == "done"
        assert version(instance) == site.number
        require_work(instance)
    finally:
        instance.end()
