"""The process of a supervisor in tests: its start, its end and that of its family, its output."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import psutil

from zcasync import import_path
from zcasync.testing.leash import leashed
from zcasync.testing.waiting import wait_until

START_SECONDS = 60.0
#: Longer than the grace periods in tests and what a stop may take besides.
STOP_SECONDS = 45.0


class SupervisorProcess:
    """``zcasync run`` on a home; it ends with the thread that has started it (Linux).

    ``children``: how many jobs at once; None: as the database has it.  ``output_file``: where its
    output goes; its folder must be there.  ``import_path``: where it imports from.
    ``environment``: its variables besides those of this process.
    """

    def __init__(
        self,
        home: Path,
        children: int | None,
        output_file: Path,
        import_path: Iterable[str | os.PathLike[str]],
    ) -> None:
        self.home = home.absolute()
        self.children = children
        self.output_file = output_file
        self.import_path = list(import_path)
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        """The command line that starts it."""
        children = [] if self.children is None else ["--children", str(self.children)]
        home = ["--home", str(self.home)]
        return import_path.python("-m", "zcasync.cli.main", "run", *home, *children)

    def launch(self, command: list[str] | None = None) -> Self:
        """Start it, with its command or another one; does not wait for anything."""
        assert not self.is_alive, f"the supervisor of {self.home} runs already, as {self.pid}"
        paths = import_path.joined([os.fspath(path) for path in self.import_path])
        with self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                leashed(command or self.command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": paths, **self.environment},
            )
        return self

    def start(self) -> Self:
        """Start it and wait until a child can take a job.

        Raises AssertionError, with its output and its log, when it ends or is not ready in time.
        """
        self.launch()
        try:
            return self.wait_until_ready()
        except BaseException:
            self.end_family(signal.SIGKILL)
            raise

    def wait_until_ready(self) -> Self:
        """Wait until a child can take a job; raises what ``start`` does."""
        wait_until(
            lambda: "zcasync ready" in self.output or not self.is_alive,
            "the supervisor to be ready",
            START_SECONDS,
            self.evidence,
        )
        assert self.is_alive, f"the supervisor has not started\n{self.evidence()}"
        return self

    @property
    def is_alive(self) -> bool:
        """True while the process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """The id of its process, or of its last one."""
        assert self.process is not None, "the supervisor has not been started"
        return self.process.pid

    def descendants(self) -> list[psutil.Process]:
        """Return the processes that it has started, and those that they have started."""
        return psutil.Process(self.pid).children(recursive=True) if self.is_alive else []

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None, "the supervisor has not been started"
        self.process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for its end; return its exit code.  Raises AssertionError when that takes too long.

        What it has started may take a moment longer.
        """
        assert self.process is not None, "the supervisor has not been started"
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"the supervisor has not ended within {seconds:g} s\n{self.evidence()}"
            ) from None

    def end_family(self, number: signal.Signals) -> None:
        """Send it a signal, and let nothing that it has started outlive it for long.

        Raises AssertionError, with its output and its log, when something does not end in time;
        then that is killed.  Where it has died already, waits for what it had started.
        """
        if self.process is None:
            return
        family = set(self.descendants())
        try:
            if self.is_alive:
                self.send(number)
                self._wait_or_kill(self.process)
        finally:
            left = _wait_for_end({*family, *_started_by(self.pid)})
        assert not left, f"the supervisor left processes behind: {left}\n{self.evidence()}"

    def _wait_or_kill(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for its end, and kill it when it does not end in time."""
        try:
            self.wait()
        except AssertionError:
            process.kill()
            process.wait()
            raise

    @property
    def output(self) -> str:
        """The text that it has printed."""
        return _text(self.output_file)

    @property
    def log(self) -> str:
        """Its log, which has what jobs print too."""
        return _text(self.home / "log" / "zcasync.log")

    def evidence(self) -> str:
        """Return the last of its output and of its log, for messages about failures."""
        code = self.process.poll() if self.process is not None else None
        state = (
            "runs" if self.is_alive else "does not run" if code is None else f"ended with {code}"
        )
        return (
            f"--- supervisor of {self.home}: {state}; its output\n{self.output[-3000:]}"
            f"--- its log\n{self.log[-6000:]}"
        )


def is_gone(process: psutil.Process | int) -> bool:
    """Return whether a process has ended, also where its parent has not read its exit code yet.

    Processes that a killed supervisor leaves behind go to process 1, which reads exit codes late,
    in some containers never.
    """
    try:
        found = psutil.Process(process) if isinstance(process, int) else process
        return not found.is_running() or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _started_by(pid: int) -> list[psutil.Process]:
    """Return the database server and the children of a supervisor.

    When it has died they have another parent, but their command lines still name it.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # gone meanwhile, or another user's
            if any(_parent_in(word) == pid for word in process.cmdline()):
                found.append(process)
    return found


def _parent_in(word: str) -> int | None:
    """Return the supervisor's pid that a word of a command line names; None: it names none."""
    with contextlib.suppress(ValueError, AttributeError):
        return json.loads(word).get("parent") if word.startswith("{") else None
    return None


def _wait_for_end(family: set[psutil.Process]) -> list[psutil.Process]:
    """Wait until all have ended, and kill those that do not; return these."""

    def left() -> list[psutil.Process]:
        return [process for process in family if not is_gone(process)]

    with contextlib.suppress(AssertionError):
        wait_until(lambda: not left(), "the supervisor's family to end", STOP_SECONDS)
    stayed = left()
    for process in stayed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return stayed


def _text(path: Path) -> str:
    """Return the text of a file; '' when there is none yet."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
