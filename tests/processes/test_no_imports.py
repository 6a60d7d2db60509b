"""The whole story while supervisor and commands may import nothing of the application."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.jobs import basic as jobs
from tests.jobs import orders
from tests.support.instance import IMPORT_GUARD, ROOT, Client, Instance
from zcasync import Partial
from zcasync.job.ids import id_of

FAR = datetime.timedelta(days=1)


@pytest.fixture
def instance(make_instance: Callable[..., Instance]) -> Instance:
    return make_instance(children=2).start()


def command(instance: Instance, *arguments: str, code: int = 0) -> str:
    """Run a command that may import nothing of the application; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "zcasync.cli.main", *arguments, "--home", str(instance.home)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(IMPORT_GUARD), str(ROOT)]),
            "ZCASYNC_IMPORT_GUARD": instance.environment["ZCASYNC_IMPORT_GUARD"],
        },
        text=True,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    instance.require_no_imports()
    return done.stdout


def put_of_each_kind(client: Client) -> dict[str, Partial]:
    """Jobs whose calls, arguments, results and policies are the application's own."""
    order = client.add("order", orders.Order())
    value = orders.Note()
    found = {
        "method": Partial(order.charge, 3),
        "value": Partial(jobs.echo, value, [value], key=value),
        "raising": Partial(jobs.raise_text, value),
        "callback": Partial(jobs.echo, 1),
    }
    found["callback"].addCallbacks(jobs.echo, jobs.echo)
    client.manager.thread.put_many(found.values())
    found["policy"] = client.manager.thread.put(
        Partial(jobs.raise_text, value), retry=orders.TwiceAtMost
    )
    found["held"] = client.manager.thread.put(Partial(jobs.echo, value), delay=FAR)
    found["reactor"] = client.manager.reactor.put(Partial(jobs.echo, value))
    client.commit()
    return found


def test_nothing_of_the_application_is_imported_by_whatever_looks_after_its_jobs(
    instance: Instance,
) -> None:
    client = instance.client
    found = put_of_each_kind(client)
    held = found.pop("held")
    client.wait_for(*found.values())
    for partial in (*found.values(), held):
        assert id_of(partial) in command(instance, "job", id_of(partial))
        json.loads(command(instance, "job", id_of(partial), "--json"))
    for arguments in (
        ("status",),
        ("status", "--json"),
        ("jobs",),
        ("jobs", "--json", "--state", "completed"),
        ("jobs", "--failed", "--call", "raise_text"),
        ("check", "--deep"),
        ("ghosts",),
        ("retry", "--failed"),
        ("cancel", id_of(held)),
        ("discard", id_of(held)),
        ("discard", "--state", "completed", "--call", "echo"),
        ("pack",),
    ):
        command(instance, *arguments)
    instance.kill()
    command(instance, "ghosts", code=1)
    instance.start()
    again = put_of_each_kind(instance.client)
    again.pop("held")
    instance.client.wait_for(*again.values())
    assert instance.stop() == 0
