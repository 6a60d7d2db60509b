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

from zcasync.zeo.client import PipelinedClientStorage


def is_client(storage: Any) -> bool:
    """Return whether a storage is a ZEO client, and nothing around one."""
    return isinstance(storage, ClientStorage)


def has_certificates(client: Any) -> bool:
    """Return whether a client asks for certificates: they are known to its process only."""
    return client._server.client.ssl is not None


def options_of(client: Any) -> dict[str, Any]:
    """Return the options of a client besides its server, those that are not off or unset."""
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
    return PipelinedClientStorage(addresses, storage=storage, **{**options, "wait": False})
