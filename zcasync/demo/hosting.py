"""A supervisor that the demo starts for itself, and stops with all its processes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from zcasync import import_path
from zcasync.errors import NotRunning
from zcasync.instance.home import Home

#: A supervisor prints a line that begins so when its first child can take a job.
READY = "zcasync ready"
START_SECONDS = 120.0
#: The time from the end of its output to the end of the process.
CLOSED_TO_GONE_SECONDS = 5.0
#: A supervisor lets running jobs finish, for 25 s unless its configuration says otherwise.
STOP_SECONDS = 60.0
LOG_TAIL_LINES = 15
PR_SET_PDEATHSIG = 1


class OwnSupervisor:
    """A supervisor in a process of its own, away from the terminal's Ctrl-C."""

    def __init__(self, home: Home, children: int) -> None:
        self._home = home
        self._lines: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        self._is_ready_or_ended = threading.Event()
        self._is_ready = False
        command = import_path.python("-m", "zcasync.cli.main", "run")
        self._process = subprocess.Popen(
            [*command, "--home", os.fspath(home.path), "--children", str(children)],
            env=import_path.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_end_with_parent(),
        )
        self._reader = threading.Thread(target=self._read, name="supervisor output", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The pid of the supervisor."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Wait until its first child is ready.  Raises NotRunning when that does not happen."""
        if self._is_ready_or_ended.wait(START_SECONDS) and not self._is_ready:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(CLOSED_TO_GONE_SECONDS)
        self.check()
        if not self._is_ready:
            raise NotRunning(f"the demo's supervisor was not ready within {START_SECONDS:g} s")

    def check(self) -> None:
        """Raise NotRunning when the supervisor has ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise NotRunning(f"the demo's supervisor ended by itself, with exit code {code}")

    def last_lines(self) -> list[str]:
        """Return the last lines of its output and its log, in this order."""
        return [*self._lines, *_tail(self._home.log / "zcasync.log")][-LOG_TAIL_LINES:]

    def stop(self) -> None:
        """Stop it; return when the process is gone.  Safe to repeat."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            # Its database server and its children end when it is gone.
            self._process.kill()
            self._process.wait()
        self._reader.join(5)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.append(line.rstrip())
                if line.startswith(READY):
                    self._is_ready = True
                    self._is_ready_or_ended.set()
        self._is_ready_or_ended.set()


def temporary_home() -> Home:
    """Create a new home, to be removed with :func:`remove`."""
    return Home(Path(tempfile.mkdtemp(prefix="zcasync-demo-")))


def remove(home: Home) -> None:
    """Remove a home, and the folder of its sockets where its path is too long to hold them.

    Raises OSError.
    """
    sockets = home.control_socket.parent
    if sockets != home.var and sockets.exists():
        shutil.rmtree(sockets)
    shutil.rmtree(home.path)


def _end_with_parent() -> Callable[[], object] | None:
    """Return what lets the kernel stop the supervisor when the demo is killed, where it can."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded here: little is safe between fork and exec
    return lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _tail(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    except OSError:
        return []
