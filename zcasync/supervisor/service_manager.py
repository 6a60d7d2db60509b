"""Tells the service manager that has started this process what it is at, as sd_notify(3) has it.

Such a manager, systemd above all, names a unix socket in ``NOTIFY_SOCKET``, and takes lines there:
that we are ready, reload or stop, one that says what we are at, and a sign of life as often as
``WATCHDOG_USEC`` wants one.  The sign comes from the reactor: one that is blocked is noticed.
Without a manager nothing is done, and no timer runs.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import time
from collections.abc import Callable, MutableMapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from zcasync.text import cut, printable

log = Logger()

#: How often to look what we are at: a change is told, and, while the start waits for something,
#: that it goes on.  More often where a sign of life is wanted more often.
LOOK_SECONDS = 5.0
#: So much time a look asks for while the start waits: looks may come late.
MORE_SECONDS = 30.0
STATUS_CHARACTERS = 500
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
STDERR_FD = 2


class ServiceManager:
    """What is told to the manager that ``environ`` names, if there is one.

    ``waits()`` says what keeps the supervisor from working, None: nothing does; ``works()``, in a
    few words, what it is at otherwise.  The manager's variables are taken out of ``environ``:
    processes that are started here are not to speak for us.
    """

    def __init__(
        self,
        reactor: Any,
        environ: MutableMapping[str, str],
        *,
        waits: Callable[[], str | None],
        works: Callable[[], str],
    ) -> None:
        self._waits = waits
        self._works = works
        #: The variables, for a program that this process becomes.
        self.variables = {name: environ.pop(name) for name in VARIABLES if name in environ}
        self._address = _address(self.variables.get("NOTIFY_SOCKET", ""))
        self._watchdog_seconds = _microseconds(self.variables.get("WATCHDOG_USEC", "")) / 1e6
        self._watched_pid = self.variables.get("WATCHDOG_PID", "")
        self._looks = LoopingCall(self._look)
        self._looks.clock = reactor
        self._state: tuple[
            str, ...
        ] = ()  # what is to be known of our life; none before we are ready
        self._is_owed = False  # it has not been taken
        self._reloads = 0  # at work now
        self._status = ""
        self._problem = ""

    def start(self) -> None:
        """Begin to tell, in the process that serves: a daemon is not the one that was started."""
        if self._address is None or self._looks.running:
            return
        if self._watched_pid not in ("", str(os.getpid())):
            self._watchdog_seconds = 0.0
        if self._watchdog_seconds:  # its SIGABRT is to tell where the reactor stood still
            faulthandler.enable(STDERR_FD, all_threads=True)
        self._looks.start(min(self._watchdog_seconds / 2 or LOOK_SECONDS, LOOK_SECONDS))

    def ready(self) -> None:
        """Tell that jobs are performed.  Safe to repeat; a stop is not taken back."""
        self._tell("READY=1", f"MAINPID={os.getpid()}")

    def reloads(self, reload: Deferred[Any]) -> Deferred[Any]:
        """Tell that configuration or code is loaded anew, and when ``reload`` fires, that it is.

        Returns the same Deferred; its result, or its failure, goes on.  Of several at once the last
        one's end counts.  Nothing is told before we are ready, or when the stop has begun.
        """
        if not {"READY=1", "RELOADING=1"} & set(self._state):
            return reload
        self._reloads += 1
        self.moving()
        return reload.addBoth(self._reloaded)

    def moving(self) -> None:
        """Tell that this process goes on anew, and is ready when it says so again."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def _reloaded(self, result: Any) -> Any:
        self._reloads -= 1
        if not self._reloads:
            self.ready()
        return result

    def stopping(self, seconds: float) -> None:
        """Tell that the stop has begun, and that it may take ``seconds``.  Safe to repeat."""
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def stop(self) -> None:
        """Tell nothing more.  Safe to repeat."""
        if self._looks.running:
            self._looks.stop()

    def _tell(self, *state: str) -> None:
        if "STOPPING=1" not in self._state:
            self._state, self._is_owed = state, True
            if self._looks.running:
                self._look()

    def _look(self) -> None:
        """Give a sign of life, and tell what has changed, or was not taken the last time."""
        waits = self._waits()
        status = self._line(waits)
        lines = list(self._state) if self._is_owed else []
        if self._watchdog_seconds:
            lines.append("WATCHDOG=1")
        if waits and not self._state:
            lines.append(f"EXTEND_TIMEOUT_USEC={int(MORE_SECONDS * 1e6)}")
        if status != self._status:
            lines.append(f"STATUS={status}")
        if lines and self._send("\n".join(lines)):
            self._status, self._is_owed = status, False

    def _line(self, waits: str | None) -> str:
        if "STOPPING=1" in self._state:
            return "stops"
        if "RELOADING=1" in self._state:
            return "reloads"
        text = f"waits for {waits}" if waits else self._works()
        return cut(printable(" ".join(text.split())), STATUS_CHARACTERS)

    def _send(self, message: str) -> bool:
        """Send a message at once; return whether it was taken.  A manager may be slow, or gone."""
        assert self._address is not None
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
                way.setblocking(False)
                way.sendto(message.encode("utf-8", "backslashreplace"), self._address)
        except OSError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                log.warn(
                    "the service manager cannot be told how this supervisor is, trying again: "
                    "{why}",
                    why=self._problem,
                )
            return False
        self._problem = ""
        return True


def _address(named: str) -> str | None:
    """Return the address of the manager's socket; None where none is named that we know of."""
    if named.startswith("@"):
        return f"\0{named[1:]}"  # as the kernel names one without a file
    return named if named.startswith("/") else None


def _microseconds(text: str) -> int:
    """Return a number of microseconds; 0 where the text is none."""
    return int(text) if text.isascii() and text.isdigit() else 0
