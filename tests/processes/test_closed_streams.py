"""Processes that begin without standard streams, or without a current directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import SECONDS
from tests.jobs import basic as jobs
from tests.support.instance import ROOT, Instance
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

SCRIPTS = Path(sys.executable).parent
CLI = [sys.executable, "-P", "-m", "zcasync.cli.main"]
#: Starts a command with all three closed.
CLOSED = ["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"]
#: Starts a command in a directory that is removed first.
NOWHERE = ["sh", "-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh"]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def ways(home: Path) -> Iterator[list[str]]:
    """The ways to start a supervisor in the foreground."""
    options = ["--home", str(home), "--children", "1"]
    yield [str(SCRIPTS / "zcasync"), "run", *options]
    yield [str(SCRIPTS / "twistd"), "--nodaemon", "--pidfile=", "zcasync", *options]


def streams_of(pid: int) -> list[str]:
    return [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)]


def works(instance: Instance) -> None:
    """Ten jobs in a row are done."""
    for number in range(10):
        assert instance.client.wait_for(instance.client.put(jobs.echo, number)) == ((number,), {})


@pytest.mark.parametrize("way", range(2), ids=["zcasync", "twistd"])
def test_a_supervisor_without_streams_works_and_stops(
    make_instance: Callable[..., Instance], way: int
) -> None:
    instance = make_instance()
    instance.launch([*CLOSED, *list(ways(instance.home))[way]])
    wait_until(lambda: (instance.home / "var" / "control.sock").exists(), "its socket")
    instance.wait_for_children(1, "idle")
    assert streams_of(instance.pid) == [os.devnull] * 3
    works(instance)
    os.kill(instance.child_pids()[0], signal.SIGKILL)
    works(instance)
    assert instance.stop() in (0, -signal.SIGTERM)  # twistd ends by the signal that stopped it
    assert instance.output == ""


def test_a_daemon_that_twistd_has_made_without_streams(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance()
    log, pid_file = instance.home.with_name("twistd.log"), instance.home.with_name("twistd.pid")
    files = ["--pidfile", str(pid_file), "--logfile", str(log)]
    home = ["--home", str(instance.home)]
    assert run([*CLOSED, str(SCRIPTS / "twistd"), *files, "zcasync", *home]).returncode == 0
    wait_until(pid_file.exists, "the daemon's pid")
    pid = int(pid_file.read_text())
    try:
        wait_until(lambda: "zcasync ready" in log.read_text(), "it to be ready", 60, log.read_text)
        assert streams_of(pid) == [os.devnull] * 3
        works(instance)
    finally:
        instance.close_client()
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: is_gone(pid), "the daemon's end", seen=log.read_text)


COMMANDS = [
    ["status"],
    ["check"],
    ["jobs"],
    ["put", "math.sqrt", "--arg", "16", "--wait", "30"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_commands_without_streams_do_what_they_say(common: Instance, words: list[str]) -> None:
    home = ["--home", str(common.home)]
    assert run([*CLOSED, *CLI, *words, *home]).returncode == 0
    assert run([*CLOSED, *CLI, words[0], "--no-such-option"]).returncode == 2
    some = ["sh", "-c", 'exec "$@" 0<&- 1>&-', "sh"]  # what is said goes where it can
    done = run([*some, *CLI, words[0], "--no-such-option"])
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such option" in done.stderr


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_commands_in_a_directory_that_is_gone(
    common: Instance, words: list[str], tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = run([*NOWHERE, str(gone), *CLI, *words, "--home", str(common.home)])
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    gone.mkdir()
    done = run([*NOWHERE, str(gone), *CLI, *words, "--home", "instance"])
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "home 'instance' is in the current directory, which is gone" in line


@pytest.mark.parametrize("way", range(2), ids=["zcasync", "twistd"])
def test_a_supervisor_in_a_directory_that_is_gone(
    make_instance: Callable[..., Instance], tmp_path: Path, way: int
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    instance = make_instance()
    instance.launch([*NOWHERE, str(gone), *list(ways(instance.home))[way]])
    instance.wait_until_ready()
    works(instance)
    os.kill(instance.child_pids()[0], signal.SIGKILL)
    works(instance)
    assert instance.stop() in (0, -signal.SIGTERM)
