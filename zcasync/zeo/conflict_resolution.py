"""The classes that a database server loads to resolve conflicts: BTrees, and those it was told of.

Where two clients have changed one object, ZODB lets its class put both together, in the server.  It
loads whatever class a record names, and whatever its state is made of, so that who writes a record
chooses which module the server imports and what it calls.  Here a class that is not allowed is
never loaded, and the client that comes second gets its ConflictError.
"""

from __future__ import annotations

import copyreg
import logging
import re
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import ZODB.ConflictResolution
from ZODB.ConflictResolution import BadClass, BadClassName

from zcasync.text import cut, printable

log = logging.getLogger(__name__)

#: The classes of BTrees: ``BTrees.OOBTree.OOBucket``, of any two letters.
BTREES = re.compile(r"BTrees\.(\w\w)BTree\.\1(BTree|Bucket|Set|TreeSet)")
#: Other classes that any server may load: a counter, and values that are kept in BTrees.
STOCK = {
    "BTrees.Length.Length",
    "builtins.frozenset",
    "builtins.set",
    "datetime.date",
    "datetime.datetime",
    "datetime.time",
    "datetime.timedelta",
    "datetime.timezone",
    "decimal.Decimal",
    "uuid.UUID",
    "zodbpickle.binary",
}
#: Packages whose classes do not resolve conflicts, so that nothing is to be said of them.
NEVER_RESOLVE = ("persistent", "zcasync")
#: Classes that are named in the log, at most.
NAMED = 100
#: Why a class is not loaded, unless there is another reason.
NOT_ALLOWED = (
    "this server does not load the class {name}; where that is to be resolved, allow it with: "
    "resolve-conflicts {name}"
)


class Notices:
    """What is said once of each class, and of no more than :data:`NAMED` of them.

    Who writes records chooses their names, so that one that was forgotten could be named for ever.
    """

    def __init__(self) -> None:
        self._named: set[str] = set()

    def say(self, module: str, name: str, why: str) -> None:
        """Say in the log why a class is not loaded; {name} in the text is its name."""
        full = printable(cut(f"{module}.{name}"))
        is_of_interest = module.partition(".")[0] not in NEVER_RESOLVE
        if not is_of_interest or full in self._named or len(self._named) >= NAMED:
            return
        self._named.add(full)
        log.warning("a conflict is left to the clients, as %s", why.replace("{name}", full))
        if len(self._named) == NAMED:
            log.warning("%d classes were named that are not loaded, and no more are", NAMED)


notices = Notices()


def _refuse(cls: Any, *args: Any, **kwargs: Any) -> Any:
    module, name = cls.args
    notices.say(module, name, cls.why)
    raise BadClassName(module, name)


class _Unloaded(type, BadClass):
    """The kind of the stand-ins for classes that are not loaded.

    A reference to an object of such a class is kept as it is; nothing can be made of it, and where
    a state has the class itself as a value, that state cannot be written again.
    """

    args: tuple[str, str]
    why: str
    __call__ = _refuse


copyreg.pickle(_Unloaded, _refuse)  # type: ignore[arg-type]


class AllowedClasses:
    """Finds classes by their names: those of :data:`STOCK`, those of BTrees, and ``names``.

    A name is that of a class, or of a module or package, for the classes that are defined there.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = frozenset(names)
        self._classes: dict[tuple[str, str], type] = {}
        self._broken: dict[tuple[str, str], str] = {}

    def find(self, *name: Any) -> Any:
        """Return the class that a record calls ``module``, ``name``, or a stand-in for it.

        Raises BadClassName for what is no name.
        """
        if len(name) != 2 or not all(type(part) is str for part in name):
            raise BadClassName(*name)
        found = self._classes.get(name)
        if found is None:
            loaded = self._load_once(name) if self._is_allowed(*name) else NOT_ALLOWED
            if isinstance(loaded, str):
                return _Unloaded("Unloaded", (), {"args": name, "why": loaded, "__new__": _refuse})
            found = self._classes[name] = loaded
        return found

    def _is_allowed(self, module: str, name: str) -> bool:
        full = f"{module}.{name}"
        is_stock = full in STOCK or BTREES.fullmatch(full) is not None
        return is_stock or full in self._names or self._has_module(module)

    def _has_module(self, module: str) -> bool:
        return any(f"{module}.".startswith(f"{name}.") for name in self._names)

    def _load_once(self, name: tuple[str, str]) -> type | str:
        """Return the class, or why there is none; what is broken is imported once only."""
        found = self._broken.get(name) or self._load(*name)
        if isinstance(found, str) and len(self._broken) < NAMED:
            self._broken[name] = found
        return found

    def _load(self, module: str, name: str) -> type | str:
        """Return the class, or why there is none."""
        try:
            found = getattr(import_module(module), name)
        except Exception as error:  # whatever a module raises: it is not ours
            problem = printable(cut(f"{type(error).__name__}: {error}"))
            return f"the class {{name}}, which is allowed, cannot be imported here: {problem}"
        if not isinstance(found, type):
            return "the class {name}, which is allowed, is none"
        is_named = not self._has_module(module) or f"{module}.{name}" in self._names
        return found if is_named or found.__module__ == module else NOT_ALLOWED


def resolve_only(names: Iterable[str] = ()) -> None:
    """Let the storages of this process load no other class to resolve a conflict.

    ZODB finds classes by this function, and nowhere else, so this is for a process that is a
    database server and nothing else.  ``names``: see :class:`AllowedClasses`.
    """
    ZODB.ConflictResolution.find_global = AllowedClasses(names).find
