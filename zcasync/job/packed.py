"""Packed values: arguments and results of the application's own types, as pickles of their own.

Whoever reads a partial's record loads none of its values with it: only who makes the call, or has
its result, does.  What cannot be loaded, or hangs, or ends the process then, costs that job alone,
and a supervisor writes the bytes again as they were.  Plain values stay in the record as they are.
"""

from __future__ import annotations

import copyreg
import datetime
import decimal
import io
import uuid
from collections.abc import Callable, Iterable
from types import MethodType
from typing import Any

from persistent import Persistent
from persistent.wref import WeakRef
from ZODB.broken import Broken
from zodbpickle import binary
from zodbpickle.fastpickle import Pickler, Unpickler

from zcasync.errors import UnstorableError
from zcasync.job.callables import is_persistent, load_form, store_form
from zcasync.job.loading import Stage, loading
from zcasync.text import message_of
from zcasync.unpublished import Unpublished

#: Types whose values are loaded by no code of an application.
SIMPLE = frozenset([type(None), bool, int, float, str, bytes, binary])
PLAIN = SIMPLE | {
    complex,
    datetime.date,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
}
#: Containers are plain to this depth, with so many items in all.
DEPTH, ITEMS = 8, 1_000_000

Factory = Callable[[Any, str, str], Any]


class Packed(Unpublished):
    """One value that is not plain: its pickle, and the stored objects that it refers to."""

    __slots__ = ("data", "references")

    def __init__(self, data: bytes, references: tuple[Any, ...]) -> None:
        self.data = data
        self.references = references

    def __reduce__(self) -> tuple[Any, ...]:
        return Packed, (self.data, self.references)

    def load(self, jar: Any = None) -> Any:
        """Return the value.  Raises whatever loading it does.

        ``jar``: a connection, whose classes it is made of; None: those that can be imported.
        """
        return self.load_noting(jar)[0]

    def load_noting(self, jar: Any = None) -> tuple[Any, list[str]]:
        """Return the value as ``load`` does, with the dotted names in whose place are stand-ins."""
        unpickler = _Unpickler(io.BytesIO(self.data))
        unpickler.persistent_load = self.references.__getitem__
        unpickler.jar, unpickler.factory, unpickler.stand_ins = jar, _factory(jar), []
        with loading(Stage.CALL):
            return unpickler.load(), unpickler.stand_ins

    def __repr__(self) -> str:
        return f"<a value of {len(self.data):,} bytes>"


class _Unpickler(Unpickler):  # type: ignore[misc]
    """An unpickler whose classes are those of a connection."""

    jar: Any = None
    factory: Factory | None = None
    stand_ins: list[str]

    def find_class(self, module: str, name: str) -> Any:
        """Return the class, or what stands for it where it is not loaded or not there."""
        if self.factory is None:
            return super().find_class(module, name)
        found = self.factory(self.jar, module, name)
        if isinstance(found, type) and issubclass(found, Broken):
            self.stand_ins.append(f"{module}.{name}")
        return found


def _factory(jar: Any) -> Factory | None:
    """Return the class factory of a connection: its own, else that of its database."""
    if jar is None:
        return None
    return getattr(jar, "class_factory", None) or jar.db().classFactory  # type: ignore[no-any-return]


def pack(value: Any, what: str) -> Packed:
    """Return the value packed.  Raises UnstorableError, naming it ``what``, where that fails."""
    references: list[object] = []
    out = io.BytesIO()
    pickler = Pickler(out, 3)

    def persistent_id(obj: object) -> int | None:
        if (hasattr(obj, "_p_oid") and not isinstance(obj, type)) or isinstance(obj, WeakRef):
            references.append(obj)
            return len(references) - 1
        return None

    pickler.persistent_id = persistent_id
    pickler.dispatch_table = {**copyreg.dispatch_table, MethodType: _reduce_method}
    try:
        pickler.dump(value)
    except Exception as error:  # any object inside may raise an exception of its own kind
        raise UnstorableError(
            f"the {what}, a {type(value).__name__}, cannot be pickled: "
            f"{type(error).__name__}: {message_of(error)[:200]}"
        ) from error
    return Packed(out.getvalue(), tuple(references))


def _reduce_method(call: MethodType) -> Any:
    """Return how a method is stored: that of a persistent object as a callable of a partial is."""
    if is_persistent(call.__self__):
        return load_form, (store_form(call),)
    return call.__reduce__()


def is_plain(value: Any) -> bool:
    """Return whether the value can be part of a record as it is.

    Plain are texts, numbers and the like, stored objects, and small containers of these.
    """
    return type(value) in SIMPLE or _are_plain([value], DEPTH, ITEMS)


def _are_plain(values: Iterable[Any], depth: int, items: int) -> bool:
    inner: list[Any] = []
    for value in values:
        kind = type(value)
        if kind in PLAIN:
            continue
        if kind is datetime.datetime:
            if type(value.tzinfo) not in (type(None), datetime.timezone):
                return False
        elif kind is list or kind is tuple:
            inner += value
        elif kind is dict:
            if not PLAIN.issuperset(map(type, value)):
                return False
            inner += value.values()
        elif kind is set or kind is frozenset:
            if not PLAIN.issuperset(map(type, value)):
                return False
        elif not isinstance(value, Persistent | WeakRef):
            return False
        if len(inner) > items:
            return False
    return not inner or (depth > 0 and _are_plain(inner, depth - 1, items - len(inner)))
