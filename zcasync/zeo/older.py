"""The differences of older versions of ZODB and ZEO, made up for: the only place that knows them.

With the newest versions nothing here does anything, or it is what they have themselves.

- ZODB before 6.4 raises whatever the loading of a record's state raises; later ones raise a
  StateLoadError from it.
- ZODB before 6.3 takes no class factory when a database is opened.
- ZEO before 6.0 has generators for coroutines, which cannot be awaited.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import ZEO.asyncio.futures
import ZODB.POSException
from transaction.interfaces import TransientError
from ZODB.Connection import Connection
from ZODB.DB import DB
from ZODB.POSException import POSError
from ZODB.serialize import ObjectReader

ClassFactory = Callable[[Any, str, str], Any]

# records whose state cannot be loaded


_HAS_ERROR = hasattr(ZODB.POSException, "StateLoadError")


class StateLoadError(POSError):  # type: ignore[misc]
    """The state of an object cannot be loaded; its cause is what the loading has raised."""


if _HAS_ERROR:  # so a stored one is ZODB's own once that is brought up to date
    StateLoadError = ZODB.POSException.StateLoadError  # type: ignore[misc]


class _Reader(ObjectReader):  # type: ignore[misc]
    """A reader of records that raises that error."""

    def getState(self, pickle: bytes) -> Any:
        """Return the state that a record has."""
        return _load(super().getState, pickle)

    def setGhostState(self, obj: Any, pickle: bytes) -> None:
        """Give an object the state that its record has."""
        _load(super().setGhostState, obj, pickle)


def _load(load: Callable[..., Any], *args: Any) -> Any:
    try:
        return load(*args)
    except (POSError, TransientError):
        raise
    except Exception as error:  # the code of any class
        raise StateLoadError() from error


#: Reads records for a connection: ``(connection, cache, class_factory)``.
Reader: Callable[..., Any] = ObjectReader if _HAS_ERROR else _Reader


class Reads:
    """A mixin for a connection's class, which raises StateLoadError as the newest ZODB does."""

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not _HAS_ERROR:
            self._reader = Reader(self, self._cache, self.db().classFactory)


# databases with a class factory


class _ReadingConnection(Reads, Connection):  # type: ignore[misc]
    """A connection that raises StateLoadError."""


class Database(DB):  # type: ignore[misc]
    """A database that makes classes by this factory from its first record on."""

    klass = Connection if _HAS_ERROR else _ReadingConnection

    def __init__(self, storage: Any, *, class_factory: ClassFactory, **options: Any) -> None:
        self.classFactory = class_factory
        super().__init__(storage, **options)


def open_section(factory: Any, databases: dict[str, DB], class_factory: ClassFactory) -> DB:
    """Open the database that a configuration names; one that names no class factory has this one.

    Before ZODB 6.3 not in the connection that it has from reading its root: see
    :func:`zcasync.zeo.connections.use_class`.
    """
    section = factory.config
    if getattr(section, "class_factory", None) is None:
        section.class_factory = class_factory
    db = factory.open(databases)
    db.classFactory = section.class_factory
    return db


# coroutines of ZEO

_Returned: Any = getattr(ZEO.asyncio.futures, "_GenReturn", None)


@types.coroutine
def _awaited(steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Do the steps of a generator that returns its result by an exception."""
    try:
        return (yield from steps)
    except _Returned as result:
        return result.value


def awaitable(coroutine: Any) -> Awaitable[Any]:
    """Return what a coroutine method of ZEO has returned, as something that can be awaited."""
    return coroutine if _Returned is None else _awaited(coroutine)
