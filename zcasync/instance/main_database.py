"""The main one of the databases that a configuration names: it is named or marked, never guessed.

It is the one that an application begins with, and that a job's objects are in without a name of
their own.  The others are ``zc.async``, which holds the data manager where there is one, and those
that the application mounts in its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zcasync.interfaces import ASYNC_DATABASE

#: The name of the main one of several, where the setting ``main-database`` names none.
MAIN = "main"


def name_of(factory: Any) -> str:
    """Return the name of the database of a section; '' where it has none."""
    return str(factory.config.database_name or factory.name or "")


def main_of(factories: Sequence[Any], marked: str | None) -> Any:
    """Return the section of the main database; ``marked``: the name that the settings give.

    Raises ValueError, in a sentence, where that is not known.
    """
    names = [name_of(one) for one in factories]
    several = [name for name in names if name != ASYNC_DATABASE]
    if marked is None:
        return factories[names.index(_unmarked(several))]
    found = [name for name in names if name.lower() == marked.lower()]  # ZConfig's are small
    if len(found) != 1:
        raise ValueError(
            f"main-database names {marked!r}, and the <zodb> sections are {_listed(names)}"
        )
    if found == [ASYNC_DATABASE] and several:
        raise ValueError(
            f"main-database names {marked!r}, which is the one that holds the data manager beside "
            "a main one"
        )
    return factories[names.index(found[0])]


def _unmarked(names: list[str]) -> str:
    """Return the name of the main one by the names alone.  Raises ValueError."""
    if not names:
        raise ValueError(
            f"there is no main database beside {ASYNC_DATABASE}: add a section, <zodb {MAIN}>"
        )
    found = names if len(names) == 1 else [name for name in names if name in ("", MAIN)]
    if len(found) != 1:
        raise ValueError(
            f"which of the databases {_listed(names)} is the main one is not said: mark it in "
            f"<zcasync> with `main-database NAME`, or let its section be <zodb {MAIN}>"
        )
    return found[0]


def _listed(names: list[str]) -> str:
    return " and ".join(repr(name or "(no name)") for name in names) or "none"
