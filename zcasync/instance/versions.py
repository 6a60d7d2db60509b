"""Versions of the software that an engine runs on, to be kept in its record."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib import metadata

DISTRIBUTIONS = ("zcasync", "ZODB", "ZEO", "Twisted")


@lru_cache(maxsize=1)
def _found() -> tuple[tuple[str, str], ...]:
    versions = [("Python", platform.python_version())]
    for name in DISTRIBUTIONS:
        try:
            versions.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:  # run from a copy of the source
            versions.append((name, "unknown"))
    return tuple(versions)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the main distributions, by name."""
    return dict(_found())
