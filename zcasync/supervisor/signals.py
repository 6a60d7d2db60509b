"""The signals of a supervisor's process: one table of what it does at each of them.

A handler notes what is to be done, and the reactor does it, or where that may be what hangs, a
thread.  Signals that came before there was a reactor were held (``zcasync.protocol.dispositions``).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from twisted.logger import Logger

from zcasync.errors import ConfigurationError
from zcasync.instance.settings import Configuration
from zcasync.protocol.dispositions import held, ignore_at_exit
from zcasync.protocol.output_marks import STACK_SIGNAL
from zcasync.supervisor import logs
from zcasync.supervisor.reaper import Reaper
from zcasync.supervisor.service import Supervisor, stop_reactor
from zcasync.supervisor.stacks import stacks_of_threads

log = Logger()

#: What is left of the grace period when a second SIGTERM or SIGINT has come.
HURRY_SECONDS = 3.0
#: One that comes so soon after another one is the same: wrappers send it to their child, and to the
#: group of it.
SAME_SECONDS = 0.1
#: The end at once takes no longer, whatever the log does.
LAST_LINE_SECONDS = 1.5
#: The exit code of that end.
EXIT_AT_ONCE = 1


class Signals:
    """The signals of the process of one supervisor; made, and installed, in its main thread.

    ``read()`` returns the configuration as it is now, or raises ConfigurationError.
    """

    def __init__(
        self, reactor: Any, supervisor: Supervisor, read: Callable[[], Configuration]
    ) -> None:
        self._reactor = reactor
        self._supervisor = supervisor
        self._read = read
        self._reaper = Reaper(reactor)
        self._has_terminal = has_terminal()
        self._times, self._last = 0, float("-inf")  # of SIGTERM and SIGINT
        self._for_thread: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._table: dict[int, Callable[[str, float], None]] = {
            signal.SIGTERM: self._stop,
            signal.SIGINT: self._stop,
            signal.SIGHUP: self._hang_up if self._has_terminal else self._reload,
            signal.SIGUSR1: self._reopen,
            STACK_SIGNAL: self._show_stacks,
        }

    def install(self) -> None:
        """Act on signals from now on, and on those that were held; the reactor has begun to run.

        In a terminal those stay ignored that were when the process was started, for it to outlive
        the terminal; elsewhere they are asked for.
        """
        threading.Thread(target=self._serve, name="signals", daemon=True).start()
        kept = held.ignored & {signal.SIGHUP, signal.SIGINT} if self._has_terminal else frozenset()
        for number in set(self._table) - kept:
            signal.signal(number, self._came)
        ignore_at_exit()
        self._reaper.start()
        for number, at in held.take():
            self._act(number, at)

    def _came(self, number: int, frame: Any) -> None:
        self._act(number, time.monotonic())

    def _act(self, number: int, at: float) -> None:
        self._table[number](signal.Signals(number).name, at)

    def _serve(self) -> None:
        while True:
            act = self._for_thread.get()
            try:
                act()
            except Exception:  # the next signal may ask for the end
                log.failure("while acting on a signal")

    # in the handlers

    def _stop(self, name: str, at: float) -> None:
        is_same, self._last = at - self._last < SAME_SECONDS, at
        if is_same:
            return
        self._times += 1
        if self._times == 1:
            self._supervisor.deadline.begin()
            self._reactor.callFromThread(self._begin_to_stop, name)
        elif self._times == 2:
            self._supervisor.deadline.hurry(HURRY_SECONDS)
            self._reactor.callFromThread(self._hurry, name)
        else:
            signal.signal(signal.SIGALRM, lambda number, frame: os._exit(EXIT_AT_ONCE))
            signal.setitimer(signal.ITIMER_REAL, LAST_LINE_SECONDS)
            self._for_thread.put(lambda: end_at_once(name))

    def _hang_up(self, name: str, at: float) -> None:
        """The terminal is gone, of which the kernel and a shell may both tell."""
        self._supervisor.deadline.begin()
        self._reactor.callFromThread(self._begin_to_stop, name)

    def _reload(self, name: str, at: float) -> None:
        self._reactor.callFromThread(self._read_again, name)

    def _reopen(self, name: str, at: float) -> None:
        self._reactor.callFromThread(self._reopen_log, name)

    def _show_stacks(self, name: str, at: float) -> None:
        self._for_thread.put(lambda: log_stacks(name))
        self._reactor.callFromThread(self._ask_children)

    # in the reactor

    def _begin_to_stop(self, name: str) -> None:
        log.info("{name} stops the supervisor", name=name)
        self._supervisor.is_told_to_stop = True
        stop_reactor(self._reactor)

    def _hurry(self, name: str) -> None:
        log.warn(
            "{name} again: running jobs get {seconds:g} s more at most, and a third one ends the "
            "supervisor at once",
            name=name,
            seconds=HURRY_SECONDS,
        )
        self._supervisor.hurry(HURRY_SECONDS)

    def _reopen_log(self, name: str) -> None:
        logs.reopen()
        log.info("{name}: the log is open anew", name=name)

    def _read_again(self, name: str) -> None:
        self._reopen_log(name)
        try:
            configuration = self._read()
        except ConfigurationError as error:
            log.error("{name}: the configuration stays as it was: {why}", name=name, why=str(error))
        else:
            self._supervisor.adopt(configuration)

    def _ask_children(self) -> None:
        for child in self._supervisor.status()["children"]:
            with suppress(ProcessLookupError):
                os.kill(child["pid"], STACK_SIGNAL)


def log_stacks(name: str) -> None:
    """Log the Python stack of each thread of this process."""
    log.info("{name}: the supervisor is at\n{stacks}", name=name, stacks=stacks_of_threads())


def end_at_once(name: str) -> None:
    """End this process: the kernel kills its children then, and the database server ends."""
    try:
        log.error(
            "{name} for the third time: the supervisor ends at once; its children are killed, and "
            "their jobs are left to the next engine",
            name=name,
        )
        logs.end()
    finally:
        os._exit(EXIT_AT_ONCE)


def has_terminal() -> bool:
    """Return whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True
