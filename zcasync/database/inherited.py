"""The databases of a process, described so that another one can open them with all options."""

from __future__ import annotations

from typing import Any

from ZODB import DB

from zcasync.errors import ConfigurationError
from zcasync.zeo.client_options import has_certificates, is_client, options_of
from zcasync.zeo.sections import server_address


def servers_of(db: DB) -> dict[str, Any]:
    """Return what another process needs to open a database and its companions.

    Name -> [addresses, name of the storage, the client's other options, the database's].  Raises
    ConfigurationError with a line for each that it could not open.
    """
    dbs = dict(db.databases)
    problems = [why for one in dbs.values() if (why := why_not(one)) is not None]
    if problems:
        raise ConfigurationError(problems)
    return {name: described(one) for name, one in dbs.items()}


def why_not(db: DB) -> str | None:
    """Return why another process could not open a database, in a sentence; None: it could."""
    if not is_client(db.storage):
        return (
            f"child processes could not open {type(db.storage).__name__} {db.storage.getName()!r} "
            f"of database {db.database_name!r}, which belongs to this process: serve it with ZEO"
        )
    if has_certificates(db.storage):
        return (
            f"child processes could not open database {db.database_name!r}: the certificates of "
            "its client are known to this process only"
        )
    return None


def described(db: DB) -> list[Any]:
    """Return what another process needs to open one that it can open, see ``servers_of``."""
    storage = db.storage
    addresses, name = server_address(storage) or ([], "")
    of_db = {
        "cache_size": db.getCacheSize(),
        "cache_size_bytes": db.getCacheSizeBytes(),
        "large_record_size": db.large_record_size,
        "xrefs": db.xrefs,
    }
    return [list(addresses), name, options_of(storage), of_db]
