"""zcasync: durable asynchronous calls for applications that keep their data in the ZODB.

An application imports the names below; :mod:`zcasync.interfaces` is the manual of all objects.
Beside it lie ``datamanager``, ``subscribers`` and ``adapters`` for the setup, ``twist`` and
``patterns`` for the code of jobs, ``testing`` for tests.

Each folder is an ability, with a map in its docstring: ``job``, ``retry`` and ``perform`` (a call),
``queues`` and ``workers`` (where it waits and is claimed), ``liveness`` (deaths), ``database``,
``zeo`` and ``instance`` (the ground), ``supervisor``, ``child``, ``protocol`` and
``twisted_engine`` (the processes), ``reports``, ``cli`` and ``demo`` (for people).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from zcasync.database.client import open_client
from zcasync.datamanager import find
from zcasync.interfaces import IDataManager
from zcasync.partial import Partial
from zcasync.perform.progress import current, progress
from zcasync.registry import configure

if TYPE_CHECKING:
    from ZODB import DB

__all__ = ["Partial", "configure", "current", "open", "progress", "put"]


def open(home: str | os.PathLike[str] | None = None) -> DB:
    """Return a client of the database of a home: a ``ZODB.DB``; close it when done.

    ``home`` None: ``$INSTANCE_HOME``, else ``./instance``.  Raises NotRunning when the home's
    database belongs to its supervisor and none runs, ConfigurationError when the home is unusable.
    """
    return open_client(home)


def put(context: Any, call: Any, *, queue: str = "thread", **options: Any) -> Partial:
    """Put ``call`` in a queue of the data manager that serves ``context``; return its partial.

    ``context``: a persistent object that is stored, a connection, or a data manager.  ``options``:
    see ``IPartialQueue.put``.  Runs after the caller commits.  Raises LookupError when the database
    has no data manager yet (a supervisor installs it) or no such queue.
    """
    manager: Any = context if IDataManager.providedBy(context) else IDataManager(context, None)
    if manager is None:
        connection = context if hasattr(context, "root") else getattr(context, "_p_jar", None)
        manager = None if connection is None else find(connection)
    if manager is None:
        raise LookupError(
            f"no data manager serves {context!r}: is the object stored, and has a supervisor been "
            "started for its database once?"
        )
    return manager.queue(queue).put(call, **options)  # type: ignore[no-any-return]
