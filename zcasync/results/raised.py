"""The exception that a stored Failure stands for, raised where the result is wanted."""

from __future__ import annotations

import copy
import sys
from typing import Any, NoReturn

from twisted.python.failure import Failure
from twisted.python.reflect import qual

from zcasync.errors import FOREIGN_CODE, ForeignError, RemoteTraceback


def raise_failure(failure: Failure) -> NoReturn:
    """Raise what the job raised; its traceback in the worker is the ``__cause__``.

    That is the exception itself for builtins, our own, and classes that are loaded in this process
    and can be made of the message alone; else a ForeignError that names class and message.  So are
    SystemExit and its like: they ended the job, and shall not end this process.
    """
    raise _exception(failure) from RemoteTraceback(failure.getTraceback())


def _exception(failure: Failure) -> Exception:
    value, kind, message = failure.value, failure.type, failure.getErrorMessage()
    if isinstance(value, Exception) and type(value) is kind:
        return copy.copy(value)  # the stored one would keep this traceback
    name = kind if isinstance(kind, str) else qual(type(value) if kind is None else kind)
    return _made(_loaded(name), message) or ForeignError(f"{name}: {message}")


def _loaded(name: str) -> Any:
    """Return what a dotted name leads to in a module that is loaded already; None: nothing."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:cut]))
        if found is not None:
            for part in parts[cut:]:
                found = getattr(found, part, None)
            return found
    return None


def _made(kind: Any, message: str) -> Exception | None:
    """Return an exception of this class with this message; None where that cannot be."""
    if not isinstance(kind, type) or not issubclass(kind, Exception):
        return None
    try:
        made = kind(message)
        return made if str(made) == message else None
    except FOREIGN_CODE:  # the class wants other arguments
        return None
