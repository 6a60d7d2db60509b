"""The client of this room, made from a configuration's sections for a ZEO client.

Exactly these sections: one that an application derives from them gets the client that it makes.
"""

from __future__ import annotations

from typing import Any

from ZEO.zconfig import ClientStorageConfig
from ZODB.config import ZEOClient

from zcasync.zeo.client import PipelinedClientStorage
from zcasync.zeo.own_socket import open_port

#: The classes that make a ``<zeoclient>`` and a ``<clientstorage>``.
SECTIONS = (ZEOClient, ClientStorageConfig)


def is_client_section(section: Any) -> bool:
    """Return whether a section's client can be a PipelinedClientStorage."""
    return type(section) in SECTIONS


def open_client_section(section: Any, **options: Any) -> PipelinedClientStorage:
    """Make the client that a section describes; ``options`` override those of the section.

    Raises what making a ``ClientStorage`` raises.
    """
    config = section.config
    given = {name: getattr(config, name) for name in config.getSectionAttributes()}
    addresses = [server.address for server in given.pop("server")]
    ssl = given.pop("ssl", None)
    if ssl is not None:
        given["ssl"], given["ssl_server_hostname"] = ssl
    given["cache"] = given.pop("cache_path", None)
    given = {name: value for name, value in given.items() if value is not None}
    return PipelinedClientStorage(addresses, **{**given, **options})


def open_ports_of(section: Any) -> list[str]:
    """Return what is to be said of each server of a section that asks for no certificate."""
    if not isinstance(section, SECTIONS) or getattr(section.config, "ssl", None) is not None:
        return []
    places = [server.address for server in section.config.server]
    return [open_port(place) for place in places if not isinstance(place, str)]


def lacks_blob_dir(section: Any) -> bool:
    """Return whether a section's client is given no place for blobs."""
    return isinstance(section, SECTIONS) and section.config.blob_dir is None


def server_address(storage: Any) -> tuple[list[Any], str] | None:
    """Return the addresses of the server of a ZEO client, and the storage's name there.

    None for one that asks for certificates: those of the client are known to its process only.
    """
    if storage._server.client.ssl is not None:
        return None
    return storage._addr, storage._storage
