"""Errors as a storage raises them, for tests in which nobody else could."""

from __future__ import annotations

from typing import TypeVar

from zcasync.zeo.storage_errors import MARK

E = TypeVar("E", bound=BaseException)


def of_storage(error: E) -> E:
    """Return the error, marked as raised by a storage of the connection that is concerned."""
    setattr(error, MARK, True)
    return error
