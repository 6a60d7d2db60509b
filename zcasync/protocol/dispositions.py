"""Dispositions: what each process of a supervisor does at signals, from its first moment on.

Service managers and terminals send a signal to all processes at once.  It is for the supervisor
alone: what the others are to do it tells them, and its end ends them.  They do nothing, by a
handler; what is ignored would stay so in every programme that a job starts.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from zcasync.protocol.output_marks import STACK_SIGNAL

#: The signals at which the supervisor acts, and its processes do nothing, but for those that they
#: have a use for.  A process that starts gets none of them before it is ready for them.
FOR_SUPERVISOR = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, STACK_SIGNAL)


def nothing_more(number: int, frame: FrameType | None) -> None:
    """Do nothing: where there is a wakeup pipe, the number has been written to it already."""


@contextmanager
def withheld() -> Iterator[None]:
    """Withhold signals from a process that is started meanwhile, until it calls ``deliver``."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_SUPERVISOR)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def deliver(*, but: tuple[signal.Signals, ...] = ()) -> None:
    """Let all signals arrive in this thread, whatever the process was started with."""
    signal.pthread_sigmask(signal.SIG_SETMASK, but)


def leave_to_supervisor(*, but: tuple[signal.Signals, ...] = ()) -> None:
    """Do nothing at signals that are for the supervisor; for the main thread, first thing.

    ``but``: those that the process has a handler for, or will have before they are delivered.
    """
    for number in FOR_SUPERVISOR:
        if number not in but:
            signal.signal(number, nothing_more)
            signal.siginterrupt(number, False)
    _wait_for_children()
    ignore_at_exit()
    os.register_at_fork(before=_withhold, after_in_parent=_go_on, after_in_child=_begin_copy)


def ignore_at_exit() -> None:
    """Ignore at the end what would come too late: an interpreter that ends drops its handlers."""

    def ignore() -> None:
        for number in FOR_SUPERVISOR:
            signal.signal(number, signal.SIG_IGN)

    atexit.register(ignore)


_before_fork = threading.local()


def _withhold() -> None:
    """Withhold signals around a fork: the copy must neither miss one nor take one for us."""
    _before_fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_SUPERVISOR)


def _go_on() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _before_fork.mask)


def _begin_copy() -> None:
    """Put the defaults in place of what ``leave_to_supervisor`` has set: jobs end their copies."""
    for number in FOR_SUPERVISOR:
        if signal.getsignal(number) is nothing_more:
            is_interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)
    _go_on()


def _wait_for_children() -> None:
    """Let ends of processes be waited for: who ignores SIGCHLD never learns of them."""
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


class HeldSignals:
    """The signals that came before a supervisor could act on them; one for a process.

    ``ignored``: those that the process was started with as ignored, by ``nohup`` for instance.
    """

    def __init__(self) -> None:
        self.ignored: frozenset[int] = frozenset()
        self._came: list[tuple[int, float]] = []

    def hold(self) -> None:
        """Hold signals from now on, first thing in the main thread.  Safe to repeat."""
        if any(signal.getsignal(number) == self._note for number in FOR_SUPERVISOR):
            return
        self.ignored = frozenset(
            number for number in FOR_SUPERVISOR if signal.getsignal(number) == signal.SIG_IGN
        )
        for number in set(FOR_SUPERVISOR) - self.ignored:
            signal.signal(number, self._note)
        _wait_for_children()
        deliver()

    def take(self) -> list[tuple[int, float]]:
        """Return what came, each with its monotonic time, and hold nothing more."""
        came, self._came = self._came, []
        return came

    def _note(self, number: int, frame: Any) -> None:
        self._came.append((number, time.monotonic()))


#: Those of this process.
held = HeldSignals()
