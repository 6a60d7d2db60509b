"""Retention, packs and room, with real supervisors: by age, by number, with odd clocks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import command
from tests.jobs import basic as jobs
from tests.processes.disks import mounted
from tests.support.clocks import WRONG_CLOCK, WrongClock
from tests.support.instance import Client, Instance
from zcasync.database.packing import last_packed
from zcasync.instance.home import Home
from zcasync.testing.waiting import wait_until

DAY = 24 * 3600
SMALL = "<zcasync>\n  grace-period 5\n  max-completed 100\n  max-failed 64\n</zcasync>\n"
#: Children that cannot start.
BREAKS = """
import os, sys
if "zcasync.child" in sys.orig_argv:
    sys.stderr.write("this machine is broken\\n")
    os._exit(9)
"""


def status(home: Path, *more: object) -> Any:
    return json.loads(command("status", "--home", home, "--json", *more).out)


def counts(client: Client, instance: Instance) -> tuple[int, int]:
    """How many are kept, and how many of these have failed."""
    client.sync()
    completed = instance.worker().completed
    return len(completed), completed.failed


def ten_jobs(client: Client) -> None:
    for _ in range(10):
        client.wait_for(client.put(jobs.nothing))


def test_completed_jobs_are_kept_by_their_number(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(children=2, config=SMALL).start()
    client = instance.client
    partials = client.put_many(jobs.nothing, 600)
    failed = [client.put(jobs.raise_text, "no such order") for _ in range(20)]
    client.wait_for(*partials, *failed, timeout=60.0)
    newest = client.put(jobs.echo, 1)
    client.wait_for(newest)

    def few() -> bool:
        total, bad = counts(client, instance)
        return total - bad <= 100 + 32

    wait_until(few, "the oldest to go", 100.0, instance.evidence)
    total, bad = counts(client, instance)
    assert total >= 100
    assert bad == 20, "they are kept for longer"
    client.wait_until(
        lambda: newest._p_oid in {one._p_oid for one in instance.worker().completed},
        "the newest to be retired",
    )
    ten_jobs(client)
    audit = command("check", "--deep", "--home", instance.home)
    assert audit.code == 0, audit


@pytest.mark.parametrize("when", ["while it runs", "while it is down"])
def test_a_clock_that_is_set_forward_drops_no_young_job(
    make_instance: Callable[..., Instance], tmp_path: Path, when: str
) -> None:
    instance = make_instance(children=1)
    wrong = WrongClock(tmp_path / "clock")
    instance.import_path.insert(0, WRONG_CLOCK)
    instance.environment.update(wrong.environment)
    client = instance.start().client
    ten_jobs(client)
    if when == "while it is down":
        instance.stop()
        wrong.set(60 * DAY)
        client = instance.start().client
    else:
        wrong.set(60 * DAY)

    def has_looked() -> bool:
        client.sync()
        return (instance.worker().completed.dated or 0) > (time.time() + 59 * DAY) * 1e6

    wait_until(has_looked, "the completed jobs to be looked at", 100.0, instance.evidence)
    assert counts(client, instance)[0] == 10
    ten_jobs(client)


def test_upkeep_goes_on_though_no_child_can_start(
    make_instance: Callable[..., Instance], tmp_path: Path
) -> None:
    instance = make_instance(children=1, config=SMALL)
    client = instance.start().client
    client.wait_for(*client.put_many(jobs.nothing, 300), timeout=60.0)
    instance.stop()
    conf = instance.home / "etc" / "zcasync.conf"
    conf.write_text(SMALL.replace("<zcasync>", "<zcasync>\n  pack-days 0.00002"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(BREAKS)
    whole = list(instance.import_path)
    instance.import_path.insert(0, tmp_path / "broken")
    instance.launch()
    wait_until(lambda: "this machine is broken" in instance.log, "no child", seen=instance.evidence)
    home = Home(instance.home)
    first = wait_until(lambda: last_packed(home), "a pack", seen=instance.evidence)
    wait_until(lambda: (last_packed(home) or 0) > first, "another", seen=instance.evidence)
    client = instance.client
    wait_until(lambda: counts(client, instance)[0] <= 132, "a look", 100.0, instance.evidence)
    found = status(instance.home, "--check")
    assert "no-child" in [one["name"] for one in found["check"]["troubles"]]
    instance.stop()
    instance.import_path = whole
    ten_jobs(instance.start().client)


def test_status_tells_of_room_and_packs(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(children=1).start()
    home = Home(instance.home)
    wait_until(home.space.exists, "the first note", seen=instance.evidence)
    found = status(instance.home)["database"]
    assert found["size"] > 0
    assert found["free"] == pytest.approx(
        os.statvfs(instance.home).f_bavail * os.statvfs(instance.home).f_frsize, rel=0.5
    )
    assert (found["packing"], found["pack_problem"], found["growth_per_day"]) == (None, None, None)
    assert found["packed"] < found["pack_due"]
    shown = command("status", "--home", instance.home).out
    assert "free on its disk" in shown
    assert "the next one in" in shown
    now = time.time()
    home.space.write_text(json.dumps([[now - 2 * DAY, 0, 0], [now - DAY, 0, 0]]))
    grown = status(instance.home)["database"]
    assert grown["growth_per_day"] == pytest.approx(grown["size"] / 2, rel=0.1)
    home.space.write_text(json.dumps([[now - 2 * DAY, 0, 0], [now - DAY, 10**15, 0]]))
    full = status(instance.home, "--check")["check"]
    assert (full["level"], [one["name"] for one in full["troubles"]]) == ("WARNING", ["growth"])
    ten_jobs(instance.client)


def test_a_small_disk_is_a_trouble(make_instance: Callable[..., Instance], folder: Path) -> None:
    with mounted(folder / "home" / "var"):
        instance = make_instance(children=1).start()
        try:
            done = command("status", "--check", "--home", instance.home)
            assert done.code == 1
            assert "the disk of the database has" in done.out
            ten_jobs(instance.client)
        finally:
            instance.end()
