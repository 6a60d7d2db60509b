"""Waiting for a partial to complete, in tests that run a fake reactor or real processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from zcasync.interfaces import COMPLETED
from zcasync.job.record import PartialRecord

#: Between two looks, seconds: lets threads and processes work.
PAUSE = 0.001


def wait_until(
    condition: Callable[[], Any],
    what: str = "the condition",
    *,
    turn: Callable[[], Any] = lambda: None,
    seconds: float = 30.0,
    seen: Callable[[], Any] = lambda: "",
) -> Any:
    """The first true value of ``condition()``.

    ``turn()`` is called between looks.  Raises AssertionError after ``seconds`` of real time, with
    ``what`` was waited for, the last value, and what ``seen()`` says.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}; last: {value!r} {seen()}")
        turn()
        time.sleep(PAUSE)


def wait_for_result(
    partial: PartialRecord,
    *,
    turn: Callable[[], Any] = lambda: None,
    seconds: float = 30.0,
) -> Any:
    """The result of a partial once it is COMPLETED.

    ``turn()`` is called between looks, for instance ``lambda: reactor.time_flies(5)``.  Begins new
    transactions, so changes that are not committed are gone.  Raises AssertionError, with what was
    seen, after ``seconds`` of real time.
    """
    manager = partial._p_jar.transaction_manager
    states: list[str] = []

    def is_completed() -> bool:
        manager.begin()
        if not states or states[-1] != partial.state:
            states.append(partial.state)
        return partial.state == COMPLETED

    def seen() -> str:
        return f"states seen: {', '.join(states)}; attempts: {partial.attempts}"

    wait_until(is_completed, f"{partial!r} to complete", turn=turn, seconds=seconds, seen=seen)
    return partial.result
