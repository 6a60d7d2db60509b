"""zcasync status and zcasync ghosts: with a supervisor, without one, and with a frozen one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Result, extra_worker, finish, frozen, start
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.job.ids import id_of

Cli = Callable[..., Result]

#: A command that has to give up after a second is allowed this much on a busy machine.
SOON_SECONDS = 20.0


def test_status_as_json_has_the_whole_picture(
    served: Instance, client: Client, cli: Cli, gate: Gate
) -> None:
    served.wait_for_children(2, "idle")
    held = client.put(jobs.echo, begin_after=datetime.now(UTC) + timedelta(hours=5))
    running = client.put(jobs.pass_gate, gate.path)
    child = gate.wait_for()
    done = cli("status", "--json")
    shown = done.json
    assert (done.code, done.err) == (0, "")
    assert shown["home"] == str(served.home)
    assert shown["instance"] == str(served.worker().UUID)
    assert shown["wakeup"] == "push"
    assert shown["supervisor"]["running"] is True
    assert shown["supervisor"]["pid"] == served.pid
    assert shown["supervisor"]["passes"]["claimed"] >= 1
    assert set(shown["queues"]) == {"thread", "reactor"}
    assert shown["queues"]["thread"]["held"] >= 1
    assert set(shown["queues"]["reactor"]) == {
        "due",
        "held",
        "set_aside",
        "missing",
        "oldest_due",
        "paused",
    }
    worker = shown["workers"][0]
    assert worker["uuid"] == str(served.worker().UUID)
    assert worker["engine"] == str(served.worker().engineUUID)
    assert (worker["verdict"], worker["pid"]) == ("running", served.pid)
    assert set(worker["versions"]) == {"Python", "Twisted", "ZEO", "ZODB", "zcasync"}
    assert datetime.fromisoformat(worker["last_ping"]) <= datetime.now(UTC)
    assert worker["thread"] == {"size": 2, "len": 1}
    assert worker["reactor"] == {"size": 4, "len": 0}
    assert worker["completed"] == len(served.worker().completed)
    assert {one["pid"]: (one["state"], one["job"]) for one in worker["children"]}[child] == (
        "busy",
        id_of(running),
    )
    assert all(one["rss"] > 0 and one["jobs_done"] >= 0 for one in worker["children"])
    assert {one["pid"]: one["in_hand"] for one in worker["children"]}[child] == 1
    others = [one for one in worker["children"] if one["pid"] != child]
    assert [one["state"] for one in others if one["slot"] is not None] == ["idle"]
    assert {one["state"] for one in others if one["slot"] is None} <= {"spare"}
    gate.open()
    client.wait_for(running)
    client.manager.thread.withdraw(held)
    client.commit()


def test_status_in_words_fits_a_hundred_columns(served: Instance, cli: Cli) -> None:
    shown = cli("status")
    assert shown.code == 0
    assert max(map(len, shown.out.splitlines())) <= 100
    for text in (str(served.home), f"process {served.pid}", str(served.worker().UUID), "running"):
        assert text in shown.out


def test_the_children_of_other_workers_are_not_known(
    served: Instance, client: Client, cli: Cli
) -> None:
    with extra_worker(client) as other:
        workers = {one["uuid"]: one for one in cli("status", "--json").json["workers"]}
        assert workers[str(other.UUID)]["children"] is None
        assert workers[str(other.UUID)]["verdict"] == "stopped"
        assert workers[str(other.UUID)]["engine"] is None
        assert cli("ghosts").code == 0


def test_a_running_supervisor_whose_record_names_another_engine_is_usurped(
    served: Instance, cli: Cli
) -> None:
    worker = served.worker()
    engine = worker.engineUUID
    with frozen(served.pid):  # it would notice
        try:
            worker.engineUUID = uuid.uuid4()
            served.client.commit()
            shown = cli("status", "--json", "--timeout", "4")
        finally:
            worker.engineUUID = engine
            served.client.commit()
    assert shown.json["workers"][0]["verdict"] == "usurped"
    assert str(engine) in shown.json["workers"][0]["reason"]


def test_a_killed_supervisor_leaves_a_ghost_with_its_jobs(
    ghost: tuple[Instance, str], cli: Cli
) -> None:
    instance, job_id = ghost
    shown = cli("status", "--home", instance.home, "--json")
    assert shown.code == 0
    assert shown.json["supervisor"]["running"] is False
    assert shown.json["supervisor"]["pid"] is None
    assert shown.json["wakeup"] is None
    worker = shown.json["workers"][0]
    assert (worker["verdict"], worker["children"]) == ("ghost", [])
    assert f"process {instance.pid}" in worker["reason"]
    listed = cli("ghosts", "--home", instance.home, "--json")
    assert listed.code == 1
    assert [one["jobs"] for one in listed.json["ghosts"]] == [[job_id]]
    words = cli("ghosts", "--home", instance.home)
    assert words.code == 1
    assert f"Holds      {job_id}" in words.out
    assert f"zcasync run --home {instance.home}" in words.out
    assert (instance.home / "var" / "zeo.sock").exists()
    assert (instance.home / "var" / "control.sock").exists()
    put = cli("put", "time.time", "--home", instance.home, "--timeout", "1000")  # nobody waits
    assert put.code == 3
    assert "zcasync run" in put.error


@pytest.mark.parametrize("command", [["status"], ["put", "time.time"], ["jobs"], ["ghosts"]])
def test_a_frozen_database_server_keeps_no_command_waiting(
    served: Instance, command: list[str]
) -> None:
    with frozen(served.status()["server_pid"]):
        began = time.monotonic()
        done = finish(start(*command, "--timeout", "1"))
        assert time.monotonic() - began < SOON_SECONDS
    assert done.code == 3, done
    assert done.error


def test_status_without_the_database_says_what_the_supervisor_knows(served: Instance) -> None:
    with frozen(served.status()["server_pid"]):
        done = finish(start("status", "--json", "--timeout", "1"))
    assert done.code == 3
    assert done.json["supervisor"]["pid"] == served.pid
    assert done.json["queues"] is None


def test_a_frozen_supervisor_is_reported_not_to_answer(served: Instance, cli: Cli) -> None:
    with frozen(served.pid):
        shown = cli("status", "--json", "--timeout", "4")
    assert shown.code == 0
    assert shown.json["supervisor"]["running"] is True
    assert shown.json["supervisor"]["pid"] == served.pid
    told = f"process {served.pid} is stopped (fg, or kill -CONT {served.pid})"
    assert told in shown.json["supervisor"]["waiting_for"]
    assert shown.json["workers"][0]["verdict"] == "running"
    assert shown.json["workers"][0]["children"] is None


def test_a_home_that_was_never_served_has_a_status(cli: Cli, tmp_path: Path) -> None:
    shown = cli("status", "--home", tmp_path, "--json")
    assert shown.code == 0
    assert shown.json["workers"] == []
    assert shown.json["instance"] is None
    assert shown.json["queues"]["thread"] == {
        "due": 0,
        "held": 0,
        "set_aside": 0,
        "missing": [],
        "oldest_due": None,
        "paused": False,
    }
    assert "no supervisor has run here" in cli("status", "--home", tmp_path).out
    assert cli("ghosts", "--home", tmp_path).code == 0
    assert list(tmp_path.iterdir()) == []  # only a supervisor makes a home


@pytest.mark.parametrize("command", ["status", "ghosts", "jobs", "stop"])
def test_a_missing_home_is_exit_code_2(cli: Cli, tmp_path: Path, command: str) -> None:
    shown = cli(command, "--home", tmp_path / "nothing")
    assert (shown.code, shown.out) == (2, "")
    assert "--home" in shown.error
