"""A real supervisor for tests: a process of its own, with children, on a home that it is given."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import transaction

import zcasync
from zcasync.database.sync import manager_database
from zcasync.datamanager import DataManager, Worker, find
from zcasync.instanceuuid import readUUID
from zcasync.partial import Partial
from zcasync.testing import leash
from zcasync.testing.waiting import wait_for_result, wait_until

START_SECONDS = 60.0
#: Longer than the grace period of CONFIG and what a stop may take besides.
STOP_SECONDS = 45.0
LOOK_SECONDS = 0.02
#: What a home without a configuration gets: at the end of a test nobody wants to wait.
CONFIG = """\
<zcasync>
  grace-period 5
</zcasync>
"""


class Supervisor:
    """A supervisor process and a client of its database; ``start`` it, and ``stop`` it in the end.

    ``home``: a folder, made when missing; a short path, since it holds unix sockets.  ``children``:
    how many jobs at once; None: what the database says.  ``config``: the text of its
    ``etc/zcasync.conf``.  ``import_path``: where children import from; None: where this process
    does.  ``connection``, and so all that is found through it, belongs to this thread's
    ``transaction.manager``.  The supervisor ends with the thread that has started it (Linux).
    """

    def __init__(
        self,
        home: str | os.PathLike[str],
        *,
        children: int | None = 1,
        config: str = CONFIG,
        import_path: Iterable[str | os.PathLike[str]] | None = None,
    ) -> None:
        self.home = Path(home).absolute()
        self.children = children
        paths = sys.path if import_path is None else import_path
        self._import_path = os.pathsep.join(os.path.abspath(path) for path in paths)
        self._process: subprocess.Popen[bytes] | None = None
        self._output = self.home / "log" / "output.txt"
        self._connection: Any = None
        self._output.parent.mkdir(parents=True, exist_ok=True)
        config_file = self.home / "etc" / "zcasync.conf"
        config_file.parent.mkdir(exist_ok=True)
        config_file.write_text(config)

    # the process

    def start(self) -> Supervisor:
        """Start it and wait until a child can take a job.

        Raises AssertionError, with its output and its log, when it ends or is not ready in time.
        """
        assert not self.is_alive, f"the supervisor of {self.home} runs already, as {self.pid}"
        children = [] if self.children is None else ["--children", str(self.children)]
        run = [sys.executable, "-m", "zcasync.cli.main", "run", "--home", str(self.home), *children]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", leash.__file__, str(os.getpid()), *run],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": self._import_path},
            )
        try:
            self.wait_until(
                lambda: "zcasync ready" in self.output or not self.is_alive,
                "the supervisor to be ready",
                START_SECONDS,
            )
            assert self.is_alive, f"the supervisor has not started\n{self.evidence()}"
        except BaseException:
            self._end_family(signal.SIGKILL)
            raise
        return self

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process, or the last one that was."""
        assert self._process is not None, "the supervisor has not been started"
        return self._process.pid

    def stop(self) -> None:
        """Stop it gracefully.  Where it has died already, waits for what it had started.

        Raises AssertionError, with its output and its log, when it does not end in time or not with
        exit code 0; then it is killed with all that it has started.
        """
        self.close()
        was_alive = self.is_alive
        self._end_family(signal.SIGTERM)
        code = self._process.returncode if self._process is not None and was_alive else 0
        assert code == 0, f"the supervisor ended with {code}\n{self.evidence()}"

    def kill(self) -> None:
        """SIGKILL it, as a crash would end it, and wait until it and its children are gone."""
        self.close()
        self._end_family(signal.SIGKILL)

    def _end_family(self, number: signal.Signals) -> None:
        """Send the process a signal, and let nothing that it has started outlive it for long."""
        if self._process is None:
            return
        family: list[psutil.Process] = []
        try:
            if self.is_alive:
                family = psutil.Process(self.pid).children(recursive=True)
                self._end(self._process, number)
        finally:
            left = _wait_for_end({*family, *_started_by(self.pid)})
        assert not left, f"the supervisor left processes behind: {left}\n{self.evidence()}"

    def _end(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Send the process a signal, and kill it where it does not end of that."""
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(
                f"the supervisor had not ended {STOP_SECONDS:g} s after {number.name}\n"
                f"{self.evidence()}"
            ) from None

    # its database

    @property
    def connection(self) -> Any:
        """A connection to its main database.  Raises NotRunning while it does not run."""
        if self._connection is None:
            self._connection = zcasync.open(self.home).open()
        return self._connection

    @property
    def data_manager(self) -> DataManager:
        """The data manager, through that connection."""
        name = manager_database(self.connection.db()).database_name
        found = find(self.connection.get_connection(name))
        assert found is not None, f"no data manager in the database of {self.home}"
        return found

    @property
    def worker(self) -> Worker:
        """The worker of this home: its sizes, its UUID, what it has completed."""
        found = readUUID(self.home)
        assert found is not None, f"{self.home} has no UUID: no supervisor has run there"
        return self.data_manager.workers[UUID(bytes=found.bytes)]

    def put(self, call: Any, *args: Any, queue: str = "thread", **options: Any) -> Partial:
        """Put a call in a queue and commit; returns its partial."""
        call = Partial(call, *args) if args else call
        partial = self.data_manager.queue(queue).put(call, **options)
        transaction.commit()
        return partial

    def wait_for_result(self, partial: Partial, seconds: float = 30.0) -> Any:
        """The result of a partial.

        Raises AssertionError, with what was seen and the log, when it is not there in time or the
        supervisor has ended.
        """

        def look() -> None:
            assert self.is_alive, "the supervisor has ended"

        try:
            return wait_for_result(partial, turn=look, seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.evidence()}") from None

    def wait_until(
        self, condition: Callable[[], Any], what: str = "the condition", seconds: float = 30.0
    ) -> Any:
        """The first true value of ``condition()``, asked in a new transaction each time.

        Raises AssertionError, with the output and the log, when there is none in time.
        """

        def look() -> Any:
            if self._connection is not None:
                transaction.begin()
            return condition()

        return wait_until(look, what, seconds=seconds, seen=lambda: f"\n{self.evidence()}")

    def close(self) -> None:
        """Close the connection; what was found through it cannot be used any more."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            databases = list(connection.db().databases.values())
            transaction.abort()
            connection.close()
            for db in databases:
                db.close()

    # what it says

    @property
    def output(self) -> str:
        """What it has printed."""
        return _text(self._output)

    @property
    def log(self) -> str:
        """Its log, which has what jobs print too."""
        return _text(self.home / "log" / "zcasync.log")

    def evidence(self) -> str:
        """The last of its output and of its log, for messages about failures."""
        code = self._process.poll() if self._process is not None else None
        state = (
            "runs" if self.is_alive else "does not run" if code is None else f"ended with {code}"
        )
        return (
            f"--- supervisor of {self.home}: {state}; its output\n{self.output[-3000:]}"
            f"--- its log\n{self.log[-6000:]}"
        )


def _started_by(pid: int) -> list[psutil.Process]:
    """The database server and the children of a supervisor; their command lines tell when it has
    died, and they are nobody's any more."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # gone meanwhile, or another user's
            if any(_parent_in(word) == pid for word in process.cmdline()):
                found.append(process)
    return found


def _parent_in(word: str) -> int | None:
    """The supervisor that a word of a command line names, where that is what a process was told."""
    with contextlib.suppress(ValueError, AttributeError):
        return json.loads(word).get("parent") if word.startswith("{") else None
    return None


def _wait_for_end(family: set[psutil.Process]) -> list[psutil.Process]:
    """Wait until all have ended, and kill those that do not; returns these."""
    until = time.monotonic() + STOP_SECONDS
    while (left := _running(family)) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return left


def _running(family: set[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended.  In a container process 1 may leave the dead unreaped for ever."""
    left = []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    return left


def _text(path: Path) -> str:
    """The text of a file; '' when there is none yet."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
