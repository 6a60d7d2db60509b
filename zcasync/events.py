"""Events: whether anybody hears of one, and when those who do are told.

What happens within a transaction of the caller or of the job is told there: what a subscriber
changes is a part of it, and an exception of a subscriber ends it.  Everything else is told after
the commit that makes it true, and an exception is logged.  An event that nobody hears is not made.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import zope.event
from zope.component import getGlobalSiteManager

from zcasync.errors import FOREIGN_CODE

log = logging.getLogger("zcasync")

#: The modules whose subscriber only asks the component registry who hears of an event.
DISPATCHERS = frozenset({"zope.component.event"})

_collecting: ContextVar[list[Any] | None] = ContextVar("zcasync.events", default=None)


def is_heard(interface: Any) -> bool:
    """Return whether anybody subscribes to events with this interface, or to all.

    Of the component registries the global one alone is asked: the current site may be broken, or
    its storage away.
    """
    if not zope.event.subscribers:
        return False
    modules = {getattr(one, "__module__", None) for one in zope.event.subscribers}
    if not modules <= DISPATCHERS:
        return True
    return bool(getGlobalSiteManager().adapters.subscriptions([interface], None))


def tell(event: Any) -> bool:
    """Tell of what is true already; log what subscribers raise.  Return whether all went well.

    What they change is their own to commit: the caller aborts it afterwards.
    """
    try:
        zope.event.notify(event)
    except FOREIGN_CODE:  # what is told is true, whatever those who hear of it make of that
        log.exception("a subscriber to %s raised an exception", type(event).__name__)
        return False
    return True


def tell_after_commit(event: Any) -> None:
    """Have an event told once the commit is there for which ``Told`` collects; else nobody is."""
    told = _collecting.get()
    if told is not None:
        told.append(event)


class Told:
    """The events of one commit that are told when it is there."""

    def __init__(self) -> None:
        self._events: list[Any] = []

    @contextmanager
    def anew(self) -> Iterator[None]:
        """Collect within the ``with`` block, and forget what was collected for a failed commit."""
        self._events = []
        token = _collecting.set(self._events)
        try:
            yield
        finally:
            _collecting.reset(token)

    def tell(self) -> bool:
        """Tell of them, each once; return whether there were any, so that changes are dropped."""
        found, self._events = self._events, []
        for event in found:
            tell(event)
        return bool(found)
