"""Formats: the number of the forms in which records are stored, and the refusal of newer ones.

A data manager says in which its records are.  A new form raises the number in the transaction that
stores it first, so that a database in which nobody uses it goes on to serve older versions.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import metadata
from typing import Any

from zcasync.errors import NewerRecords

#: The number of a database in which no newer form is stored.
FIRST_FORMAT = 1
#: How records are laid out and what their classes are called: the newest that is known here.
RECORD_FORMAT = 1


def is_known(number: object) -> bool:
    """Return whether this version reads records of this format."""
    return isinstance(number, int) and FIRST_FORMAT <= number <= RECORD_FORMAT


def refuse_newer(manager: Any) -> None:
    """Raise NewerRecords where a data manager says that there are records of a newer form."""
    if getattr(manager, "record_format", FIRST_FORMAT) > RECORD_FORMAT:
        raise _refusal(manager)


def use_format(manager: Any, number: int) -> None:
    """Note, in the present transaction, that records of this form are stored from now on.

    Older versions refuse the database then.  Safe to repeat.
    """
    if manager.record_format < number:
        manager.record_format, manager.record_format_by = number, this_version()


@lru_cache(maxsize=1)
def this_version() -> str:
    """Return the version of zcasync that is installed here."""
    try:
        return metadata.version("zcasync")
    except metadata.PackageNotFoundError:  # run from a copy of the source
        return "unknown"


def name_of(database: Any) -> str:
    """Return what a database is called in a sentence."""
    name = database.database_name
    return "this database" if name in ("", "unnamed") else f"database {name!r}"


def _refusal(manager: Any) -> NewerRecords:
    where = "this database" if manager._p_jar is None else name_of(manager._p_jar.db())
    version = manager.record_format_by
    by = "a newer version of zcasync" if version is None else f"zcasync {version}"
    return NewerRecords(
        f"the data manager of {where} has records of format {manager.record_format}, written by "
        f"{by}; this one, {this_version()}, knows them up to {RECORD_FORMAT}, and changes nothing "
        "there: update it, and whatever else uses that database"
    )
