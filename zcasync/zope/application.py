"""Application: Zope, or Plone, in the processes of a worker; the setting ``application``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zcasync.zope import configuration
from zcasync.zope.boot import boot
from zcasync.zope.capture import register
from zcasync.zope.paths import Ways
from zcasync.zope.visit import visit


class Application:
    """See :class:`zcasync.interfaces.IApplication`; the argument is the path of a ``zope.conf``.

    Zope is started with it as its web processes are: its databases, products, ZCML and environment.
    Each call runs as a view does: within a request, in the site and as the user of its put.
    """

    @classmethod
    def databases(cls, home: Path, zope_conf: str) -> list[Any]:
        """Return the databases of the ``zope.conf``.  Raises ConfigurationError."""
        return list(configuration.databases(home, zope_conf))

    def __init__(self, process: Any, zope_conf: str) -> None:
        options = configuration.load(process.home, zope_conf)
        self._main = options.configroot.dbtab.mount_paths[configuration.ROOT]
        boot(options, process.databases)
        register()

    @contextmanager
    def job(self, partial: Any, connection: Any) -> Iterator[Ways]:
        """Have a request, the site and the user of a put around its call.

        Raises LookupError where one of them is gone.
        """
        main = connection.get_connection(self._main)
        with visit(main.root()["Application"], partial) as app:
            yield Ways(app, partial)
