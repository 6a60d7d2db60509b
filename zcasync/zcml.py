"""The application of ``zope.component``'s users: their ZCML, in each process of a worker.

``application zcasync.zcml:Application etc/site.zcml`` in ``etc/zcasync.conf``; several files are
loaded one after the other, as if one included them all.
"""

from __future__ import annotations

import os
from typing import Any

import zope.component.event  # noqa: F401  notify() calls the subscribers that ZCML registers
from zope.component.hooks import setHooks
from zope.configuration import xmlconfig
from zope.configuration.exceptions import ConfigurationError as ZCMLError

from zcasync.errors import ConfigurationError


class Application:
    """The component registry of an application, filled by its ZCML; sites are looked up.

    See :class:`zcasync.interfaces.IApplicationFactory`.
    """

    def __init__(self, process: Any, *files: str) -> None:
        if not files:
            raise ConfigurationError(
                "zcasync.zcml:Application has the paths of ZCML files as arguments: application "
                "zcasync.zcml:Application etc/site.zcml"
            )
        setHooks()
        load([os.path.abspath(process.home / file) for file in files])


def load(paths: list[str]) -> None:
    """Load files and do what they say.  Raises ConfigurationError, naming file and line."""
    context: Any = None
    try:
        for path in paths:
            context = xmlconfig.file(path, context=context, execute=False)
        context.execute_actions()
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{error.filename} is not there: a ZCML file of the application is named from the home "
            "on, or by its whole path"
        ) from error
    except ZCMLError as error:
        raise ConfigurationError(" ".join(str(error).split())) from error
