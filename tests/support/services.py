"""Supervisors as a service manager starts them: in a session of their own, with what it leaves."""

from __future__ import annotations

import signal
import sys

START = (
    "import os, signal, sys\n"
    "os.setsid()\n"
    "for number in {ignored}:\n"
    "    signal.signal(number, signal.SIG_IGN)\n"
    "signal.pthread_sigmask(signal.SIG_SETMASK, {blocked})\n"
    "os.execvp(sys.argv[1], sys.argv[1:])\n"
)


def service(
    command: list[str],
    ignored: tuple[signal.Signals, ...] = (),
    blocked: tuple[signal.Signals, ...] = (),
) -> list[str]:
    """The command line of a command without a terminal, with these signals ignored and blocked."""
    code = START.format(ignored=[*map(int, ignored)], blocked=[*map(int, blocked)])
    return [sys.executable, "-I", "-c", code, *command]
