"""The calls of a load: nothing, a short wait, work for the processor, and data to be stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: How long the short one waits, and the processor's time of the one for it; seconds.
WAIT_SECONDS = 0.02
PROCESSOR_SECONDS = 0.05
#: The argument and the result of the one with data.
TEXT = "zcasync " * 128


def noop() -> None:
    """Do nothing: what it costs is what a job costs."""


def short() -> None:
    """Wait a moment, as for the answer of another server."""
    time.sleep(WAIT_SECONDS)


def cpu() -> int:
    """Use the processor for a moment; return how many steps that were."""
    end, steps = time.thread_time() + PROCESSOR_SECONDS, 0
    while time.thread_time() < end:
        steps += sum(range(1000)) > 0
    return steps


def data(text: str) -> str:
    """Return a kilobyte that is not the one of the argument."""
    return text[::-1]


#: By kind, the call and its arguments.
CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "noop": (noop, ()),
    "short": (short, ()),
    "cpu": (cpu, ()),
    "data": (data, (TEXT,)),
}
