"""Databases that one kind of code must not close, because all of the process works with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: The attribute of a method that refuses to close.
KEPT = "zcasync_kept"


def keep_open(db: Any, require: Callable[[], None]) -> None:
    """Let the database, those beside it and their storages call ``require()`` before they close.

    It raises where the code that runs must not close them.  Safe to repeat.
    """
    for one in db.databases.values():
        for opened in (one, one.storage):
            close = getattr(opened, "close", None)
            if close is not None and not hasattr(close, KEPT):
                opened.close = _requiring(close, require)


def _requiring(close: Callable[[], None], require: Callable[[], None]) -> Callable[[], None]:
    def close_if_allowed() -> None:
        require()
        close()

    setattr(close_if_allowed, KEPT, True)
    return close_if_allowed
