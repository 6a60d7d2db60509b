"""The ``zope.conf``: read as Zope does, and its databases as sections that zcasync can open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ZConfig
from Zope2.Startup.options import ZopeWSGIOptions

from zcasync.errors import ConfigurationError

#: Where the main database is mounted.
ROOT = "/"


def load(home: Path, name: str) -> ZopeWSGIOptions:
    """Return the options of a ``zope.conf``; a relative path is meant from the home.

    Raises ConfigurationError, in one line.
    """
    path = (home / name).absolute()
    try:
        path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return ZopeWSGIOptions(configfile=path.as_uri())()
    except (ZConfig.ConfigurationError, ValueError) as error:
        raise ConfigurationError(f"{path}: {' '.join(str(error).split())}") from error


def databases(home: Path, name: str) -> list[Section]:
    """Return the databases of a ``zope.conf``, the one that is mounted at ``/`` first.

    Raises ConfigurationError.
    """
    root = load(home, name).configroot
    main = root.dbtab.mount_paths.get(ROOT)
    if main is None:
        raise ConfigurationError(f"{home / name}: no <zodb_db> has the mount-point {ROOT}")
    found = [Section(factory) for factory in root.databases]
    return sorted(found, key=lambda one: one.name != main)


class Section:
    """A ``<zodb_db>`` section of a ``zope.conf``, opened as ZODB's own ``<zodb>`` is."""

    def __init__(self, factory: Any) -> None:
        self._factory = factory
        self.config = factory.config
        self.name: str = factory.config.getSectionName() or ""
        if _is_default(self.config.class_factory):
            self.config.class_factory = None  # zcasync's, which keeps what it has no class for

    def open(self, databases: Any) -> Any:
        """Return the database, open, beside those in ``databases``."""
        return self._factory.open(self.name, databases)


def _is_default(class_factory: Any) -> bool:
    """Return whether nobody has named this class factory: Zope 5 has one for all databases."""
    return getattr(class_factory, "__module__", "").startswith("Zope2.")
