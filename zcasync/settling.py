"""Settling: what a returned value makes of a partial, and when nothing is left to do for it."""

from __future__ import annotations

import sys
from typing import Any

from twisted.python.failure import Failure

from zcasync.callbacks import adopt, require_all_callbacks
from zcasync.errors import BadStateError
from zcasync.failure import sanitize
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.partial import Partial
from zcasync.storable import storable

#: What the callable of a callback that hands a result on is called in records.
ADOPT = "zcasync.callbacks:adopt"


def is_deferred(value: Any) -> bool:
    """Whether it is a Twisted Deferred; does not import Twisted's."""
    module = sys.modules.get("twisted.internet.defer")
    return module is not None and isinstance(value, module.Deferred)


def fired(deferred: Any) -> Any:
    """What a Deferred that has fired holds; its error counts as handled."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    return results[0]


def take(partial: Partial, value: Any) -> None:
    """Make the returned value the partial's result, or let it wait for a returned partial.

    Raises UnstorableError for what cannot be stored, BadStateError for a partial that returns
    itself.
    """
    if isinstance(value, Partial):
        if value is partial:
            raise BadStateError("a partial cannot wait for itself")
        if value.state in (CALLBACKS, COMPLETED):
            partial._settle(value._result)
        else:
            partial._wait_for(value)
            value.addCallback(Partial(adopt, partial))
    elif isinstance(value, Failure):
        partial._settle(sanitize(value))
    else:
        partial._settle(storable(value))


def is_done(partial: Partial) -> bool:
    """Whether nothing is left to do for it here: it is over, or waits for another partial.

    A completed partial counts as undone while a callback that came in the last moment waits.
    """
    if partial.state in (PENDING, CALLBACKS):
        return False
    if partial.state == ACTIVE:
        return partial._waits_for is not None
    waiting = waiter(partial)
    return all(map(is_done, partial.callbacks)) and (
        waiting is None or waiting.state != CALLBACKS or is_done(waiting)
    )


def complete(partial: Partial) -> bool:
    """Move it from CALLBACKS to COMPLETED when every callback is done; whether it was moved.

    The commit fails with a ConflictError when a callback is added at the same time.
    """
    if partial.state != CALLBACKS or not all(map(is_done, partial.callbacks)):
        return False
    partial._move_to(COMPLETED)
    require_all_callbacks(partial)
    return True


def waiter(partial: Partial) -> Partial | None:
    """The partial that this one, a callback that hands a result on, gives its result to."""
    return partial._args[0] if partial._call == ADOPT else None
