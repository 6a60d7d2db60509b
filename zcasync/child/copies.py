"""Copies of the child that jobs fork: each ends where the call returns in it, or with the job.

A copy has the child's connections and its half of every conversation, and must use neither.  Code
that forks through Python tells us; for a job that does not, all of this costs nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.process import reapProcessHandlers

from zcasync.child.descriptors import out_of_the_way
from zcasync.zeo.storage_fence import refuse_commits

_PID = struct.Struct("=i")
#: A copy that has not said within this time what it is, is not waited for.
BEGIN_MILLISECONDS = 500


class Copies:
    """The copies of this process; make one only, in the process's main thread.

    ``give_up()`` is called in each copy, to let go of what is the child's.  ``leave()`` is called
    in a copy of the main thread, to end it once the function that has forked returns.
    """

    is_copy = False  # this process is one

    def __init__(self, give_up: Callable[[], None], leave: Callable[[], None]) -> None:
        self._give_up = give_up
        self._leave = leave
        self._main = threading.get_ident()
        # They end with the pipe that only this process can write to: the kernel sees to that.
        self._lifeline: tuple[int, int] | None = None
        self._pids: tuple[int, int] | None = None  # a pipe for what the copies are
        self._dying: set[int] = set()
        os.register_at_fork(before=self._before, after_in_child=self._in_copy)

    def end(self) -> None:
        """End the copies that the last job has left, but not those of ``multiprocessing``."""
        if self._lifeline is None:
            return
        (read, write), self._lifeline = self._lifeline, None
        os.close(write)
        os.close(read)
        self._dying |= self._told_pids() - _looked_after()
        self.reap()

    def reap(self) -> None:
        """Take note of the ends of those that nobody has waited for."""
        for pid in list(self._dying):
            try:
                found, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:  # the job itself has, or another copy is its parent
                found = pid
            if found:
                self._dying.discard(pid)

    def exit(self, error: BaseException | None) -> None:
        """End this process, a copy, as a programme ends that is over."""
        code = 1
        try:
            if error is None:
                code = 0
            elif isinstance(error, SystemExit):
                code = _exit_code(error)
            else:
                sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(code)

    def _told_pids(self) -> set[int]:
        assert self._pids is not None
        (read, write), self._pids = self._pids, None
        os.close(write)
        data = _read_all(read)
        os.close(read)
        return {pid for (pid,) in _PID.iter_unpack(data[: len(data) // _PID.size * _PID.size])}

    # around each fork

    def _before(self) -> None:
        if not self.is_copy and self._lifeline is None:
            self._pids = _pipe()
            self._lifeline = _pipe()

    def _in_copy(self) -> None:
        is_first, self.is_copy = not self.is_copy, True
        refuse_commits("this process is a copy of a child that a job has forked")
        if is_first:
            self._tell_pid()
        self._end_with_job()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if is_first:
            self._give_up()
            util: Any = sys.modules.get("multiprocessing.util")
            if util is not None:  # called where it is one of its processes
                util.register_after_fork(self, Copies._stay)
        if threading.get_ident() == self._main:
            self._leave()

    def _tell_pid(self) -> None:
        assert self._pids is not None
        read, write = self._pids
        os.close(read)
        os.write(write, _PID.pack(os.getpid()))
        os.close(write)

    def _end_with_job(self) -> None:
        """Let the kernel kill this process when the job is over, or the child gone."""
        if self._lifeline is None or sys.platform != "linux":
            return
        read, write = self._lifeline
        # Opened anew: who gets the signal is a property of what was opened, which all share.
        own = os.open(f"/proc/self/fd/{read}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.close(read)
        if write >= 0:
            os.close(write)
        self._lifeline = own, -1
        fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(own, fcntl.F_SETFL, os.O_RDONLY | os.O_NONBLOCK | os.O_ASYNC)
        with contextlib.suppress(BlockingIOError):  # the job goes on
            os.read(own, 1)
            os._exit(0)

    def _stay(self) -> None:
        """Let this copy, a process of ``multiprocessing``, live for more than one job."""
        if self._lifeline is not None:
            os.close(self._lifeline[0])
            self._lifeline = None


def _pipe() -> tuple[int, int]:
    """Return the ends of a new pipe, out of the way of what jobs close."""
    read, write = os.pipe()
    return out_of_the_way(read), out_of_the_way(write)


def _read_all(fd: int) -> bytes:
    """Return what is written to a pipe, until its end; no longer than a copy takes to begin."""
    os.set_blocking(fd, False)
    wait, data = select.poll(), b""
    wait.register(fd, select.POLLIN)
    while wait.poll(BEGIN_MILLISECONDS):
        read = os.read(fd, 4096)
        if not read:
            break
        data += read
    return data


def _looked_after() -> set[int]:
    """Return the processes that ``multiprocessing`` or Twisted knows and waits for itself."""
    module: Any = sys.modules.get("multiprocessing")
    known = set() if module is None else {one.pid for one in module.active_children()}
    return known | set(reapProcessHandlers)


def _exit_code(error: SystemExit) -> int:
    """Return the exit code that a programme has which ends with this."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr, flush=True)
    return 1
