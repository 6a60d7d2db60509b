"""What a database's RelStorage is connected to: the adapter by which it speaks to its server."""

from __future__ import annotations

from typing import Any

from zcasync.relstorage.adoption import own_storage

POSTGRESQL = "relstorage.adapters.postgresql"


def adapter_of(db: Any) -> Any | None:
    """Return the adapter of a database's RelStorage; None where its storage is another one."""
    storage = own_storage(db)
    return None if storage is None else storage._adapter


def is_postgresql(adapter: Any) -> bool:
    """Return whether an adapter speaks to PostgreSQL."""
    return any(kind.__module__.startswith(POSTGRESQL) for kind in type(adapter).__mro__)
