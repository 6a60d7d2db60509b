"""What stands around a supervisor: signals, rotations, a frozen server, a full pipe."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import threading
from collections import Counter as Tally
from pathlib import Path
from typing import Any

import psutil

from tests.support.instance import Instance

#: The seconds from one act to the next, and how long something stands still.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 1.5
STOPPED_SECONDS = 2.5
#: How often each act is done, relative to the others.
WEIGHTS = {
    "reopen": 3,
    "stacks": 2,
    "reload": 2,
    "stop_supervisor": 1,
    "stop_server": 2,
    "stop_child": 2,
    "read_stderr": 3,
    "window": 2,
}


class FullPipe:
    """A pipe for the supervisor's stderr, full from the beginning, which is read now and then."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o600)
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.fill()

    def fill(self) -> None:
        """Let nothing more go in."""
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(self._fd, b"\n" * size)

    def read(self) -> None:
        """Read all there is."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._fd, 65536):
                pass

    def close(self) -> None:
        """Hang up."""
        os.close(self._fd)


class Surroundings:
    """Does one act after the other to a running supervisor; ``tally`` counts."""

    def __init__(self, instance: Instance, pipe: FullPipe, rng: random.Random) -> None:
        self.tally: Tally[str] = Tally()
        self._instance = instance
        self._pipe = pipe
        self._rng = rng
        self._log = instance.home / "log" / "zcasync.log"
        self._rotations = 0
        self._pace = threading.Event()  # never set

    def act(self) -> None:
        """Do something by chance; returns when it is over."""
        names, weights = list(WEIGHTS), list(WEIGHTS.values())
        (name,) = self._rng.choices(names, weights)
        self.tally[name] += 1
        getattr(self, f"_{name}")()
        self._pace.wait(self._rng.uniform(SHORTEST_PAUSE, LONGEST_PAUSE))

    def rotate(self) -> None:
        """Move, remove or copy the log and empty it, as logrotate does, and tell nobody."""
        how = self._rng.choice(["move", "remove", "copytruncate"])
        self.tally[f"rotation: {how}"] += 1
        if how == "move":
            self._rotations += 1
            self._log.rename(self._log.with_name(f"rotated.{self._rotations}"))
        elif how == "remove":
            self._log.unlink()
        else:
            shutil.copy(self._log, self._log.with_name("copied"))
            os.truncate(self._log, 0)

    def _reopen(self) -> None:
        self._instance.send(signal.SIGUSR1)

    def _stacks(self) -> None:
        self._instance.send(signal.SIGUSR2)

    def _reload(self) -> None:
        self._instance.send(signal.SIGHUP)

    def _window(self) -> None:
        self._instance.send(signal.SIGWINCH)

    def _read_stderr(self) -> None:
        self._pipe.read()
        self._pace.wait(self._rng.uniform(0.1, 1.0))
        self._pipe.fill()

    def _stop_supervisor(self) -> None:
        self._stand_still(psutil.Process(self._instance.pid))

    def _stop_server(self) -> None:
        self._stand_still_one("zcasync.supervisor.zeo_server")

    def _stop_child(self) -> None:
        self._stand_still_one("zcasync.child")

    def _stand_still_one(self, module: str) -> None:
        found = [one for one in self._instance.descendants() if module in _command(one)]
        if found:
            self._stand_still(self._rng.choice(found))

    def _stand_still(self, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
            try:
                self._pace.wait(self._rng.uniform(0.1, STOPPED_SECONDS))
            finally:
                process.resume()


def _command(process: psutil.Process) -> list[str]:
    try:
        found: Any = process.cmdline()
    except psutil.Error:
        return []
    return found  # type: ignore[no-any-return]
