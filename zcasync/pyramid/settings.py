"""The settings of an application in an ini file, read without loading any of its code."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Any, NamedTuple

import plaster

from zcasync.errors import ConfigurationError

#: A chain of sections, each of which uses the next, ends after so many.
LONGEST_CHAIN = 20


class IniFile(NamedTuple):
    """An ini file, absolute, and the name of the application in it."""

    path: Path
    name: str

    @classmethod
    def of(cls, home: Path, argument: str) -> IniFile:
        """Return what ``etc/production.ini#name`` means, from the home on.

        Raises ConfigurationError for a file that is not there.
        """
        file, _, name = argument.partition("#")
        path = Path(os.path.abspath(home / file))
        if not path.is_file():
            raise ConfigurationError(
                f"{path} is not there: the ini file of the application is named from {home} on, or "
                "by its whole path"
            )
        return cls(path, name or "main")

    @property
    def uri(self) -> str:
        """The name of both, as plaster and ``pyramid.paster`` have it."""
        return f"{self.path}#{self.name}"


def settings(ini: IniFile) -> dict[str, str]:
    """Return the settings of the application, as its section and those that it uses have them.

    The filters in front of an application are passed over.  Raises ConfigurationError.
    """
    try:
        return _settings(ini, LONGEST_CHAIN)
    except ConfigurationError:
        raise
    except (configparser.Error, LookupError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"{ini.path} cannot be read: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error


def _settings(ini: IniFile, depth: int) -> dict[str, str]:
    loader = plaster.get_loader(str(ini.path), protocols=["wsgi"])
    section = _section(ini, loader)
    kind = section.partition(":")[0]
    found = dict(loader.get_settings(section))
    if depth == 0:
        raise ConfigurationError(f"{ini.path}: the sections that {section} uses lead to no end")
    if kind == "pipeline":
        return _used(ini, found.get("pipeline", "").split()[-1:], depth)
    if kind == "filter-app":
        return _used(ini, [found.get("next", "")], depth)
    if kind in ("composite", "composit"):
        raise ConfigurationError(
            f"{ini.path}: {section} has several applications: name the one that jobs belong to, as "
            f"{ini.path.name}#NAME"
        )
    return {**_used(ini, [found.pop("use", "")], depth), **found}


def _section(ini: IniFile, loader: Any) -> str:
    """Return the name of the section of an application.  Raises ConfigurationError."""
    present = loader.get_sections()
    kinds = ("app", "application", "pipeline", "filter-app", "composite", "composit")
    for name in [f"{kind}:{ini.name}" for kind in kinds]:
        if name in present:
            return name
    raise ConfigurationError(f"{ini.path} has no section [app:{ini.name}]")


def _used(ini: IniFile, names: list[str], depth: int) -> dict[str, str]:
    """Return the settings of the section that another one builds on; none where that is code."""
    for name in names:
        scheme, separator, rest = name.partition(":")
        if scheme == "config":
            return _settings(IniFile.of(ini.path.parent, rest), depth - 1)
        if name and not separator:
            return _settings(IniFile(ini.path, name), depth - 1)
    return {}
