"""Where a supervisor and all that it starts import from: from what is named, nowhere else."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import finish, start
from tests.support.foreign_code import EARLIEST, imported, plant
from tests.support.instance import ROOT, SHORT, Instance
from zcasync.demo.hosting import OwnSupervisor
from zcasync.instance.home import Home
from zcasync.testing.waiting import wait_until

SCRIPTS = Path(sys.executable).parent
APP = "def job(word):\n    return word * 2\n"


def look_for(name: str) -> str:
    """Where a process finds a module."""
    return str(importlib.import_module(name).__file__)


@pytest.fixture
def standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a stranger's modules, the current directory of all that is started."""
    folder = plant(tmp_path / "foreign")
    monkeypatch.chdir(folder)
    return folder


def commands(home: Path) -> Iterator[list[str]]:
    """The ways to start a supervisor."""
    options = ["--home", str(home), "--children", "1"]
    yield [str(SCRIPTS / "zcasync"), "run", *options]
    yield [sys.executable, "-m", "zcasync.cli.main", "run", *options]
    twistd = ["--nodaemon", "--pidfile=", "zcasync", *options]
    yield [str(SCRIPTS / "twistd"), *twistd]


@pytest.mark.parametrize("way", range(3), ids=["zcasync", "module", "twistd"])
def test_nothing_is_imported_from_where_the_supervisor_was_started(
    make_instance: Callable[..., Instance], standing: Path, way: int
) -> None:
    instance = make_instance()
    instance.launch(list(commands(instance.home))[way])
    wait_until(Home(instance.home).zeo_socket.exists, "the database", seen=instance.evidence)
    instance.wait_for_children(1, "idle")
    instance.wait_for_spare()
    for queue in ("thread", "reactor"):
        partial = instance.client.put(look_for, "only_here", queue=queue)
        failure = instance.client.wait_for(partial)
        assert failure.check(ModuleNotFoundError), failure
    found = instance.client.wait_for(instance.client.put(look_for, "json"))
    assert found == importlib.import_module("json").__file__
    assert imported(standing) == ""


@pytest.mark.parametrize("way", [0, 2], ids=["zcasync", "twistd"])
def test_no_module_there_is_taken_for_one_of_pythons_own_or_of_ours(
    make_instance: Callable[..., Instance],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: int,
) -> None:
    foreign = plant(tmp_path / "foreign", EARLIEST)
    monkeypatch.chdir(foreign)
    instance = make_instance()
    instance.launch(list(commands(instance.home))[way])
    wait_until(Home(instance.home).zeo_socket.exists, "the database", seen=instance.evidence)
    (child,) = instance.wait_for_children(1, "idle")
    put = [str(SCRIPTS / "zcasync"), "put", "math.sqrt", "--arg", "16", "--wait", "30"]
    for _ in range(2):
        done = subprocess.run([*put, "--home", str(instance.home)], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "4.0\n"), done.stderr
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)  # the next one, and the next server, are started there
        os.kill(instance.status()["server_pid"], signal.SIGKILL)
    assert imported(foreign) == ""


def test_an_empty_and_a_relative_entry_of_pythonpath(
    make_instance: Callable[..., Instance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("")
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "their_app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    instance = make_instance()
    instance.environment["PYTHONPATH"] = f"{ROOT}::named"
    instance.start()
    client = instance.client
    for queue in ("thread", "reactor"):
        assert client.wait_for(client.put(look_for, "their_app", queue=queue)) == str(
            tmp_path / "named" / "their_app.py"
        )
        failure = client.wait_for(client.put(look_for, "only_here", queue=queue))
        assert failure.check(ModuleNotFoundError), failure


def test_the_supervisor_of_the_demo(
    folder: Path, standing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["", str(ROOT), *sys.path])
    supervisor = OwnSupervisor(Home(folder / "home"), 1)
    try:
        supervisor.wait_until_ready()
    finally:
        supervisor.stop()
    assert imported(standing) == ""


def test_import_path_names_folders(
    make_instance: Callable[..., Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SHORT.replace("</zcasync>", "  import-path jobs\n</zcasync>")
    instance = make_instance(config=config)
    (instance.home / "jobs").mkdir(mode=0o755)
    (instance.home / "jobs" / "app_of_the_home.py").write_text(APP)
    instance.start()
    for queue in ("thread", "reactor"):
        put = ["put", "app_of_the_home.job", "--arg", '"ab"', "--queue", queue, "--wait", "30"]
        done = finish(start(*put, "--home", instance.home))
        assert (done.code, done.out) == (0, '"abab"\n'), done.err
    deep = finish(start("check", "--deep", "--home", instance.home))
    assert deep.code == 0, deep.out


def test_a_folder_that_others_can_fill_is_warned_of(make_instance: Callable[..., Instance]) -> None:
    config = SHORT.replace("</zcasync>", "  import-path jobs\n</zcasync>")
    instance = make_instance(config=config)
    (instance.home / "jobs").mkdir()
    (instance.home / "jobs").chmod(0o777)
    instance.start()
    assert f"{instance.home}/jobs can be written by other users" in instance.log


def test_a_missing_callable_says_how_folders_are_named(
    make_instance: Callable[..., Instance], folder: Path
) -> None:
    instance = make_instance().start()
    done = finish(start("put", "no_such_app.job", "--home", instance.home))
    assert done.code == 2
    assert "PYTHONPATH" in done.error
    assert f"import-path in {instance.home}/etc/zcasync.conf" in done.error
