"""Application: what an ini file sets up, in each process of a worker, and around each job."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import plaster
from pyramid.config import global_registries

from zcasync.errors import ConfigurationError
from zcasync.pyramid import databases
from zcasync.pyramid.job_request import job_request
from zcasync.pyramid.policy import trust_jobs
from zcasync.pyramid.settings import IniFile, settings
from zcasync.pyramid.zodbconn import OpenDatabases

#: In the application's ``global_config``, as ``pyramid.paster.bootstrap`` sets it.
SCRIPT = {"__script__": "zcasync"}


class Application:
    """The setting ``application zcasync.pyramid:Application etc/production.ini#main``.

    The WSGI application is made once, with the worker's databases; each job has a request of its
    own.  See :class:`zcasync.interfaces.IApplicationFactory`.
    """

    def __init__(self, process: Any, *arguments: str) -> None:
        ini = _ini(process.home, arguments)
        self._databases = OpenDatabases(process)
        self._databases.use()
        loader = plaster.get_loader(ini.uri, protocols=["wsgi"])
        loader.setup_logging(SCRIPT)
        made = loader.get_wsgi_app(ini.name, SCRIPT)
        self._registry = getattr(made, "registry", None) or global_registries.last
        if self._registry is None:
            raise ConfigurationError(f"{ini.uri} makes an application that is not Pyramid's")
        trust_jobs(self._registry)

    @classmethod
    def databases(cls, home: Path, *arguments: str) -> tuple[Any, ...]:
        """Return the databases that ``zodbconn.uri`` names.  Raises ConfigurationError."""
        ini = _ini(home, arguments)
        try:
            return databases.databases(settings(ini), home)
        except ConfigurationError as error:
            path = f"{ini.path}: "
            problems = [one.removeprefix(path) for one in error.problems]
            raise ConfigurationError([path + problem for problem in problems]) from error

    def job(self, partial: Any, connection: Any) -> AbstractContextManager[Any]:
        """Return the request of a job as a context manager around an attempt at it."""
        return job_request(self._registry, self._databases, partial, connection)


def _ini(home: Path, arguments: tuple[str, ...]) -> IniFile:
    if len(arguments) != 1:
        raise ConfigurationError(
            "zcasync.pyramid:Application has one argument, the path of an ini file: application "
            "zcasync.pyramid:Application etc/production.ini"
        )
    return IniFile.of(home, arguments[0])
