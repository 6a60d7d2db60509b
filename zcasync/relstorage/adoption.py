"""Adoption: the storages of a database become such as tell ZODB's users what is wrong.

A driver's errors are raised as :class:`~zcasync.relstorage.lost.ServerLost`, for which everybody
waits who waits for a storage, or as a conflict.  It is done to storages that were made already,
whoever has made them; those that they make for connections are adopted, too.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from zcasync.relstorage.link import link_of
from zcasync.relstorage.sessions import open_with_care

#: The methods of a storage's class that ask its server.
METHODS = (
    "tpc_begin",
    "tpc_vote",
    "tpc_finish",
    "sync",
    "lastTransaction",
    "new_oid",
    "new_instance",
    "pack",
    "iterator",
    "record_iternext",
    "getSize",
    "__len__",
)
#: Those of the ends and beginnings of transactions.
QUIET = ("afterCompletion", "poll_invalidations")


class Telling:
    """What a storage's class has besides, which raises what ZODB's users know."""

    __slots__ = ()  # an object of the other class can become one of this

    def begin_telling(self: Any) -> None:
        """Tell also of the methods that RelStorage has put into this object."""
        self.link = link_of(self)
        for name, call in list(vars(self).items()):
            if getattr(call, "storage_method", False) and not isinstance(call, _Told):
                setattr(self, name, _told(call, self))

    def tell(self: Any, error: BaseException) -> None:
        """Raise what an error means; return where it means nothing to users of ZODB."""
        found = self.link.meet(error)
        if found is not None:
            raise found from error

    def is_connected(self: Any) -> bool:
        """Return whether the server is there, as far as is known."""
        is_there: bool = self.link.is_there()
        return is_there

    def ping(self: Any) -> None:
        """Raise ServerLost when the server was lost and does not answer yet.

        A transaction that begins sees all that was committed before, without any question.
        """
        self.link.require()


class _Told:
    """A method of a storage that raises what ZODB's users know."""

    def __init__(self, call: Any, storage: Any) -> None:
        self._call = call
        self._storage = storage

    def __call__(self, *args: Any, **options: Any) -> Any:
        try:
            return self._call(*args, **options)
        except Exception as error:  # the driver's, or one that follows from it
            self._storage.tell(error)
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


class _ToldOrStale(_Told):
    """The same for one that RelStorage replaces while the storage is behind what it has seen."""

    def stale(self, error: BaseException) -> Any:
        """Return what takes its place."""
        return _told(self._call.stale(error), self._storage)

    def no_longer_stale(self) -> Any:
        """Return what it was before."""
        return _told(self._call.no_longer_stale(), self._storage)


def _told(call: Any, storage: Any) -> _Told:
    kind = _ToldOrStale if hasattr(call, "stale") else _Told
    return kind(call, storage)


def _telling(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of a storage's class that raises what ZODB's users know."""

    @functools.wraps(method)
    def telling(self: Any, *args: Any, **options: Any) -> Any:
        try:
            return method(self, *args, **options)
        except Exception as error:  # the driver's, or one that follows from it
            self.tell(error)
            raise

    return telling


def _quiet(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of the end or the beginning of a transaction that no lost server fails.

    Nobody is prepared for an error of an abort.  None for the poll: the connection forgets what it
    has loaded, and the next load raises ServerLost, or has a new view of the database.
    """

    @functools.wraps(method)
    def quiet(self: Any) -> Any:
        try:
            return method(self)
        except Exception as error:  # the driver's, or one that follows from it
            if self.link.meet(error) is None:
                raise
            self._load_connection.drop()
            return None

    return quiet


@lru_cache
def telling_class(kind: type) -> type:
    """Return the telling variant of a class of storages."""

    def make(self: Any, *args: Any, **options: Any) -> None:
        kind.__init__(self, *args, **options)  # type: ignore[misc]
        self.begin_telling()

    methods = {name: _telling(getattr(kind, name)) for name in METHODS if hasattr(kind, name)}
    methods |= {name: _quiet(getattr(kind, name)) for name in QUIET}
    return type(f"Telling{kind.__name__}", (kind, Telling), {**methods, "__init__": make})


def adopt(db: Any) -> None:
    """Let the storages of a database and its companions tell, where they are RelStorage's.

    Safe to repeat.
    """
    for one in db.databases.values():
        storage = own_storage(one)
        if storage is not None and not isinstance(storage, Telling):
            _adopt(storage)


def own_storage(db: Any) -> Any:
    """Return the RelStorage of a database, also behind one that compresses; None: it has none."""
    kind: Any = getattr(sys.modules.get("relstorage.storage"), "RelStorage", None)
    if kind is None:
        return None
    storage: Any = getattr(db, "storage", None)
    while not isinstance(storage, kind) and hasattr(storage, "base"):
        storage = storage.base
    return storage if isinstance(storage, kind) else None


def _adopt(storage: Any) -> None:
    open_with_care(storage)
    # A commit over two storages asks them in the order of their names, everywhere the same: else
    # two processes wait for each other.  A name that RelStorage gives has an address in it.
    name = re.sub(r"( at )[0-9a-f]+", r"\1it", storage.__name__)
    views = [reference() for reference in storage._instances]
    for one in [storage, *(view for view in views if view is not None)]:
        kind: Any = type(one)
        one.__class__, one.__name__ = telling_class(kind), name
        one.begin_telling()
