"""Storable values: whether a value can be stored and loaded again, found out before the commit.

A value that pickles but does not load is lost for good, so both directions are tried.
"""

from __future__ import annotations

from typing import Any

from persistent import Persistent

from zcasync.errors import FOREIGN_CODE, UnstorableError
from zcasync.job.advice import advice
from zcasync.job.loading import Stage, loading, trial_elsewhere
from zcasync.job.packed import SIMPLE, Packed, is_plain, pack
from zcasync.unpublished import Unpublished

#: A result larger than this is put in a record of its own, so that the partial's stays small.
INLINE_LIMIT_BYTES = 8 * 1024
#: A larger result is refused: it belongs into a blob or into objects of the application.
RESULT_LIMIT_BYTES = 16 * 1024 * 1024


class LargeValue(Unpublished, Persistent):  # type: ignore[misc]
    """One large result in a record of its own."""

    def __init__(self, value: Any) -> None:
        self.value = value


def storable(value: Any, what: str = "result") -> Any:
    """Return the value as it is stored: plain ones themselves, others packed, large ones apart.

    Raises UnstorableError, naming it ``what``, when it cannot be pickled, cannot be loaded again,
    or is too large.
    """
    if type(value) in SIMPLE and _length(value) < 2048:
        return value
    packed, elsewhere = pack(value, what), trial_elsewhere()
    if elsewhere is None:
        with loading(Stage.RESULT):
            _require_loads(packed, value, what)
    else:
        _refuse(value, what, elsewhere(packed.data, packed.references))
    size = len(packed.data)
    if size > RESULT_LIMIT_BYTES:
        raise UnstorableError(
            f"the {what}, a {type(value).__name__}, takes {size:,} bytes when pickled; the limit "
            f"is {RESULT_LIMIT_BYTES:,}: keep large values in a blob or in objects of your own"
        )
    stored = value if is_plain(value) else packed
    return LargeValue(stored) if size > INLINE_LIMIT_BYTES else stored


def loaded(stored: Any, jar: Any) -> Any:
    """Return the value for what ``storable`` returned.  Raises whatever loading it does.

    ``jar``: the connection that it was read in, None: none.
    """
    if isinstance(stored, LargeValue):
        stored = stored.value
    return stored.load(jar) if isinstance(stored, Packed) else stored


def _length(value: Any) -> int:
    """Return the approximate length in characters or bytes; 0 for what is always short."""
    if isinstance(value, int):
        return value.bit_length() // 8
    return len(value) if isinstance(value, str | bytes) else 0


def checked(value: Any, what: str) -> Packed:
    """Return the value packed.  Raises UnstorableError where it cannot be loaded again."""
    packed = pack(value, what)
    _require_loads(packed, value, what)
    return packed


def _require_loads(packed: Packed, value: Any, what: str) -> None:
    try:
        packed.load()
    except FOREIGN_CODE as error:  # a class's own code runs here
        _refuse(value, what, f"{type(error).__name__}: {str(error)[:200]}", error)


def _refuse(value: Any, what: str, why: str, cause: BaseException | None = None) -> None:
    """Raise UnstorableError where there is a reason."""
    if why:
        raise UnstorableError(
            f"the {what}, a {type(value).__name__}, can be pickled but not loaded again: {why}"
        ) from cause


def require_loadable(value: Any, name: str, call: str) -> None:
    """Raise UnstorableError for an argument, ``name``, that no worker could load for its ``call``.

    What is not plain is pickled and loaded again, its references to stored objects left alone.
    """
    known = advice(value)
    if known is not None:
        raise UnstorableError(f"{name} of {call} is {known}")
    if not is_plain(value):
        checked(value, f"{name} of {call}")


def has_references(value: Any) -> bool:
    """Return whether the value refers to stored objects.  Raises UnstorableError."""
    return type(value) not in SIMPLE and bool(references(value, "value"))


def references(value: Any, what: str) -> tuple[object, ...]:
    """Return the stored objects that the value refers to.  Raises UnstorableError."""
    return pack(value, what).references
