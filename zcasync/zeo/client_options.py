"""The options of a ZEO client as plain values, from which another process makes a client like it.

None of them is a secret: user names, passwords and credentials are options that ZEO's client takes
and does not keep, and of certificates only the process knows that has loaded them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ZEO.asyncio.client import Fallback
from ZEO.ClientStorage import ClientStorage
from ZODB.blob import BlobStorage

from zcasync.zeo.client import PipelinedClientStorage

#: The key of the folder of a BlobStorage around the client.
AROUND = "blob_storage"


def client_of(storage: Any) -> Any:
    """Return the ZEO client that a storage is, or that a BlobStorage is around; None: neither."""
    inner = storage._BlobStorage__storage if type(storage) is BlobStorage else storage
    return inner if isinstance(inner, ClientStorage) else None


def has_certificates(storage: Any) -> bool:
    """Return whether a client asks for certificates: they are known to its process only."""
    return client_of(storage)._server.client.ssl is not None


def options_of(storage: Any) -> dict[str, Any]:
    """Return the other options of a client, those that are not as they are without being given."""
    client = client_of(storage)
    access = client._server.client.read_only
    by_default = [str(client._addr), *map(str, client._addr)]
    found = {
        "name": None if client.__name__ in by_default else client.__name__,
        "cache": _whole(client._cache.path),
        "cache_size": client._cache.maxsize,
        "wait_timeout": client._server.timeout,
        "read_only": (bool(access) and access is not Fallback) or None,
        "read_only_fallback": access is Fallback or None,
        "blob_dir": _whole(client.blob_dir),
        "shared_blob_dir": bool(client.shared_blob_dir) or None,
        "blob_cache_size": client._blob_cache_size,
        "blob_cache_size_check": _percent(client),
        "client_label": client._client_label,
        "server_sync": client.server_sync or None,
        AROUND: _whole(storage.fshelper.base_dir) if storage is not client else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _percent(client: Any) -> int | None:
    """Return after how many hundredths of its size a client looks at its cache of blobs."""
    size = client._blob_cache_size
    return -(-client._blob_cache_size_check * 100 // size) if size else None


def _whole(path: str | None) -> str | None:
    return None if path is None else os.path.abspath(path)


def open_client(addresses: list[Any], storage: str, options: Mapping[str, Any]) -> Any:
    """Make a client with these options, which may not be connected yet."""
    given = {name: value for name, value in options.items() if name != AROUND}
    return PipelinedClientStorage(addresses, storage=storage, **{**given, "wait": False})


def with_blobs(client: Any, options: Mapping[str, Any]) -> Any:
    """Return a connected client, in the BlobStorage that the options have around it."""
    return BlobStorage(options[AROUND], client) if AROUND in options else client
