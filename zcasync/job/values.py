"""Storable values: whether a value can be stored and loaded again, found out before the commit.

A value that pickles but does not load is lost for good, so both directions are tried.
"""

from __future__ import annotations

from typing import Any

from persistent import Persistent

from zcasync.errors import FOREIGN_CODE, DamagedRecord, UnstorableError
from zcasync.job.advice import advice
from zcasync.job.copies import copied, weight
from zcasync.job.loading import Stage, loading, trial_elsewhere
from zcasync.job.packed import SIMPLE, Packed, is_plain, pack
from zcasync.text import message_of
from zcasync.unpublished import Unpublished

#: A larger result or argument is put in a record of its own, so that the partial's stays small.
INLINE_LIMIT_BYTES = 8 * 1024
#: A larger one is refused: it belongs into a blob or into objects of the application.
RESULT_LIMIT_BYTES = 16 * 1024 * 1024


class LargeValue(Unpublished, Persistent):  # type: ignore[misc]
    """One large result, or argument, in a record of its own."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Boxed(Unpublished):
    """One large argument: its box, a record of its own, and what is known without loading that.

    ``kind``: the name of its type; ``size``: of its pickle, bytes.
    """

    __slots__ = ("box", "kind", "size")

    def __init__(self, kind: str, size: int, box: LargeValue) -> None:
        self.kind = kind
        self.size = size
        self.box = box

    def __reduce__(self) -> tuple[Any, ...]:
        return Boxed, (self.kind, self.size, self.box)

    def load_noting(self, jar: Any) -> tuple[Any, list[str]]:
        """Return the value, made anew, as ``Packed.load_noting`` does; let go of the box.

        Raises DamagedRecord for one that holds something else, and whatever loading it does.
        """
        stored = self.box.value
        if not isinstance(stored, Packed) and type(stored).__qualname__ != self.kind:
            raise DamagedRecord(f"its record holds a {type(stored).__qualname__}")
        found = stored.load_noting(jar) if isinstance(stored, Packed) else (stored, [])
        self.box._p_deactivate()
        return found

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.size:,} bytes>"


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
    _require_size(size, value, what)
    stored = copied(value) if is_plain(value) else packed
    return LargeValue(stored) if size > INLINE_LIMIT_BYTES else stored


def _require_size(size: int, value: Any, what: str) -> None:
    """Raise UnstorableError for what is too large; ``size``: of its pickle."""
    if size > RESULT_LIMIT_BYTES:
        raise UnstorableError(
            f"the {what}, a {type(value).__name__}, takes {size:,} bytes when pickled; the limit "
            f"is {RESULT_LIMIT_BYTES:,}: keep large values in a blob or in objects of your own"
        )


def loaded(stored: Any, jar: Any) -> Any:
    """Return the value for what ``storable`` returned, one that nobody else has.

    A Failure is the stored one.  ``jar``: the connection that it was read in, None: none.  Raises
    whatever loading it does.
    """
    if isinstance(stored, LargeValue):
        stored = stored.value
    return stored.load(jar) if isinstance(stored, Packed) else copied(stored)


def boxed(value: Any, packed: Packed | None, what: str) -> Boxed:
    """Return a large value in a box, with its pickle; None: it is simple, and needs none.

    Raises UnstorableError where it is too large.
    """
    size = _size(value) if packed is None else len(packed.data)
    _require_size(size, value, what)
    stored = value if packed is None else packed
    return Boxed(type(value).__qualname__, size, LargeValue(stored))


def is_short(value: Any) -> bool:
    """Return whether this is a simple value, which a record holds as it is."""
    kind = type(value)
    if kind is str or kind is bytes:
        return len(value) <= INLINE_LIMIT_BYTES
    return kind in SIMPLE and _length(value) <= INLINE_LIMIT_BYTES


def is_light(value: Any) -> bool:
    """Return whether a plain value can be a part of a small record."""
    return weight(value, INLINE_LIMIT_BYTES) <= INLINE_LIMIT_BYTES


def _length(value: Any) -> int:
    """Return the approximate length in characters or bytes; 0 for what is always short."""
    if isinstance(value, int):
        return value.bit_length() // 8
    return len(value) if isinstance(value, str | bytes) else 0


def _size(value: Any) -> int:
    """Return the length of the pickle of a simple value that is long, but for a few bytes."""
    is_wide = isinstance(value, str) and not value.isascii()
    return len(value.encode("utf-8", "surrogatepass")) if is_wide else _length(value)


def checked(value: Any, what: str) -> Packed:
    """Return the value packed.  Raises UnstorableError where it cannot be loaded again."""
    packed = pack(value, what)
    _require_loads(packed, value, what)
    return packed


def _require_loads(packed: Packed, value: Any, what: str) -> None:
    try:
        packed.load()
    except FOREIGN_CODE as error:  # a class's own code runs here
        _refuse(value, what, f"{type(error).__name__}: {message_of(error)[:200]}", error)


def _refuse(value: Any, what: str, why: str, cause: BaseException | None = None) -> None:
    """Raise UnstorableError where there is a reason."""
    if why:
        raise UnstorableError(
            f"the {what}, a {type(value).__name__}, can be pickled but not loaded again: {why}"
        ) from cause


def require_loadable(value: Any, name: str, call: str) -> Packed | None:
    """Raise UnstorableError for an argument, ``name``, that no worker could load for its ``call``.

    What is not plain is pickled and loaded again, its references to stored objects left alone.
    Return the pickle of that, and of large containers; else None.
    """
    if is_short(value):
        return None
    what = f"{name} of {call}"
    if type(value) in SIMPLE:
        _require_size(_size(value), value, what)
        return None
    known = advice(value)
    if known is not None:
        raise UnstorableError(f"{what} is {known}")
    is_own = not is_plain(value)
    if not is_own and is_light(value):
        return None
    packed = checked(value, what) if is_own else pack(value, what)
    _require_size(len(packed.data), value, what)
    return packed


def has_references(value: Any) -> bool:
    """Return whether the value refers to stored objects.  Raises UnstorableError."""
    return type(value) not in SIMPLE and bool(references(value, "value"))


def references(value: Any, what: str) -> tuple[object, ...]:
    """Return the stored objects that the value refers to.  Raises UnstorableError."""
    if isinstance(value, Boxed):
        value = value.box.value
    return value.references if isinstance(value, Packed) else pack(value, what).references
