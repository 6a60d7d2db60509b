"""The processes of a supervisor leave when it is gone, whatever they are doing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

PR_SET_PDEATHSIG = 1


def own_group() -> None:
    """Move into a process group of our own: a terminal's Ctrl-C is for the supervisor, and a kill
    of the group takes along what was started from here."""
    if os.getpgid(0) != os.getpid():
        os.setpgid(0, 0)


def leave_with_parent(parent: int, pipe: int, with_signal: signal.Signals) -> None:
    """Get ``with_signal`` when the process ``parent`` is gone; at once where it is gone already.

    The kernel sends it where it can (Linux).  Elsewhere a thread sends it to the whole group when
    ``pipe``, whose other end only the parent holds, ends.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, with_signal, 0, 0, 0)

    def wait_for_end() -> None:
        while os.read(pipe, 1):
            pass
        os.killpg(0, with_signal)

    threading.Thread(target=wait_for_end, name="lifeline", daemon=True).start()
    if os.getppid() != parent:
        os.killpg(0, with_signal)
