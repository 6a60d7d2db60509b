"""Storable values: whether a value can be stored and loaded again, found out before the commit.

A value that pickles but does not load makes the record that holds it unreadable for good, so both
directions are tried.
"""

from __future__ import annotations

import io
from typing import Any

from persistent import Persistent
from persistent.wref import WeakRef
from zodbpickle import binary
from zodbpickle.fastpickle import Pickler, Unpickler

from zcasync.errors import UnstorableError
from zcasync.unpublished import Unpublished

#: Types whose values can be stored without a check.
SIMPLE = frozenset([type(None), bool, int, float, str, bytes, binary])
#: A result larger than this is put in a record of its own, so that the partial's stays small.
INLINE_LIMIT_BYTES = 8 * 1024
#: A larger result is refused: it belongs into a blob or into objects of the application.
RESULT_LIMIT_BYTES = 16 * 1024 * 1024


class LargeValue(Unpublished, Persistent):  # type: ignore[misc]
    """One large result in a record of its own."""

    def __init__(self, value: Any) -> None:
        self.value = value


def storable(value: Any, what: str = "result") -> Any:
    """Return ``value``, or a LargeValue that holds it when it is large.

    Raises UnstorableError, naming it ``what``, when it cannot be pickled, cannot be loaded again,
    or is too large.
    """
    if type(value) in SIMPLE and _length(value) < 2048:
        return value
    size = pickled_size(value, what)
    if size > RESULT_LIMIT_BYTES:
        raise UnstorableError(
            f"the {what}, a {type(value).__name__}, takes {size:,} bytes when pickled; the limit "
            f"is {RESULT_LIMIT_BYTES:,}: keep large values in a blob or in objects of your own"
        )
    return LargeValue(value) if size > INLINE_LIMIT_BYTES else value


def _length(value: Any) -> int:
    """Return the approximate length in characters or bytes; 0 for what is always short."""
    if isinstance(value, int):
        return value.bit_length() // 8
    return len(value) if isinstance(value, str | bytes) else 0


def pickled_size(value: Any, what: str) -> int:
    """Return the bytes of the pickle.  Raises UnstorableError where it cannot be loaded again."""
    data, references = _pickled(value, what)
    unpickler = Unpickler(io.BytesIO(data))
    unpickler.persistent_load = references.__getitem__
    try:
        unpickler.load()
    except Exception as error:  # a class's own code runs here
        raise UnstorableError(
            f"the {what}, a {type(value).__name__}, can be pickled but not loaded again: "
            f"{type(error).__name__}: {str(error)[:200]}"
        ) from error
    return len(data)


def has_references(value: Any) -> bool:
    """Return whether the value refers to stored objects.  Raises UnstorableError."""
    return type(value) not in SIMPLE and bool(references(value, "value"))


def references(value: Any, what: str) -> list[object]:
    """Return the stored objects that the value refers to.  Raises UnstorableError."""
    return _pickled(value, what)[1]


def _pickled(value: Any, what: str) -> tuple[bytes, list[object]]:
    """Return the pickle, and the stored objects that it refers to."""
    references: list[object] = []
    out = io.BytesIO()
    pickler = Pickler(out, 3)

    def persistent_id(obj: object) -> int | None:
        if (hasattr(obj, "_p_oid") and not isinstance(obj, type)) or isinstance(obj, WeakRef):
            references.append(obj)
            return len(references) - 1
        return None

    pickler.persistent_id = persistent_id
    try:
        pickler.dump(value)
    except Exception as error:  # any object inside may raise an exception of its own kind
        raise UnstorableError(
            f"the {what}, a {type(value).__name__}, cannot be pickled: "
            f"{type(error).__name__}: {str(error)[:200]}"
        ) from error
    return out.getvalue(), references
