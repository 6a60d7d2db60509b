"""Sugar for applications: open a home's database, put a call in a queue of it, find it again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Unpack

from zope.component import getGlobalSiteManager

from zcasync.database.client import open_client
from zcasync.datamanager import DataManager
from zcasync.datamanager import find as find_manager
from zcasync.interfaces import IDataManager
from zcasync.partial import Partial
from zcasync.queues.options import AllOptions

if TYPE_CHECKING:
    from ZODB import DB


def open(home: str | os.PathLike[str] | None = None) -> DB:
    """Return a client of the database of a home: a ``ZODB.DB``; close it when done.

    ``home`` None: ``$INSTANCE_HOME``, else ``./instance``.  Raises NotRunning when the home's
    database belongs to its supervisor and none runs, ConfigurationError when the home is unusable.
    """
    return open_client(home)


def put(
    context: Any, call: Any, *args: Any, queue: str = "thread", **options: Unpack[AllOptions]
) -> Partial:
    """Put ``call`` in a queue of the data manager that serves ``context``; return its partial.

    ``context``: a persistent object that is stored, a connection, or a data manager.  ``args`` are
    arguments of the call; keyword arguments need a partial, ``Partial(call, 1, number=2)``, because
    keywords are the options of the put.  ``options``: see ``IPartialQueue.put``; ``secret=True``
    has the call's arguments shown to nobody, though they stay in the database until the job is
    forgotten and the database packed.  Runs after the caller commits.  Raises TypeError for what is
    no option, LookupError when the database has no data manager yet (a supervisor installs it) or
    no such queue.
    """
    if args:
        if isinstance(call, Partial):
            raise TypeError(f"{call!r} has its arguments already: make them part of it")
        call = Partial(call, *args)
    return _manager(context).queue(queue).put(call, **options)


def find(context: Any, id: str) -> Partial:  # noqa: A002, the word of the command line
    """Return the partial with this id, such as ``0x1a2b``: that of ``partial.id`` and of commands.

    ``context``: as for ``put``.  Looks as the transaction sees the database.  Raises ValueError for
    a text that is no id, LookupError where there is no such partial, or no data manager.
    """
    return _manager(context).find(id)


#: Jobs are stored under the names by which applications import these, wherever they are defined.
open.__module__ = put.__module__ = find.__module__ = "zcasync"


def _manager(context: Any) -> DataManager:
    """Return the data manager that serves ``context``.  Raises LookupError.

    The adapters are those of the process, not of the current site, whose storage may be away.
    """
    manager: Any = context
    if not IDataManager.providedBy(context):
        manager = getGlobalSiteManager().queryAdapter(context, IDataManager)
    if manager is None:
        connection = context if hasattr(context, "root") else getattr(context, "_p_jar", None)
        manager = None if connection is None else find_manager(connection)
    if manager is None:
        raise LookupError(
            f"no data manager serves {context!r}: is the object stored, and has a supervisor been "
            "started for its database once?"
        )
    return manager  # type: ignore[no-any-return]
