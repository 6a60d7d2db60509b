"""Opening a RelStorage that a configuration names: the wait for its server, and what is wrong.

RelStorage opens at once or raises what its driver, or the server, has to say.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from shlex import split
from typing import Any

from zcasync.relstorage.lost import ServerLost

PAUSE_SECONDS = 0.1
#: What the server says, by its SQLSTATE, to one of two that make the tables at the same time.
MET_ANOTHER = ("23505", "42P07", "42710", "42723", "XX000")
#: So often it is tried again then: once the other one is through, its tables are there.
MEETINGS = 20
#: RelStorage's own words for the server's number of version: that of PostgreSQL 9.6.
OLDEST = 90600
INSTALL = "install it, as in pip install 'zcasync[relstorage]'"
#: What the server or libpq says, or what is raised, and what to do about it.
REMEDIES = (
    (
        r"database .* does not exist",
        "make it, as in createdb --owner USER NAME, or name another one in the dsn",
    ),
    (r"role .* does not exist", "make it, as in createuser USER, or name another one in the dsn"),
    (
        r"password|authentication",
        "name the user in the dsn, and have the password in the dsn or in ~/.pgpass",
    ),
    (r"pg_hba\.conf", "let PostgreSQL's pg_hba.conf allow this user to come from here"),
    (
        r"connection string|invalid dsn|connection option",
        "write the dsn as libpq takes it: host=HOST dbname=NAME user=USER",
    ),
    (
        r"permission denied|must be owner",
        "let the user own the database, or make the tables as another one who does",
    ),
    (
        r"Schema mismatch|InvalidForeignKey|DuplicateTable|UndefinedTable|UndefinedColumn",
        "the database has no tables of RelStorage yet, or such of the other kind: let keep-history "
        "be what they were made with, and create-schema true where there are none",
    ),
    (r"Driver", INSTALL),
)


class CannotBeOpened(ValueError):
    """A storage that no wait helps; says what is wrong and what to do."""


def missing(problem: str) -> str:
    """Return a problem of a configuration with what to do where RelStorage is not installed."""
    return f"{problem}; {INSTALL}" if "No module named 'relstorage'" in problem else problem


def is_section(section: Any) -> bool:
    """Return whether a section of a configuration makes a RelStorage."""
    config = getattr(section, "config", None)
    return type(section).__module__.startswith("relstorage.") and hasattr(config, "adapter")


def open_section(section: Any, seconds: float) -> Any:
    """Return the storage that a section describes; wait for its server for so long.

    Raises ServerLost, and CannotBeOpened.
    """
    deadline = time.monotonic() + seconds
    met = 0
    while True:
        try:
            return section.open()
        except Exception as error:  # the driver's, RelStorage's, or one of the server's
            if getattr(error, "pgcode", None) in MET_ANOTHER and met < MEETINGS:
                met += 1
                time.sleep(PAUSE_SECONDS)
                continue
            text = " ".join(f"{type(error).__name__}: {error}".split())
            remedy = _remedy(text)
            if remedy is not None or not _is_away(error):
                raise CannotBeOpened(
                    _too_old(section) or f"{text}; {remedy or 'see its log'}"
                ) from error
            if time.monotonic() >= deadline:
                raise ServerLost(f"{text}; start it, or correct the dsn") from error
        time.sleep(PAUSE_SECONDS)


def _remedy(text: str) -> str | None:
    return next((one for said, one in REMEDIES if re.search(said, text)), None)


def _is_away(error: Exception) -> bool:
    """Return whether it is about a connection that could not be made, or was lost."""
    driver: Any = sys.modules.get("psycopg2")
    return driver is not None and isinstance(error, driver.OperationalError)


def _too_old(section: Any) -> str | None:
    """Return what to do where the server is of a version that RelStorage does not work with."""
    driver: Any = sys.modules.get("psycopg2")
    dsn = getattr(section.config.adapter.config, "dsn", None)
    if driver is None or dsn is None:
        return None
    with suppress(driver.Error):
        connection = driver.connect(dsn)
        found = connection.server_version
        connection.close()
        if found < OLDEST:
            shown = ".".join(map(str, (found // 10000, found // 100 % 100)))
            return f"PostgreSQL {shown} is too old for RelStorage: bring it up to date"
    return None


# two sections for one place


def problems_of(sections: Iterable[Any]) -> Iterator[str]:
    """Yield what is wrong with several storages of one configuration: two that are one."""
    places: set[tuple[str, ...]] = set()
    names: set[str] = set()
    for one in sections:
        place, name = _place(one), one.config.name
        if place in places:
            yield (
                f"two of its storages are one database, {' '.join(place) or 'the default'}: give "
                "each one of its own, with another dbname in the dsn"
            )
        if name in names:
            yield f"two of its storages are named {name!r}: give each a name of its own"
        places.add(place)
        names |= {name} - {None}


def _place(section: Any) -> tuple[str, ...]:
    """Return where a storage is: of a dsn, what names the server and the database."""
    adapter = section.config.adapter
    dsn = getattr(adapter.config, "dsn", None)
    if dsn is None:  # MySQL, SQLite: what names the database has other names there
        found = [f"{name}={value!r}" for name, value in sorted(vars(adapter.config).items())]
        return type(adapter).__name__, *[one for one in found if not one.startswith("_")]
    with suppress(ValueError):  # quotes that do not close
        parts = dict(part.partition("=")[::2] for part in split(re.sub(r"\s*=\s*", "=", dsn)))
        wanted = ("host", "port", "dbname", "service")
        return tuple(f"{name}={parts[name]}" for name in wanted if name in parts)
    return ()
