"""Stand-ins for classes that cannot be imported, so that their objects survive."""

from __future__ import annotations

import copyreg
from typing import Any

from ZODB import DB, broken

from zcasync.errors import FOREIGN_CODE
from zcasync.unpublished import Unpublished
from zcasync.zeo.bulk_load import require_imported
from zcasync.zeo.older import Database


def class_factory(connection: Any, modulename: str, globalname: str) -> Any:
    """Return the class of a record; a stand-in where importing it fails, for whatever reason.

    ZODB's own only expects ImportError, and a module with a syntax error would make every record
    that refers to it unreadable.
    """
    require_imported(connection, modulename)
    try:
        return broken.find_global(modulename, globalname)
    except FOREIGN_CODE:  # the module's own code runs on import
        key = (modulename, globalname)
        if key not in broken.broken_cache:
            made = Named(globalname, (StandIn,), {"__module__": modulename})
            broken.broken_cache[key] = made
        return broken.broken_cache[key]


def make_database(storage: Any, **options: Any) -> DB:
    """Return a database whose missing classes have stand-ins; ``options``: those of ZODB's DB."""
    return Database(storage, class_factory=class_factory, **options)


class Named(type):
    """The class of stand-ins: stored by their names, as the classes would be."""


def _reduce(kind: type) -> tuple[Any, ...]:
    return named, (kind.__module__, kind.__name__)


copyreg.pickle(Named, _reduce)  # type: ignore[arg-type]


class StandIn(Unpublished, broken.Broken, metaclass=Named):  # type: ignore[misc]
    """An object whose class cannot be imported.  Stored again, it remains what it was."""

    def __reduce__(self) -> tuple[Any, ...]:
        _, args, state = super().__reduce__()
        return rebuild, args, state


def named(modulename: str, globalname: str) -> Any:
    """Return the class of a stored stand-in, itself where it can be imported now."""
    return class_factory(None, modulename, globalname)


def rebuild(modulename: str, globalname: str, *args: Any) -> Any:
    """Return the object of a stored stand-in, as itself where that is possible now."""
    kind = class_factory(None, modulename, globalname)
    return kind.__new__(kind, *args)
