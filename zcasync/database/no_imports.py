"""Classes by their names only, for connections that load no application code.

The supervisor and the commands read records of zcasync that refer to objects of the application.
Importing the application's modules may hang, or end the process; here each of its classes is a
stand-in, and a reference to one of its objects is written again as it was read.
"""

from __future__ import annotations

import builtins
import copyreg
from typing import Any

from persistent import Persistent
from ZODB import broken

from zcasync.database.missing_classes import Named, StandIn, class_factory
from zcasync.unpublished import Unpublished
from zcasync.zeo.connections import make_classes_by

#: Packages whose classes are loaded: what zcasync's own records are made of.
OWN = ("zcasync", "BTrees", "persistent", "zodbpickle")
#: Other names that are loaded: plain values, and how pickles make objects.
PLAIN = {
    "_codecs": "encode",
    "copyreg": "_reconstructor",
    "collections": "OrderedDict deque",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "functools": "partial",
    "twisted.python.failure": "Failure",
    "uuid": "UUID SafeUUID",
}
#: Names that are loaded besides; tests add to them.
LOADED = {(module, name) for module, names in PLAIN.items() for name in names.split()}

_stand_ins: dict[tuple[str, str], type] = {}


def by_name(connection: Any, modulename: str, globalname: str) -> Any:
    """Return the class of a record where it is zcasync's own, or plain; else a stand-in.

    To be the ``class_factory`` of a connection.  Imports nothing of an application.
    """
    key = (modulename, globalname)
    if key in _IMPORTING:
        return _IMPORTING[key]
    if modulename.partition(".")[0] in OWN or (modulename, globalname) in LOADED:
        return class_factory(connection, modulename, globalname)
    if modulename == "builtins" and isinstance(getattr(builtins, globalname, None), type):
        return getattr(builtins, globalname)
    if key not in _stand_ins:
        _stand_ins[key] = _make(modulename, globalname)
    return _stand_ins[key]


def _rebuild(modulename: str, globalname: str, *args: Any) -> Any:
    """Return the object of a stored stand-in; here it is one still."""
    kind = by_name(None, modulename, globalname)
    return kind.__new__(kind, *args)


def _named(modulename: str, globalname: str) -> Any:
    """Return the class of a stored stand-in."""
    return by_name(None, modulename, globalname)


#: What imports by the names that it is given, and what is called in its place.
_IMPORTING = {
    ("ZODB.broken", "rebuild"): _rebuild,
    ("zcasync.database.missing_classes", "named"): _named,
    ("zcasync.database.missing_classes", "rebuild"): _rebuild,
}


def load_by_name(db: Any) -> None:
    """Let the connections of a database that was just opened, and of those beside it, do so."""
    make_classes_by(db, by_name)


class _ByName(type):
    """The class of stand-ins for persistent classes: they are stored as two names.

    ZODB loads a class that a reference gives as (module, name), too.
    """


def _reduce(kind: type) -> tuple[Any, ...]:
    return tuple, ((kind.__module__, kind.__name__),)


copyreg.pickle(_ByName, _reduce)  # type: ignore[arg-type]


class Elsewhere(Unpublished, broken.Broken, Persistent, metaclass=_ByName):  # type: ignore[misc]
    """An object of the application that is not to be changed here; its state is only looked at."""

    def __new__(cls, *args: Any) -> Any:
        """Return one; for a record that has arguments for ``__new__`` ZODB's own.

        That is stored as a reference without a class: with one they would be lost.
        """
        if args:
            plain = type(cls.__name__, (broken.Broken,), {"__module__": cls.__module__})
            kind = broken.persistentBroken(plain)
            return kind.__new__(kind, *args)
        made = Persistent.__new__(cls)
        made.__dict__["__Broken_newargs__"] = ()
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        raise broken.BrokenModified(self)

    def __getstate__(self) -> Any:
        return self.__Broken_state__

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_p_"):
            raise broken.BrokenModified(f"{self!r} belongs to the application")
        Persistent.__setattr__(self, name, value)

    def __repr__(self) -> str:
        oid = "" if self._p_oid is None else f" {int.from_bytes(self._p_oid):#x}"
        return f"<{type(self).__module__}.{type(self).__name__}{oid}>"


def _make(modulename: str, globalname: str) -> type:
    names = {"__module__": modulename}
    made = Named(globalname, (StandIn,), names)
    # The name under which ZODB looks for the persistent variant of a class that is not there.
    made.__Broken_Persistent__ = _ByName(globalname, (Elsewhere,), dict(names))  # type: ignore[attr-defined]
    return made
