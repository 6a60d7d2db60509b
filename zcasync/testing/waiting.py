"""Waiting for a partial to complete, in tests that run a fake reactor or real processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from zcasync.interfaces import COMPLETED
from zcasync.partial import Partial


def wait_for_result(
    partial: Partial,
    *,
    turn: Callable[[], Any] = lambda: None,
    seconds: float = 30.0,
) -> Any:
    """The result of a partial once it is COMPLETED.

    ``turn()`` is called between looks, for instance ``lambda: reactor.time_flies(5)``.  Raises
    AssertionError, with what was seen, after ``seconds`` of real time.
    """
    manager = partial._p_jar.transaction_manager
    deadline = time.monotonic() + seconds
    seen: list[str] = []
    while True:
        manager.begin()
        if not seen or seen[-1] != partial.state:
            seen.append(partial.state)
        if partial.state == COMPLETED:
            return partial.result
        if time.monotonic() > deadline:
            raise AssertionError(
                f"{partial!r} did not complete within {seconds:g} s; states seen: "
                f"{', '.join(seen)}; attempts: {partial.attempts}"
            )
        turn()
        time.sleep(0.001)  # let threads and processes work
