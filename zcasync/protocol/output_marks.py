"""Marks in a child's output: the job that the lines belong to, and the end of a Python stack."""

from __future__ import annotations

import secrets
import signal

#: No mark, with the id of a job and the end of its line, takes more than this.
MARK_BYTES = 128


def new_mark() -> str:
    """Return what begins the marks of one child: the id of a job follows, and the end of the line.

    Between them, behind a space, may be the stage that the job is at (zcasync.job.loading.Stage),
    or what ``limit_mark`` returns.

    It has a secret of the child's own, which is told to the supervisor only, when the child is
    ready: what a job prints, or a process that it has started, is never taken for a mark.
    """
    return f"\x00zcasync {secrets.token_hex(16)} job "


#: The stage of a call begins, or has ended, that has time limits.
LIMIT, LIMIT_OVER = "limit", "limit over"


def limit_mark(soft: float | None, hard: float | None) -> str:
    """Return the stage at which a call begins that has these limits, seconds; None: it has none."""
    return f"{LIMIT} {_seconds(soft)} {_seconds(hard)}"


def marked_limits(stage: str) -> tuple[float | None, float | None] | None:
    """Return the limits for what ``limit_mark`` returned; None for the end of the call."""
    _, *values = stage.split(" ")
    if stage == LIMIT_OVER or len(values) != 2:
        return None
    soft, hard = (None if value == "-" else float(value) for value in values)
    return soft, hard


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.6f}"


#: A child writes a line that begins so on its stderr, and its stack, and exits with this code,
#: where something of the application takes too long to load; it is the interpreter that does it.
LOADING_TOO_LONG, LOADING_EXIT_CODE = "Timeout (", 1

#: A child answers this signal with the Python stack of each of its threads, on its stderr.
STACK_SIGNAL = signal.SIGUSR2
#: In the first line of that answer, and of what it says of each other thread.
STACK_BEGIN = "(most recent call first)"
#: In the last line of that answer: the outermost call of the main thread, which comes last.
STACK_END = "in _run_module_as_main"
