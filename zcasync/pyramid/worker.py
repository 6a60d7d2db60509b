"""Worker: the WSGI application of an ini file, made once in a process of a worker."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import plaster
from pyramid.config import global_registries

from zcasync.errors import ConfigurationError
from zcasync.pyramid.job_request import job_request
from zcasync.pyramid.policy import trust_jobs
from zcasync.pyramid.settings import IniFile
from zcasync.pyramid.zodbconn import OpenDatabases

#: In the application's ``global_config``, as ``pyramid.paster.bootstrap`` sets it.
SCRIPT = {"__script__": "zcasync"}


class Worker:
    """The application, with the worker's databases; each job has a request of its own.

    Making it raises what the application raises, and ConfigurationError for one that is not
    Pyramid's.
    """

    def __init__(self, process: Any, ini: IniFile) -> None:
        self._databases = OpenDatabases(process)
        self._databases.use()
        loader = plaster.get_loader(ini.uri, protocols=["wsgi"])
        loader.setup_logging(SCRIPT)
        made = loader.get_wsgi_app(ini.name, SCRIPT)
        self._registry = getattr(made, "registry", None) or global_registries.last
        if self._registry is None:
            raise ConfigurationError(f"{ini.uri} makes an application that is not Pyramid's")
        trust_jobs(self._registry)

    def job(self, partial: Any, connection: Any) -> AbstractContextManager[Any]:
        """Return the request of a job as a context manager around an attempt at it."""
        return job_request(self._registry, self._databases, partial, connection)
