"""Versions of ZODB and ZEO that are not supported: each process refuses them in one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.instance import ROOT, Instance
from tests.support.pretended_versions import pretend
from zcasync.testing.waiting import wait_until

SENTENCE = (
    "ZODB 7.0 is installed, and zcasync works with ZODB 5.8 to 6.4 and ZEO 5.4 to 6.2 only: "
    "pip install 'ZODB>=5.8,<6.5'"
)
COMMAND = [sys.executable, "-m", "zcasync.cli.main"]
TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
STARTS = {
    "run": [*COMMAND, "run", "--home", "home"],
    "twistd": [sys.executable, "-c", TWISTD, "--nodaemon", "--pidfile=", "zcasync"],
    "server": [sys.executable, "-P", "-m", "zcasync.zeo", "-a", "./socket", "-f", "Data.fs"],
}


def start(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a process in a folder that sees ZODB 7.0, and wait until it has ended."""
    paths = os.pathsep.join([str(pretend(folder / "packages", ZODB="7.0")), str(ROOT)])
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", STARTS)
def test_what_starts_refuses_it_and_makes_nothing(name: str, tmp_path: Path) -> None:
    done = start(STARTS[name], tmp_path)
    said = (done.stdout + done.stderr).splitlines()
    assert name == "twistd" or done.returncode != 0  # as older Twisted ends for wrong use
    assert said[-1].removeprefix("zcasync: ").endswith(SENTENCE)
    assert "Traceback" not in "".join(said)
    assert [one.name for one in tmp_path.iterdir()] == ["packages"]


def test_check_names_it_as_the_problem(tmp_path: Path) -> None:
    done = start([*COMMAND, "check", "--home", "home"], tmp_path)
    assert done.returncode == 2
    assert f"PROBLEM: {SENTENCE}" in " ".join(done.stdout.split())
    assert done.stderr == ""


def test_a_child_of_a_supervisor_under_which_it_was_installed_refuses_it(
    make_instance: Callable[..., Instance], tmp_path: Path
) -> None:
    instance = make_instance()
    instance.import_path.insert(0, tmp_path)
    instance.launch().wait_until_ready()
    instance.wait_for_spare()
    pretend(tmp_path, ZODB="7.0")
    for pid in instance.child_pids():
        os.kill(pid, signal.SIGKILL)

    def problem() -> str:
        return str((instance.status()["boot"] or {}).get("problem"))

    wait_until(lambda: SENTENCE in problem(), "the refusal", seen=instance.evidence)
    assert "Traceback" not in problem()
