"""``zcasync queue``: a queue of one's own is made, served, paused, drained, and by whom."""

from __future__ import annotations

import getpass
from collections.abc import Callable

import pytest

from tests.cli.conftest import Result
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Instance
from zcasync.interfaces import PENDING

Cli = Callable[..., Result]


@pytest.fixture
def home(make_instance: Callable[..., Instance], monkeypatch: pytest.MonkeyPatch) -> Instance:
    """A supervisor of the test's own, with one child."""
    instance = make_instance(children=1).start()
    monkeypatch.setenv("INSTANCE_HOME", str(instance.home))
    return instance


def test_a_queue_is_made_and_its_jobs_are_performed(home: Instance, cli: Cli) -> None:
    done = cli("queue", "mail", "--add")
    assert (done.code, done.err) == (0, "")
    assert "mail" in done.out
    assert "1" in done.out.splitlines()[-2].split(), "the worker serves it"
    home.client.sync()
    partial = home.client.put(jobs.nothing, queue="mail")
    home.client.wait_for(partial)
    assert partial.queue.__name__ == "mail"
    put = cli("put", "time.time", "--queue", "mail", "--wait", 30)
    assert put.code == 0, put


def test_a_paused_queue_begins_nothing_until_it_is_resumed(
    home: Instance, cli: Cli, gate: Gate
) -> None:
    cli("queue", "mail", "--add")
    home.client.sync()
    running = home.client.put(jobs.pass_gate, gate.path, queue="mail")
    gate.wait_for()
    assert cli("queue", "mail", "--pause").code == 0
    home.client.sync()
    waiting = home.client.put(jobs.nothing, queue="mail")
    gate.open()
    home.client.wait_for(running)
    other = home.client.put(jobs.nothing)
    home.client.wait_for(other)
    assert waiting.state == PENDING
    (found,) = cli("queue", "mail", "--json").json["queues"]
    assert (found["paused"], found["due"], found["claimed"]) == (True, 1, 0)
    acts = [(act["what"], act["who"].split("@")[0]) for act in found["acts"]]
    assert acts == [("added", getpass.getuser()), ("paused", getpass.getuser())]
    assert "paused by" in cli("queue", "mail").out
    assert "paused" in cli("status").out
    assert cli("queue", "mail", "--resume").code == 0
    home.client.wait_for(waiting)


def test_a_drain_waits_until_nothing_is_due_or_running(
    home: Instance, cli: Cli, gate: Gate
) -> None:
    partial = home.client.put(jobs.pass_gate, gate.path)
    later = home.client.put(jobs.nothing, delay=3600)
    gate.wait_for()
    done = cli("queue", "thread", "--drain", 0)
    assert done.code == 1
    assert "queue thread is not drained: 1 of its jobs" in done.err
    gate.open()
    done = cli("queue", "thread", "--drain", 60)
    assert (done.code, done.err) == (0, "")
    home.client.sync()
    assert partial.has_result
    assert not later.has_result


def test_what_keeps_a_queue_from_being_drained_is_said(home: Instance, cli: Cli) -> None:
    cli("queue", "mail", "--add")
    cli("queue", "mail", "--pause")
    home.client.sync()
    home.client.put(jobs.nothing, queue="mail")
    done = cli("queue", "mail", "--drain", 0)
    assert (done.code, "it is paused: zcasync queue mail --resume" in done.err) == (1, True)
    cli("queue", "mail", "--resume")
    assert cli("queue", "mail", "--drain", 60).code == 0
    home.client.sync()
    home.client.worker(home.home).queues = "thread"
    home.client.commit()
    home.client.put(jobs.nothing, queue="mail")
    assert "no worker that runs serves it" in cli("queue", "mail", "--drain", 0).err


def test_a_queue_that_is_not_there_is_refused_in_one_line(home: Instance, cli: Cli) -> None:
    cli("queue", "mail", "--add")
    for words in (["queue", "mial", "--pause"], ["put", "time.time", "--queue", "mial"]):
        assert "there is no queue 'mial': did you mean mail?" in cli(*words).error
    assert "a queue cannot have the name 'My Mail'" in cli("queue", "My Mail", "--add").error


def test_who_has_retried_a_job_stands_in_its_history(home: Instance, cli: Cli) -> None:
    partial = home.client.put(jobs.raise_text, "no")
    home.client.wait_for(partial)
    assert cli("retry", partial.id).code == 0
    home.client.wait_for(partial)
    found = cli("job", partial.id, "--json").json
    assert [(act["what"], act["who"].split("@")[0]) for act in found["acts"]] == [
        ("retried", getpass.getuser())
    ]
    assert f"retried by {getpass.getuser()}" in cli("job", partial.id).out


def test_a_supervisor_serves_the_queues_that_it_is_told(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=1, config="<zcasync>\n  queues mail:1\n</zcasync>\n").start()
    client = instance.client
    client.manager.add_queue("mail")
    client.commit()
    assert client.worker(instance.home).queues == {"mail": 1}
    waiting = client.put(jobs.nothing)
    client.wait_for(client.put(jobs.nothing, queue="mail"))
    assert waiting.state == PENDING
    client.worker(instance.home).queues = "*"
    client.commit()
    client.wait_for(waiting)


def test_a_supervisor_serves_the_queues_of_its_command_line(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=1)
    instance.launch([*instance.command, "--queues", "mail:1, reactor"]).wait_until_ready()
    client = instance.client
    client.manager.add_queue("mail")
    client.commit()
    assert client.worker(instance.home).queues == {"mail": 1, "reactor": None}
    waiting = client.put(jobs.nothing)
    client.wait_for(client.put(jobs.nothing, queue="mail"))
    assert waiting.state == PENDING
    client.worker(instance.home).queues = None
    client.commit()
    client.wait_for(waiting)
