"""A stop needs nothing of the environment: all that belongs to it was imported at the start.

An environment can be replaced, or removed, under a supervisor that runs: a deploy does that.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_run_and_stop import TWISTD
from tests.jobs import basic as jobs
from tests.jobs import hanging
from tests.processes.test_bounded_stop import CONFIG, ENDS_NOW
from tests.support.gates import Gate
from tests.support.instance import ROOT, Instance, engine_of
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

FLAG = "ZCASYNC_TEST_STOPS"
#: Notes what is imported once the file that the variable names is there.
HOOK = f"""
import os, sys

FLAG = os.environ.get("{FLAG}")

def note(event, found):
    if event == "import" and os.path.exists(FLAG):
        who = [one for one in sys.orig_argv if "zcasync" in one][:1]
        with open(FLAG, "a") as notes:
            notes.write(f"{{found[0]}} in {{who}}\\n")

if FLAG:
    sys.addaudithook(note)
"""


class Replaced(Instance):
    """A supervisor whose library is gone when it stops."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder / name, children=1, config=CONFIG)
        self.library = folder / f"{name}.library"
        shutil.copytree(
            ROOT / "zcasync", self.library / "zcasync", ignore=shutil.ignore_patterns("*.pyc")
        )
        (self.library / "sitecustomize.py").write_text(HOOK)
        self.import_path = [self.library, ROOT]
        self.flag = folder / f"{name}.flag"
        self.environment[FLAG] = str(self.flag)

    def lose(self) -> None:
        """Lose the library, and note from now on what is imported."""
        self.library.rename(self.library.with_suffix(".before"))
        self.flag.touch()

    def missed(self) -> set[str]:
        """The names of what it has imported since, besides modules of Python itself."""
        lines = self.flag.read_text().splitlines()
        return {one for one in lines if one.split(".")[0].split()[0] not in PYTHONS}


PYTHONS = sys.stdlib_module_names


def idle(instance: Replaced, gate: Gate) -> None:
    """It has done jobs of both kinds."""
    instance.client.wait_for(
        instance.client.put(jobs.nothing), instance.client.put(jobs.nothing, queue="reactor")
    )


def at_work(instance: Replaced, gate: Gate) -> None:
    """Its child is at a job that outlasts the grace period, and its server is frozen."""
    instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    os.kill(instance.status()["server_pid"], signal.SIGSTOP)


def hung(instance: Replaced, gate: Gate) -> None:
    """Its reactor hangs."""
    instance.client.put(hanging.in_reactor, gate.path, queue="reactor")
    gate.wait_for()


@pytest.mark.leaves("anything")
def test_a_stop_without_the_library(folder: Path) -> None:
    instances: dict[Callable[[Replaced, Gate], None], Replaced] = {
        act: Replaced(folder, act.__name__) for act in (idle, at_work, hung)
    }
    try:
        for instance in instances.values():
            instance.launch()
        families = []
        for act, instance in instances.items():
            instance.wait_until_ready()
            act(instance, Gate(folder / f"{act.__name__}.gate"))
            families += instance.descendants()
            instance.lose()
            instance.send(signal.SIGTERM)
        for instance in instances.values():
            assert instance.wait() == 0, instance.evidence()
            assert "Error" not in instance.output.replace("TimeoutError", "")
            assert "Traceback" not in instance.output + instance.log
            assert instance.missed() == set(), instance.evidence()
        wait_until(lambda: all(map(is_gone, families)), "all that they had started to be gone")
        assert engine_of(instances[idle].home) == ""
        assert "as a ghost" in instances[at_work].log
        assert ENDS_NOW in instances[hung].log
    finally:
        for instance in instances.values():
            instance.end()


def test_twistd_without_the_library(folder: Path) -> None:
    instance = Replaced(folder, "home")
    options = ["--nodaemon", "--pidfile=", "zcasync", "--home", str(instance.home)]
    try:
        instance.launch([*TWISTD, *options]).wait_until_ready()
        instance.lose()
        assert instance.stop() in (0, -signal.SIGTERM)  # twistd ends by the signal
        assert "deregistered" in instance.output
        assert "Traceback" not in instance.output
        assert instance.missed() == set(), instance.evidence()
    finally:
        instance.end()
