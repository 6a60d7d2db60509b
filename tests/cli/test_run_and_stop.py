"""zcasync run and zcasync stop: the life of a supervisor in the foreground."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Result, finish, start
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import ROOT, Instance, stored
from zcasync.job.ids import id_of
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

Cli = Callable[..., Result]


def test_stop_returns_when_no_process_is_left(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=1).start()
    family = instance.descendants()
    instance.close_client()
    done = cli("stop", "--home", instance.home)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"process {instance.pid} is stopping\nstopped\n"
    assert all(map(is_gone, family))
    assert instance.wait() == 0
    with stored(instance.home) as client:
        assert client.worker(instance.home).engineUUID is None


def test_a_start_warns_of_a_database_that_is_gone(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(children=1)
    lost = f"{instance.home}/var/Data.fs is not there"
    assert instance.start().stop() == 0
    assert lost not in instance.log
    shutil.rmtree(instance.home / "var")
    assert instance.start().stop() == 0
    assert lost in instance.log


@pytest.mark.leaves("anything")
def test_stop_lets_a_running_job_end_and_all_of_it_can_be_read_afterwards(
    make_instance: Callable[..., Instance], cli: Cli, gate: Gate
) -> None:
    instance = make_instance(children=1).start()
    job_id = id_of(instance.client.put(jobs.pass_gate, gate.path))
    gate.wait_for()
    instance.close_client()
    stopping = start("stop", "--home", instance.home, "--json")
    wait_until(lambda: "stopping" in instance.log, "the supervisor to begin to stop")
    gate.open()
    done = finish(stopping)
    assert done.code == 0, done.err
    assert done.json == {"pid": instance.pid, "stopped": True}
    assert instance.wait() == 0
    home = ["--home", instance.home]
    assert cli("job", job_id, *home, "--json").json["state"] == "completed"
    assert [one["id"] for one in cli("jobs", *home, "--json").json["jobs"]] == [job_id]
    status = cli("status", *home, "--json").json
    assert status["supervisor"]["running"] is False
    assert status["workers"][0]["verdict"] == "stopped"
    assert status["workers"][0]["engine"] is None
    assert "does not run" in cli("status", *home).out
    assert cli("ghosts", *home).code == 0
    (instance.home / "var" / "Data.fs").write_text("this is no database")
    damaged = cli("jobs", *home)
    assert (damaged.code, damaged.out) == (2, "")
    assert "Data.fs" in damaged.error


def test_stop_says_when_the_end_takes_longer_than_its_timeout(
    make_instance: Callable[..., Instance], cli: Cli, gate: Gate
) -> None:
    instance = make_instance(children=1).start()
    partial = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    job_id = id_of(partial)
    instance.close_client()
    done = cli("stop", "--home", instance.home, "--timeout", "1")
    assert done.code == 1
    assert "running jobs (1) get up to 5 s" in done.out
    assert "still stopping after 1 s" in done.error
    gate.open()
    assert instance.wait() == 0, job_id


def test_stop_without_a_supervisor_is_exit_code_3(cli: Cli, tmp_path: Path) -> None:
    done = cli("stop", "--home", tmp_path)
    assert (done.code, done.out) == (3, "")
    assert "no supervisor runs" in done.error


def test_the_ready_line_comes_first_and_alone(served: Instance) -> None:
    assert served.output.startswith(f"zcasync ready: serves {served.home}\n")


TWISTD = [
    sys.executable,
    "-c",
    "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()",
]


def test_twistd_in_the_foreground_writes_the_ready_line_to_its_log(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance()
    options = ["--nodaemon", "--pidfile=", "zcasync", "--home", str(instance.home)]
    instance.launch([*TWISTD, *options]).wait_until_ready()
    (line,) = [line for line in instance.output.splitlines() if "zcasync ready" in line]
    assert line.endswith(f"zcasync ready: serves {instance.home}")
    assert instance.wait_for_children(1, "idle")
    assert instance.stop() in (0, -signal.SIGTERM)  # twistd ends by the signal that stopped it


def test_a_twistd_daemon_writes_the_ready_line_to_its_log_file(folder: Path) -> None:
    home, log, pid_file = folder / "home", folder / "twistd.log", folder / "twistd.pid"
    files = ["--pidfile", str(pid_file), "--logfile", str(log)]
    subprocess.run(
        [*TWISTD, *files, "zcasync", "--home", str(home)],
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    wait_until(pid_file.exists, "the daemon's pid")
    pid = int(pid_file.read_text())
    try:
        wait_until(
            lambda: f"zcasync ready: serves {home}\n" in log.read_text() or is_gone(pid),
            "the daemon to be ready",
            60,
            log.read_text,
        )
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: is_gone(pid), "the daemon's end", seen=log.read_text)
    assert "deregistered" in log.read_text()


def test_a_second_supervisor_says_who_serves_the_home_in_one_line(served: Instance) -> None:
    done = finish(start("run", "--home", served.home))
    assert (done.code, done.out) == (2, "")
    assert f"process {served.pid}" in done.error
    assert "zcasync stop" in done.error
    assert served.status()["pid"] == served.pid


def test_a_wrong_configuration_is_exit_code_2_and_makes_no_home(tmp_path: Path) -> None:
    (tmp_path / "wrong.conf").write_text("<zcasync>\n children -1\n</zcasync>\n")
    home = tmp_path / "home"
    done = finish(start("run", "--home", home, "--config", tmp_path / "wrong.conf"))
    assert (done.code, done.out) == (2, "")
    assert "wrong.conf" in done.error
    assert not home.exists()


@pytest.mark.parametrize("option", ["--children=-1", "--children=many", "--grace-period=nan"])
def test_wrong_numbers_are_exit_code_2(cli: Cli, tmp_path: Path, option: str) -> None:
    done = cli("run", "--home", tmp_path / "home", option)
    assert done.code == 2
    assert option.partition("=")[0] in done.error
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_made_is_exit_code_2(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = finish(start("run", "--home", tmp_path / "file" / "home"))
    assert done.code == 2
    assert "cannot be used" in done.error


@pytest.mark.leaves("anything")
def test_a_damaged_database_is_exit_code_2(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance()
    (instance.home / "var").mkdir(mode=0o700)
    (instance.home / "var" / "Data.fs").write_text("this is no database")
    done = finish(start("run", "--home", instance.home))
    assert (done.code, done.out) == (2, "")
    assert "Data.fs" in done.err.splitlines()[-1]
    assert done.err.splitlines()[-1].startswith("zcasync: ")


def test_ctrl_c_is_a_graceful_stop(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(children=0).start()
    assert instance.stop(signal.SIGINT) == 0
    assert "Traceback" not in instance.output
