"""Runs a command that ends with the process that started it: ``python leash.py PID COMMAND...``.

``PID`` is the one that starts it.  The command takes this process's place, so its pid is known; it
gets SIGTERM when the thread that started it is gone, however that came about (Linux).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for the signal, and become the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):  # it was gone before we had asked
        sys.exit(f"process {parent} is gone: nobody would stop {command[0]}")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
