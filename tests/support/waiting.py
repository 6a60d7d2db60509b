"""The one place where tests wait: for a condition, with a timeout that says what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil

INTERVAL_SECONDS = 0.02
#: Generous: the machine may be slow and busy.  A test that waits this long has failed anyway.
TIMEOUT_SECONDS = 30.0


def wait_until(
    condition: Callable[[], Any],
    what: str,
    timeout: float = TIMEOUT_SECONDS,
    seen: Callable[[], Any] = lambda: "",
) -> Any:
    """The first true value of ``condition()``.

    Fails when there is none in time, with ``what`` was waited for and what ``seen()`` shows.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}; last: {value!r}\n{seen()}")
        time.sleep(INTERVAL_SECONDS)


def is_gone(process: psutil.Process | int) -> bool:
    """Whether the process has ended, also where nobody has asked for its exit code yet.

    What a killed supervisor leaves behind goes to process 1, which takes its time with that.
    """
    try:
        found = psutil.Process(process) if isinstance(process, int) else process
        return not found.is_running() or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
