"""A command that ends with the process that started it: ``python leash.py PID COMMAND...``.

``PID`` is the one that starts it.  The command takes this process's place, so its pid is known; it
gets SIGTERM when the thread that started it is gone, for whatever reason (Linux).
"""

import os
import runpy
import signal
import sys

#: Loaded by its path: importing it would import all of zcasync, and each start of a test waits.
LIFELINE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "protocol", "lifeline.py")


def leashed(command: list[str]) -> list[str]:
    """Return the command line that starts a command which ends with this thread."""
    return [sys.executable, "-I", __file__, str(os.getpid()), *command]


def main() -> None:
    """Ask the kernel for the signal, and become the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        runpy.run_path(LIFELINE)["get_signal_with_parent"](signal.SIGTERM)
    if os.getppid() != int(parent):  # it was gone before the signal was requested
        sys.exit(f"process {parent} is gone: nobody would stop {command[0]}")
    os.execvp(command[0], command)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
