"""Timers that may have run already, or were never set."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall


def cancel(timer: IDelayedCall | None) -> None:
    """Cancel a timer, unless it has run or there is none.  Safe to repeat."""
    if timer is not None and timer.active():
        timer.cancel()
