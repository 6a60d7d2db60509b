"""Waiting for a condition or a result, in tests that run a fake reactor or real processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ZEO.Exceptions import ClientStorageError

from zcasync.interfaces import COMPLETED
from zcasync.job.record import PartialRecord

#: Generous: the machine may be slow and busy.  A test that waits this long has failed anyway.
TIMEOUT_SECONDS = 30.0
#: Between two turns, seconds: lets threads work.
TURN_SECONDS = 0.001
#: Between two checks where the test turns nothing itself: other processes need the processor more.
LOOK_SECONDS = 0.02


def wait_until(
    condition: Callable[[], Any],
    what: str = "the condition",
    seconds: float = TIMEOUT_SECONDS,
    seen: Callable[[], Any] = lambda: "",
    *,
    turn: Callable[[], Any] | None = None,
) -> Any:
    """Return the first true value of ``condition()``.

    ``turn()`` is called between checks.  Raises AssertionError after ``seconds`` of real time, with
    ``what`` was waited for, the last value, and what ``seen()`` returns.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}; last: {value!r}\n{seen()}")
        if turn is None:
            time.sleep(LOOK_SECONDS)
        else:
            turn()
            time.sleep(TURN_SECONDS)


def wait_for_result(
    partial: PartialRecord,
    *,
    turn: Callable[[], Any] | None = None,
    seconds: float = TIMEOUT_SECONDS,
) -> Any:
    """Return the result of a partial once it is COMPLETED.

    ``turn()`` is called between checks, for instance ``lambda: reactor.time_flies(5)``.  Begins new
    transactions, so changes that are not committed are gone.  Raises AssertionError, with what was
    seen, after ``seconds`` of real time.
    """
    manager = partial._p_jar.transaction_manager
    states: list[str] = []
    attempts = 0

    def is_completed() -> bool:
        manager.begin()
        nonlocal attempts
        try:
            state, attempts = partial.state, partial.attempts
        except ClientStorageError:  # the server is away; ``turn`` may know whether for good
            return False
        if not states or states[-1] != state:
            states.append(state)
        return state == COMPLETED

    def seen() -> str:
        return f"states seen: {', '.join(states)}; attempts: {attempts}"

    wait_until(is_completed, f"{partial!r} to complete", turn=turn, seconds=seconds, seen=seen)
    return partial.result
