"""Exceptions of the libraries that zcasync stands on: their classes, by dotted names.

Every process that reads a failure has these libraries, so that nothing of an application has to be
imported for them.
"""

from __future__ import annotations

import transaction.interfaces
import ZEO.Exceptions
import zope.interface.exceptions
import zope.interface.interfaces
from ZODB import POSException

HOMES = {
    module.__name__: module
    for module in (
        POSException,
        ZEO.Exceptions,
        transaction.interfaces,
        zope.interface.exceptions,
        zope.interface.interfaces,
    )
}


def library_class(dotted: str) -> type[BaseException] | None:
    """Return the class of an exception that one of these libraries defines; None for others."""
    module, _, name = dotted.rpartition(".")
    found = getattr(HOMES.get(module), name, None)
    is_exception = isinstance(found, type) and issubclass(found, BaseException)
    return found if is_exception else None
