"""The soft limit in a thread: an exception is raised inside the call, in the job's own code only.

The interpreter raises it between two steps of the thread's Python code.  So it cannot be raised
while C code runs or a lock is waited for; and it must not be raised where it would leave something
half done that outlives the call: in a commit, in ZODB, in the client of the database.  The thread
that raises it looks for that first, and waits until the call is in code of its own.  One that is in
and out of the database all the time is met at its entrance.  When the call returns, what was not
raised by then is taken back, before anything else goes on.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any

from zcasync.errors import SoftTimeLimit
from zcasync.job.callables import call_here
from zcasync.perform.time_limit import CallClock, running_clock
from zcasync.zeo.entrances import at_entrances, at_no_entrance

#: Between two looks at where the call is, seconds.
LOOK_SECONDS = 0.01
#: Packages that are not interrupted, wherever the call has gone through them.
WHOLE = ("ZODB", "ZEO", "transaction", "persistent", "BTrees", "relstorage",
         "zcasync.child", "zcasync.database", "zcasync.datamanager", "zcasync.job",
         "zcasync.partial", "zcasync.perform", "zcasync.queues", "zcasync.retry",
         "zcasync.workers", "zcasync.zeo")  # fmt: skip
#: Those of them that have just entered a connection when the call does, and have done nothing yet.
ENTERING = ("persistent", "BTrees", "zcasync.zeo.entrances")
#: Modules whose own steps are not interrupted; what they call may be.
OWN_STEPS = ("importlib._bootstrap", "importlib._bootstrap_external", "logging")


@dataclass
class Armed:
    """A call that is to be told when its soft limit has passed."""

    clock: CallClock
    thread: int
    pid: int
    has_fired: bool = False


class SoftLimit:
    """Makes calls, one at a time in each of these, and tells those that take too long.

    ``reactor`` runs in another thread.  ``has_told()`` is called in the call's thread when one that
    was told has returned: its process may be in a state of which nobody knows.
    """

    def __init__(self, reactor: Any, has_told: Callable[[], None] = lambda: None) -> None:
        self._reactor = reactor
        self._has_told = has_told
        self._lock = threading.Lock()  # held where the limit passes, or the call returns
        self._armed: Armed | None = None
        self._timer: tuple[Armed, Any] | None = None

    def call(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Make the call; tell it when its soft limit has passed, where it has one."""
        ticking = running_clock()
        if ticking is None or ticking.limits.soft is None or self._armed is not None:
            return call_here(call, *args, **kwargs)
        armed = Armed(ticking, threading.get_ident(), os.getpid())
        self._armed = armed
        self._reactor.callFromThread(self._begin, armed)
        try:
            try:
                return self._make(call, args, kwargs)
            finally:
                self._disarm(armed)
        except SoftTimeLimit as error:
            self._disarm(armed)  # the first one may have been interrupted, no other can be
            if error.when is None:  # it has come, whether or not who told it could see that
                armed.has_fired = True
                told = ticking.soft_error()
                error.args, error.when = told.args, told.when
            raise
        finally:
            if armed.has_fired and armed.pid == os.getpid():
                self._has_told()

    def _make(self, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return call_here(call, *args, **kwargs)

    def _disarm(self, armed: Armed) -> None:
        """Let the call not be told any more: what is on its way is taken back."""
        if armed.pid != os.getpid():  # a copy, in which the lock may be held for ever
            return
        with self._lock:
            at_no_entrance(armed.thread)
            if self._armed is armed:
                self._armed = None
                if armed.has_fired:
                    _raise_in(armed.thread, None)
        self._reactor.callFromThread(self._cancel_timer, armed)

    def _entered(self, armed: Armed) -> None:
        """Tell the call, in its own thread, where it enters the database."""
        with self._lock:
            if self._armed is not armed or armed.has_fired:
                return
            if not _may_be_told(sys._getframe(1), ENTERING):
                return
            at_no_entrance(armed.thread)
            armed.has_fired = True
        raise armed.clock.soft_error()

    # in the reactor's thread

    def _begin(self, armed: Armed) -> None:
        assert armed.clock.limits.soft is not None
        self._look_in(armed.clock.left(armed.clock.limits.soft), armed)

    def _look_in(self, seconds: float, armed: Armed) -> None:
        if self._armed is armed:
            self._timer = armed, self._reactor.callLater(seconds, self._passed, armed)

    def _cancel_timer(self, armed: Armed) -> None:
        if self._timer is not None and self._timer[0] is armed:
            _, timer = self._timer
            self._timer = None
            if timer.active():
                timer.cancel()

    def _passed(self, armed: Armed) -> None:
        with self._lock:
            if self._armed is not armed:
                return
            armed.clock.has_told = True
            if _tell(armed.thread):
                armed.has_fired = True
                at_no_entrance(armed.thread)
                return
            at_entrances(armed.thread, partial(self._entered, armed))
        self._look_in(LOOK_SECONDS, armed)


def _may_be_told(frame: FrameType | None, but: tuple[str, ...] = ()) -> bool:
    """Return whether a thread is in code of the call, where nothing is left half done.

    ``frame``: where it is; ``but``: packages of ``WHOLE`` that do not matter.
    """
    if frame is None or _module(frame).startswith(OWN_STEPS):
        return False
    while frame is not None and frame.f_code is not SoftLimit._make.__code__:
        module = _module(frame)
        is_whole = frame.f_code is not call_here.__code__ and _is_of(module, WHOLE)
        if is_whole and not _is_of(module, but):
            return False
        frame = frame.f_back
    return frame is not None


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_of(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in packages)


def _tell(thread: int) -> bool:
    """Have the exception raised in a thread, where it may be; return whether that is so.

    Between the look and the raise the thread can have gone on, into what must not be interrupted.
    What is on its way then is taken back: it would have had to go on a second time by now.
    """
    if not _may_be_told(sys._current_frames().get(thread)):
        return False
    _raise_in(thread, SoftTimeLimit)
    if _may_be_told(sys._current_frames().get(thread)):
        return True
    _raise_in(thread, None)
    return False


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Have an exception raised in a thread; None: have none raised that was on its way."""
    value = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), value)
