"""The supported versions of ZODB and ZEO, whose private names zcasync uses.

``pyproject.toml`` says the same to installers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import metadata

from zcasync.errors import ConfigurationError

Version = tuple[int, int]

#: The oldest and the newest of each; any third number will do.
SUPPORTED: Mapping[str, tuple[Version, Version]] = {
    "ZODB": ((5, 8), (6, 4)),
    "ZEO": ((5, 4), (6, 2)),
}


def require_supported() -> None:
    """Raise ConfigurationError where a version is installed that zcasync does not support."""
    problem = why_unsupported()
    if problem is not None:
        raise ConfigurationError(problem)


def why_unsupported() -> str | None:
    """Return what is installed, what is supported and what to do, in a sentence.

    None where what is installed is supported.
    """
    found = {name: version for name in SUPPORTED if (version := _wrong(name)) is not None}
    if not found:
        return None
    installed = " and ".join(f"{name} {version}" for name, version in found.items())
    verb = "is" if len(found) == 1 else "are"
    supported = " and ".join(f"{name} {_range(name)}" for name in SUPPORTED)
    ranges = " ".join(f"'{name}{requirement(name)}'" for name in found)
    return (
        f"{installed} {verb} installed, and zcasync works with {supported} only: "
        f"pip install {ranges}"
    )


def requirement(name: str) -> str:
    """Return the supported versions of a package as installers read them, such as '>=5.8,<6.5'."""
    oldest, (major, minor) = SUPPORTED[name]
    return f">={_text(oldest)},<{major}.{minor + 1}"


def numbers_of(version: str) -> Version:
    """Return the first two numbers of a version; (0, 0) where it begins with none."""
    numbers = re.match(r"(\d+)(?:\.(\d+))?", version)
    return (0, 0) if numbers is None else (int(numbers[1]), int(numbers[2] or 0))


def _wrong(name: str) -> str | None:
    """Return the installed version where that is not supported.  One that nobody knows may be."""
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
    oldest, newest = SUPPORTED[name]
    return None if oldest <= numbers_of(installed) <= newest else installed


def _range(name: str) -> str:
    oldest, newest = SUPPORTED[name]
    return f"{_text(oldest)} to {_text(newest)}"


def _text(version: Version) -> str:
    return ".".join(map(str, version))
