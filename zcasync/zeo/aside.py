"""Connections aside: of databases that an application has opened, and of no use to it.

They are in no pool: what they have in their caches, made by another class factory, is never handed
to the application, and none of its own connections loses what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from zcasync.zeo.connections import use_class_factory


@contextmanager
def aside(
    db: Any, transaction_manager: Any, class_factory: Callable[[Any, str, str], Any]
) -> Iterator[Any]:
    """Provide a new connection of a database, with new ones of those beside it.

    All make classes by ``class_factory``.  What is not committed at the end is aborted.
    """
    connections: dict[str, Any] = {}
    try:
        for name, one in db.databases.items():
            made = one.klass(one, one.getCacheSize(), None, one.getCacheSizeBytes())
            made.class_factory = class_factory
            use_class_factory(made, class_factory)
            made.connections = connections
            made.open(transaction_manager, delegate=False)
            connections[name] = made
        yield connections[db.database_name]
    finally:
        transaction_manager.abort()
        for made in connections.values():
            made.close(primary=False)
            made._storage.release()
