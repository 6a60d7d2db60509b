"""Returned values: each becomes the partial's result, or a partial or Deferred to wait for."""

from __future__ import annotations

import sys
from typing import Any

from twisted.python.failure import Failure

from zcasync.errors import BadStateError
from zcasync.job.completion import complete, end
from zcasync.job.failure import sanitize
from zcasync.job.record import PartialRecord
from zcasync.job.values import storable
from zcasync.job.waiting import require_end


def is_deferred(value: Any) -> bool:
    """Return whether a value is a Twisted Deferred; does not import Twisted's module."""
    module = sys.modules.get("twisted.internet.defer")
    return module is not None and isinstance(value, module.Deferred)


def fired(deferred: Any) -> Any:
    """Return the value of a Deferred that has fired; its error counts as handled."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    return results[0]


def accept(partial: PartialRecord, value: Any) -> None:
    """Make the returned value the partial's result, or let it wait for a returned partial.

    Raises UnstorableError for what cannot be stored, BadStateError for a partial that it would wait
    for without end: one that waits for it, or that nobody will ever call.
    """
    if isinstance(value, PartialRecord):
        if not value.has_result:
            require_end(partial, value)
            partial.wait_for(value)
            if partial.parent is not None:
                complete(partial.parent)
            return
        result = value.stored_result
    else:
        result = sanitize(value) if isinstance(value, Failure) else storable(value)
    end(partial, result, follows_up=True)


def refuse_deferred(deferred: Any) -> Any:
    """Raise BadStateError: no reactor runs here that would fire the Deferred."""
    raise BadStateError("the call returned a Deferred, and no reactor runs here to fire it")
