"""Callables for jobs that are cancelled, and for their callbacks."""

from __future__ import annotations

import os
from typing import Any

from tests.support.gates import Gate


def tell_process(result: Any) -> tuple[int, str]:
    """A callback that says which process runs it, and with what."""
    return os.getpid(), result.getErrorMessage()


def hand_on(partial: Any) -> Any:
    """Return a partial: whoever is called with it waits for it."""
    return partial


async def wait_at_gate(gate: str) -> None:
    """Wait for a Deferred that never fires, and note at the gate that somebody has cancelled it."""
    from twisted.internet.defer import CancelledError, Deferred

    Gate(f"{gate}.begun").arrive()
    try:
        await Deferred()
    except CancelledError:
        Gate(f"{gate}.cancelled").arrive()
        raise
