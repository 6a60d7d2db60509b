"""Crash reports: the Python stacks of a child on its stderr, for a Failure's evidence."""

from __future__ import annotations

import faulthandler

from zcasync.protocol.output_marks import STACK_SIGNAL

STDERR_FD = 2


def enable() -> None:
    """Have stacks written when the process crashes, and on STACK_SIGNAL.  Cheap to repeat.

    To the descriptor: whatever a job makes of ``sys.stderr``, the supervisor reads that.
    """
    faulthandler.enable(STDERR_FD, all_threads=True)
    faulthandler.register(STACK_SIGNAL, STDERR_FD, all_threads=True)
