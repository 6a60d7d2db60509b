"""The end of a child, made of its exit status and of what it has printed."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet import error
from twisted.python.failure import Failure

from zcasync.liveness.death import Death
from zcasync.protocol.output_marks import LOADING_EXIT_CODE
from zcasync.supervisor.children.output import ChildOutput
from zcasync.supervisor.children.process_info import signal_name

#: Signals whose cause the interpreter reports, with its stack, before it dies of them.
CRASH_SIGNALS = (
    signal.SIGSEGV,
    signal.SIGFPE,
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGILL,
)


def death_of(
    pid: int, status: Any, job: str | None, reason: str | None, output: ChildOutput
) -> Death:
    """Return the death of a child with Twisted's exit ``status``, which was running ``job``.

    ``reason``: why it was killed, None: it is not known.
    """
    number = getattr(status, "signal", None)
    code = None if number else getattr(status, "exitCode", 0)
    has_timed_out = code == LOADING_EXIT_CODE and output.has_timed_out
    if has_timed_out:
        reason = "what it had to load for its job took longer than load-timeout"
    return Death(
        pid=pid,
        exit_code=code,
        signal=signal_name(number) if number else None,
        reason=reason,
        job=job,
        output=output.last(job, has_crashed=has_timed_out or number in CRASH_SIGNALS),
        stage=output.stage or None,
    )


def gone_meanwhile(failure: Failure) -> None:
    """Ignore that a child ended before it answered: its jobs are recovered for its death."""
    failure.trap(
        error.ConnectionDone, error.ConnectionLost, error.ProcessDone, error.ProcessTerminated
    )
