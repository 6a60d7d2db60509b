"""Names of exceptions in a rule: which there are, and whether a failure is one of them.

Nothing is imported for that.  A failure has the names of its class and of all that this is derived
from, so a process which could not import any of them knows it all the same.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from twisted.python.failure import Failure
from twisted.python.reflect import qual

from zcasync.job.failure import StoredFailure


def exception_names(given: Any, argument: str) -> tuple[str, ...]:
    """Return the dotted names of one or several exception classes, or of names of such.

    Raises TypeError and ValueError, naming the argument, for what is none.
    """
    if given is None:
        return ()
    is_one = isinstance(given, str | type) or not isinstance(given, Iterable)
    found = [_name(one, argument) for one in ([given] if is_one else given)]
    return tuple(dict.fromkeys(found))


def first_match(names: Sequence[str], parents: Sequence[str]) -> str | None:
    """Return the first of these names that a failure goes by; None: none.

    ``parents``: the dotted names of its class and of what that is derived from.
    """
    for name in names:
        if name in parents or _name_where_defined(name) in parents:
            return name
    return None


def parents_of(failure: Failure) -> Sequence[str]:
    """Return the dotted names of a failure's class and of what that is derived from."""
    if isinstance(failure, StoredFailure):
        return list(failure.parents)
    assert failure.value is not None
    return names_of(type(failure.value))  # Twisted has those of an Exception only


def names_of(kind: type[BaseException]) -> list[str]:
    """Return the dotted names of a class and of what it is derived from, itself first."""
    return [qual(one) for one in kind.__mro__]


def parents_by_name(name: str) -> list[str]:
    """Return the dotted names of a class, and of what it is derived from where it is loaded."""
    found = loaded_class(name)
    return [name] if found is None else [name, *names_of(found)]


def require_exception(name: str, argument: str) -> None:
    """Raise ValueError, naming the argument, where a loaded module has no such exception."""
    module, _, attribute = name.rpartition(".")
    if loaded_class(name) is not None or module not in sys.modules:
        return
    found = getattr(sys.modules[module], attribute, None)  # it may be loaded only now
    if isinstance(found, type) and issubclass(found, BaseException):
        return
    raise ValueError(f"{argument}: module {module} has no exception {attribute!r}")


def up_to(parents: Sequence[str], root: type[BaseException]) -> Sequence[str]:
    """Return those of a failure's names that are of ``root`` or more special; none: it is none."""
    name = qual(root)
    return parents[: parents.index(name) + 1] if name in parents else ()


def is_named(names: Sequence[str], kind: type[BaseException], root: type[BaseException]) -> bool:
    """Return whether one of these names is of ``kind``, or of what is between that and ``root``."""
    return first_match(names, up_to(names_of(kind), root)) is not None


def loaded_class(name: str) -> type[BaseException] | None:
    """Return the class of an exception with this dotted name; None: it is not loaded here."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:end]))
        for part in parts[end:]:
            found = vars(found).get(part) if hasattr(found, "__dict__") else None
        if isinstance(found, type) and issubclass(found, BaseException):
            return found
    return None


def _name(one: Any, argument: str) -> str:
    if isinstance(one, type) and issubclass(one, BaseException):
        name = qual(one)
        if one.__module__ == "__main__" or "<" in one.__qualname__:
            raise ValueError(
                f"{argument}: {name} has no name by which another process knows it: define it in a "
                "module"
            )
        return name
    if not isinstance(one, str):
        raise TypeError(
            f"{argument} must be exception classes or their names, not {type(one).__name__}"
        )
    name = one.replace(":", ".")
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"{argument}: {one!r} is no name of an exception")
    if "." in name:
        return _name_where_defined(name) or name
    found = getattr(builtins, name, None)
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        raise ValueError(
            f"{argument}: Python has no exception {one!r}; name others with their module, as in "
            "package.module:Class"
        )
    return qual(found)


def _name_where_defined(name: str) -> str | None:
    """Return the name of a class by the module that defines it; None: it is not loaded here."""
    found = loaded_class(name)
    return None if found is None else qual(found)
