"""The files of TLS that a configuration names, and what is wrong with those that cannot be used.

ZEO loads them while the configuration is read; what comes back names neither file nor setting.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from ZConfig.datatypes import Registry
from ZConfig.loader import SchemaLoader

#: The settings of an ``<ssl>`` section that name files, and what these have to hold.
SETTINGS = {
    "authenticate": "the certificate of the authority",
    "certificate": "the certificate that is shown to the other side",
    "key": "its key",
}
REMEDY = (
    "make it with zcasync certificates, as docs/hosts.rst shows, or name the one that there is, by "
    "its whole path best"
)


def load_schema(path: str) -> Any:
    """Return the schema at ``path``, with such errors.  Raises ZConfig.SchemaError."""
    registry = Registry()
    registry.register("ZEO.zconfig.client_ssl", client_ssl)
    registry.register("ZEO.zconfig.server_ssl", server_ssl)
    return SchemaLoader(registry).loadURL(path)


def client_ssl(section: Any) -> Any:
    """Return what ZEO makes of a client's ``<ssl>``.  Raises ValueError for a file of no use."""
    return _loaded("client_ssl", section)


def server_ssl(section: Any) -> Any:
    """Return what ZEO makes of a server's ``<ssl>``.  Raises ValueError for a file of no use."""
    return _loaded("server_ssl", section)


def _loaded(function: str, section: Any) -> Any:
    try:
        return getattr(import_module("ZEO.zconfig"), function)(section)
    except OSError as error:  # those of the module ssl are, too
        raise ValueError(f"in <ssl>, {_problem(section, error)}") from error


def _problem(section: Any, error: OSError) -> str:
    for setting, purpose in SETTINGS.items():
        path = getattr(section, setting)
        if path and not os.path.exists(path):
            return (
                f"{setting} {path}: there is no file {os.path.abspath(path)}, which is to hold "
                f"{purpose}: {REMEDY}"
            )
        if path and not os.access(path, os.R_OK):
            return f"{setting} {path}: this user may not read it, and it is to hold {purpose}"
    named = [f"{name} {getattr(section, name)}" for name in SETTINGS if getattr(section, name)]
    return f"these cannot be used together: {', '.join(named)} ({error})"
