"""The lifeline: processes of a supervisor end when it is gone, whatever they are doing."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
import sys
import threading

PR_SET_PDEATHSIG = 1


def own_group() -> None:
    """Move this process into a process group of its own.

    A terminal's Ctrl-C then reaches the supervisor only, and a kill of the group reaches all
    processes that were started from here.
    """
    if os.getpgid(0) != os.getpid():
        os.setpgid(0, 0)


def leave_with_parent(parent: int, pipe: int, with_signal: signal.Signals) -> None:
    """End this process's group with a signal when the process ``parent`` is gone, or gone already.

    Its end shows as the end of ``pipe``, whose other end only the parent holds.  The kernel sends
    the signal where it can (Linux); elsewhere a thread does, when it gets to run.
    """
    if sys.platform == "linux":
        _let_the_kernel_send(pipe, with_signal)

    def wait_for_end() -> None:
        while os.read(pipe, 1):
            pass
        os.killpg(0, with_signal)

    threading.Thread(target=wait_for_end, name="lifeline", daemon=True).start()
    if os.getppid() != parent:
        os.killpg(0, with_signal)


def has_ended(pipe: int) -> bool:
    """Return whether the other end of the pipe is closed; False where the pipe is no more."""
    poll = select.poll()
    poll.register(pipe, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def _let_the_kernel_send(pipe: int, with_signal: signal.Signals) -> None:
    """Let the kernel send the signal to the whole group when the pipe ends.

    The parent death signal reaches this process alone, and would leave behind what was started from
    here.  It comes later than the other one, and is set for kernels that do not send that.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, -os.getpgid(0))
    fcntl.fcntl(pipe, fcntl.F_SETSIG, with_signal)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    get_signal_with_parent(with_signal)


def get_signal_with_parent(with_signal: signal.Signals) -> None:
    """Let the kernel send us, and us alone, a signal when the thread that started us is gone.

    It stays so when another command takes this process's place.  Linux only.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, with_signal, 0, 0, 0)
