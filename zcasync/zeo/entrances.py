"""Entrances: where code enters a connection, to load or to change an object, nothing is half done.

A thread that goes in and out of the database all the time is met there, and can be told something
in its own course.  Nothing is looked up while nobody waits for one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

#: By threads: what is called in them at their next entrance, where it may raise anything.
_waiting: dict[int, Callable[[], None]] = {}


def at_entrances(thread: int, call: Callable[[], None]) -> None:
    """Have this called whenever a thread enters a connection from now on."""
    _waiting[thread] = call


def at_no_entrance(thread: int) -> None:
    """Have nothing called there any more.  Safe to repeat."""
    _waiting.pop(thread, None)


def entered() -> None:
    """Call, in a thread that enters a connection, what waits for that.  Raises what that raises."""
    call = _waiting.get(threading.get_ident())
    if call is not None:
        call()


class Entered:
    """A mixin for a connection's class, which has entrances."""

    def setstate(self, obj: object) -> None:
        """Load an object."""
        if _waiting:  # a call saved for each object that is loaded
            entered()
        super().setstate(obj)  # type: ignore[misc]

    def register(self, obj: object) -> None:
        """Note that an object is about to change."""
        if _waiting:
            entered()
        super().register(obj)  # type: ignore[misc]
