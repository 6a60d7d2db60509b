"""Application: an ini file as the setting ``application`` of a worker."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from zcasync.errors import ConfigurationError
from zcasync.pyramid import databases
from zcasync.pyramid.settings import IniFile, settings


class Application:
    """The factory of ``application zcasync.pyramid:Application etc/production.ini#main``.

    See :class:`zcasync.interfaces.IApplicationFactory`.
    """

    def __new__(cls, process: Any, *arguments: str) -> Any:
        """Return the application as a :class:`zcasync.pyramid.worker.Worker`.

        That is imported now: whoever asks for the databases only loads nothing of Pyramid.
        """
        ini = _ini(process.home, arguments)
        return import_module("zcasync.pyramid.worker").Worker(process, ini)

    @classmethod
    def databases(cls, home: Path, *arguments: str) -> tuple[Any, ...]:
        """Return the databases that ``zodbconn.uri`` names.  Raises ConfigurationError."""
        ini = _ini(home, arguments)
        try:
            return databases.databases(settings(ini))
        except ConfigurationError as error:
            path = f"{ini.path}: "
            problems = [one.removeprefix(path) for one in error.problems]
            raise ConfigurationError([path + problem for problem in problems]) from error


def _ini(home: Path, arguments: tuple[str, ...]) -> IniFile:
    if len(arguments) != 1:
        raise ConfigurationError(
            "zcasync.pyramid:Application has one argument, the path of an ini file: application "
            "zcasync.pyramid:Application etc/production.ini"
        )
    return IniFile.of(home, arguments[0])
