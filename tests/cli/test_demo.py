"""The demo as people run it: real processes, a real kill, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.instance import ROOT, Client, Instance
from tests.support.leftovers import left_processes
from zcasync.cli import demo as demo_module
from zcasync.cli.demo import Host, demo
from zcasync.cli.main import execute
from zcasync.database.client import open_client
from zcasync.demo.index import ROOT_KEY
from zcasync.demo.source import standard_library
from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
from zcasync.testing.waiting import wait_until

#: Enough of the library for a dozen jobs, so that a child can be killed among them.
PACKAGES = ["asyncio", "ctypes", "email", "http", "importlib", "json", "logging", "multiprocessing"]
PACKAGES += ["pydoc_data", "unittest", "urllib", "xml"]
SECONDS = 120.0

SCRIPT = """
import sys
from pathlib import Path
from zcasync.cli.demo import demo
sys.exit(demo(sys.argv[2] or None, Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some packages of the standard library, and a file that is not Python."""
    root = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(standard_library() / name, root / name, ignore=ignored)
    (root / "broken.py").write_text("(")
    return root


class Run:
    """One run of the demo in a process of its own, with ``folder`` for temporary files."""

    def __init__(self, folder: Path, source: Path, home: Path | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(source), str(home or "")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        )
        self.said = ""

    def read_until(self, text: str) -> str:
        """Read what it says up to a line with this text; the line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if text in line:
                return line
        raise AssertionError(f"the demo ended without saying {text!r}:\n{self.said}")

    def end(self) -> int:
        """Read the rest; the exit code."""
        rest, _ = self.process.communicate(timeout=SECONDS)
        self.said += rest
        return self.process.returncode


@pytest.fixture
def runs(folder: Path, source: Path) -> Iterator[list[Run]]:
    """Every run that a test started; ended with the test."""
    started: list[Run] = []
    yield started
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.communicate()


def test_a_killed_child_costs_nothing_and_both_counts_agree(
    folder: Path, source: Path, runs: list[Run]
) -> None:
    run = Run(folder, source)
    runs.append(run)
    assert run.end() == 0, run.said
    assert "kill -9" in run.said
    assert "begun 2x, interrupted 1x, stored once" in run.said, run.said
    assert "DIFFERENT" not in run.said
    assert "Every file was counted exactly once." in run.said
    rows = [line.split() for line in run.said.splitlines()]
    assert ["files", "skipped,", "not", "valid", "Python", "1", "1", "OK"] in rows
    files = next(row for row in rows if row[:2] == ["files", "counted"])
    assert int(files[2]) == len(list(source.rglob("*.py"))) - 1
    assert max(map(len, run.said.splitlines())) <= 100
    assert list(folder.iterdir()) == []


def test_a_supervisor_that_runs_already_is_used_and_goes_on(
    folder: Path, source: Path, runs: list[Run]
) -> None:
    instance = Instance(folder / "h", children=1)
    try:
        instance.start()
        run = Run(folder, source, instance.home)
        runs.append(run)
        assert run.end() == 0, run.said
        assert f"Supervisor: process {instance.pid}, was running already." in run.said
        assert "Every file was counted exactly once." in run.said
        assert instance.is_alive
        with contextlib.closing(Client(open_client(instance.home))) as client:
            index = client.connection.root()[ROOT_KEY]
            assert "unittest/mock.py" in [mention.name for mention in index.lookup("asyncio")]
        assert instance.stop() == 0
    finally:
        instance.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(
    folder: Path, source: Path, runs: list[Run], number: signal.Signals
) -> None:
    run = Run(folder, source)
    runs.append(run)
    run.read_until("jobs are in the queue")
    run.process.send_signal(number)
    assert run.end() == 130, run.said
    assert "Interrupted" in run.said
    assert list(folder.iterdir()) == []
    wait_until(lambda: not left_processes(), "its processes to be gone", seen=left_processes)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells processes of such a death")
def test_a_demo_that_is_killed_takes_its_supervisor_along(
    folder: Path, source: Path, runs: list[Run]
) -> None:
    run = Run(folder, source)
    runs.append(run)
    run.read_until("Supervisor: process")
    assert len(left_processes()) > 3, "the supervisor, its server and its children"
    run.process.kill()
    run.process.communicate()
    wait_until(
        lambda: not left_processes(),
        "the supervisor and its processes to end",
        SECONDS,
        left_processes,
    )


def test_a_supervisor_that_cannot_start_is_quoted(folder: Path) -> None:
    home = folder / "h"
    (home / "etc").mkdir(parents=True)
    (home / "etc" / "zcasync.conf").write_text("<nonsense>\n")
    done = subprocess.run(
        [sys.executable, "-m", "zcasync.cli.main", "demo", "--home", str(home)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=SECONDS,
    )
    assert done.returncode == 3
    assert "The supervisor is in trouble" in done.stdout
    assert "nonsense" in done.stdout
    assert done.stderr == "zcasync: the demo's supervisor ended by itself, with exit code 2\n"


def test_a_home_without_children_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = Instance(folder / "h", children=0)
    try:
        instance.start()
        monkeypatch.setattr(demo_module, "CHILDREN_SECONDS", 0.0)
        with pytest.raises(ConfigurationError, match="has no children, so no thread job runs"):
            Host(Home(instance.home), None).wait_for_children()
    finally:
        instance.end()


def test_counts_that_differ_are_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "demo", lambda home: 1)
    assert execute(["demo"]) == 1


def test_a_folder_without_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing to index"):
        demo(None, tmp_path)


def test_the_tour_shows_what_can_be_said_of_a_job(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zcasync.cli.main", "demo", "--tour"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    for said in (
        "attempt 3: the mail is sent",
        "it hung here: File",
        "1 of them at once",
        "put for ",
        "part 0, part 1, part 2, part 3, part 4",
        "10 of 10 members have ended; their squares make 285",
        "All of it did what it says.",
    ):
        assert said in done.stdout, done.stdout
    assert list(folder.iterdir()) == []
