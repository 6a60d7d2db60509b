"""Calls from the Twisted reactor to stored objects, and what they need of a connection."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any

import transaction
from persistent.interfaces import IPersistent
from transaction.interfaces import ITransactionManager, TransientError
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from ZEO.Exceptions import ClientStorageError
from ZODB.interfaces import IConnection
from ZODB.utils import z64
from zope.component import adapter
from zope.interface import implementer

from zcasync.database import receipts
from zcasync.database.commit_once import commit_once
from zcasync.database.waiting import LimitedWait
from zcasync.errors import UnstorableError
from zcasync.job.callables import is_persistent, load_form
from zcasync.job.failure import from_exception, sanitize
from zcasync.job.methods import METHODS, method_form
from zcasync.job.values import has_references
from zcasync.workers.fence import fence, storage_fence
from zcasync.zeo import labels
from zcasync.zeo.fenced import open_fenced
from zcasync.zeo.storage_fence import acting_for, active

__all__ = ["Partial", "connection", "sanitize", "transactionManager"]

#: A call that conflicts is made at most this often.
ATTEMPTS = 5
#: A call waits this long for a storage that is away, seconds: as long as a ZEO client by itself.
PATIENCE = 30.0


@adapter(IPersistent)
@implementer(IConnection)
def connection(obj: Any) -> Any:
    """Return the connection of a persistent object; None (no adapter) when it is not stored."""
    return obj._p_jar


@adapter(IPersistent)
@implementer(ITransactionManager)
def transactionManager(obj: Any) -> Any:
    """Return the transaction manager of a persistent object's connection, or of a connection."""
    jar = obj if IConnection.providedBy(obj) else obj._p_jar
    return None if jar is None else jar.transaction_manager


@dataclass(frozen=True)
class _Made:
    """A call that was made, and the receipts that were written with what it has changed."""

    result: Any
    signed: receipts.Signed


class _RaisedByCall(Exception):
    """Carries what a call has raised by itself, which no storage has to do with."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True)
class _Reference:
    """A stored object, to be found again in another connection."""

    database: str
    oid: bytes


class Partial:
    """A call for the reactor that touches stored objects in a connection of its own.

    Make it anywhere, with functions, methods of persistent objects, and persistent objects among
    the arguments; all of them must have been committed, and none may be hidden in a container
    (ValueError).  Call it in the reactor's thread, for instance
    ``reactor.callFromThread(Partial(note, job, "half done"))`` from a job: it opens a connection,
    makes the call in a thread of the reactor's pool, commits, closes, and returns a Deferred that
    fires with the result, or fails with a sanitized Failure.  A call that conflicts is repeated,
    five attempts in all.  A commit whose answer was lost is looked up, once the database is back,
    and repeated only where it is not there; a Failure of InDoubt says that the database was not
    back within 30 seconds.  Made within a job, its commit is fenced as the job's is, and names
    the job.
    """

    def __init__(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        self._db: Any = None
        self._fence: _Reference | None = None
        self._acting, self._labelled = active(), labels.active()
        while isinstance(call, functools.partial):
            args, kwargs, call = (*call.args, *args), {**call.keywords, **kwargs}, call.func
        self._bind: Callable[[Any], Any] | None = None  # makes the method of an object found again
        if isinstance(call, METHODS) and is_persistent(call.__self__):
            self._bind = _bound_as(call)
            self._call = self._refer(call.__self__)
        else:
            self._call = self._refer(call)
        self._args = tuple(map(self._refer, args))
        self._kwargs = {name: self._refer(value) for name, value in kwargs.items()}
        #: The reactor to use; None: the installed one.
        self.reactor: Any = None
        if self._db is None:
            raise ValueError("a persistent object must be among the arguments of the call")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the call, with these arguments behind the first ones; return a Deferred.

        Raises ValueError as the constructor does.
        """
        args = tuple(map(self._refer, args))
        kwargs = {name: self._refer(value) for name, value in kwargs.items()}
        reactor = self.reactor
        if reactor is None:
            from twisted.internet import reactor
        if getattr(reactor, "getThreadPool", None) is None:  # a test's reactor: here and now
            done: Any = Deferred()
            done.callback(self._work(args, kwargs))
            return done
        return deferToThreadPool(reactor, reactor.getThreadPool(), self._work, args, kwargs)

    def _refer(self, value: Any) -> Any:
        if not is_persistent(value):
            if hides_objects(value):
                raise ValueError(
                    f"stored objects inside {value!r} would belong to the wrong connection: make "
                    "each of them an argument of its own"
                )
            return value
        jar = value._p_jar
        is_loaded = value._p_changed is not None  # what is not is stored, and has no serial yet
        if jar is None or (is_loaded and value._p_serial == z64):
            raise ValueError(f"{value!r} must be committed before another connection can see it")
        if self._db is None:
            self._db = jar.db()
            self._note_fence(jar)
        return _Reference(jar.db().database_name, value._p_oid)

    def _note_fence(self, jar: Any) -> None:
        for one in jar.connections.values():
            incarnation = getattr(one, "incarnation", None)
            if incarnation is not None:
                self._fence = _Reference(one.db().database_name, incarnation._p_oid)

    def _work(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        manager = transaction.TransactionManager()
        main = self._db.open(manager) if self._fence is None else open_fenced(self._db, manager)

        def find(value: Any) -> Any:
            if not isinstance(value, _Reference):
                return value
            return main.get_connection(value.database).get(value.oid)

        fenced = main.get_connection(self._fence.database) if self._fence is not None else None
        threads = transaction.manager  # so that the call's own transaction.commit() commits
        before, threads.manager = threads.manager, manager
        try:
            if fenced is not None:
                fence(fenced, find(self._fence))
            acting = acting_for(self._acting or storage_fence(fenced))
            with acting, self._labelled:
                return self._commit(main, lambda: self._make(find, args, kwargs))
        except _RaisedByCall as raised:
            return from_exception(raised.error)
        except Exception as error:  # returned, of any class, without references to live objects
            return from_exception(error)  # a Deferred takes a Failure for an error
        finally:
            threads.manager = before
            manager.abort()
            if fenced is not None:
                fence(fenced, None)
            main.close()

    def _commit(self, main: Any, make: Callable[[], Any]) -> Any:
        """Make the call and commit it, once; raise _RaisedByCall, and what commits raise."""

        def change() -> _Made:
            try:
                result = make()
            except (TransientError, ClientStorageError):
                raise
            except Exception as error:  # also what looks like an error of the storage
                raise _RaisedByCall(error) from error
            return _Made(result, receipts.sign(main))

        def is_there(made: _Made) -> bool:
            return receipts.are_signed(main, made.signed)

        wait = LimitedWait(self._db, PATIENCE)
        manager = main.transaction_manager
        return commit_once(manager, change, is_there, tries=ATTEMPTS, storage_lost=wait).result

    def _make(
        self, find: Callable[[Any], Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        call = find(self._call)
        if self._bind is not None:
            call = self._bind(call)
        named = {name: find(value) for name, value in {**self._kwargs, **kwargs}.items()}
        return call(*map(find, self._args), *map(find, args), **named)


def _bound_as(method: Any) -> Callable[[Any], Any]:
    """Return a function that makes the same method of another connection's object."""
    if isinstance(method, MethodType):
        return functools.partial(MethodType, method.__func__)
    name = method_form(method)[1]
    return lambda owner: load_form((owner, name))


def hides_objects(value: Any) -> bool:
    """Return whether a container refers to stored objects.

    Objects of this process that cannot be stored at all, such as locks, are allowed.
    """
    if not isinstance(value, list | tuple | dict | set | frozenset):
        return False
    try:
        return has_references(value)
    except UnstorableError:
        return False
