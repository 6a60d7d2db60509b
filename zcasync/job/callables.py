"""Callables: their stored form, and finding them again in the process that calls them.

A function, class or builtin is stored by its name (:mod:`zcasync.job.names`), a method of a
persistent object as the object and a name (:mod:`zcasync.job.methods`).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

from zcasync.allowed import rules_of
from zcasync.errors import BadCallable, MissingCallable
from zcasync.job.methods import METHODS, method_form, name_of_class_method
from zcasync.job.names import find, name_of
from zcasync.text import repr_of

__all__ = [
    "call_here", "dotted", "find", "from_dotted", "is_imported", "is_persistent", "load_form",
    "module_of", "name_within", "require_allowed", "store_form",
]  # fmt: skip

#: Callables whose names are their own, and no answers of an application's code.
NAMED = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)


def is_persistent(obj: object) -> bool:
    """Return whether the object is stored in a record of its own."""
    return hasattr(obj, "_p_jar") and not isinstance(obj, type)


def store_form(call: Any) -> Any:
    """Return the stored form of a callable: a name, an (object, name) pair, or itself.

    The name of a pair is that of a method, or ``module:qualname`` of a function that is called with
    the object.  Raises BadCallable for what no other process could call, or not the same: lambdas,
    closures, functions of ``__main__``, methods of objects that are not persistent, methods that no
    name leads to.
    """
    if type(call) is types.FunctionType:  # first, because nearly all are, and puts may be large
        return name_of(call)
    if not callable(call):
        raise BadCallable(f"{repr_of(call)} is not callable")
    if isinstance(call, METHODS):
        owner = call.__self__
        if is_persistent(owner):
            return method_form(call)
        if isinstance(call, types.MethodType):
            if isinstance(owner, type):
                return name_of_class_method(call)
            if not isinstance(owner, types.ModuleType):
                raise BadCallable(
                    f"{repr_of(call)} is a method of an object that is not persistent: it would "
                    "run on a copy"
                )
    if isinstance(call, functools.partial):
        store_form(call.func)  # raises for what could not be called
        return call
    if is_persistent(call):
        return call
    return name_of(call)


def load_form(stored: Any) -> Callable[..., Any]:
    """Return the callable for what :func:`store_form` returned.  Raises MissingCallable.

    Pickles name it for methods inside of arguments: see :mod:`zcasync.job.packed`.
    """
    if isinstance(stored, str):
        return find(stored)
    if isinstance(stored, tuple):
        owner, name = stored
        if ":" in name:
            return types.MethodType(find(name), owner)
        try:
            return getattr(owner, name)  # type: ignore[no-any-return]
        except AttributeError:
            raise MissingCallable(
                f"{type(owner).__name__} has no method {name!r}", missing=dotted(stored)
            ) from None
    return stored  # type: ignore[no-any-return]


def module_of(stored: Any) -> str | None:
    """Return the module in which the stored name of a callable is looked up; None: in none."""
    name = stored[1] if isinstance(stored, tuple) else stored
    return name.partition(":")[0] if isinstance(name, str) and ":" in name else None


def dotted(stored: Any) -> str:
    """Return a dotted name of a stored callable, for people; never raises, loads no object."""
    if isinstance(stored, str):
        return stored.replace(":", ".")
    if isinstance(stored, tuple):
        owner, name = type(stored[0]), stored[1]
        if ":" in name:
            return dotted(name)
        return f"{owner.__module__}.{owner.__qualname__}.{name}"
    if isinstance(stored, functools.partial):
        return f"functools.partial({name_within(stored)})"
    kind = type(stored)
    return f"{kind.__module__}.{kind.__qualname__}"


def name_within(stored: functools.partial[Any]) -> str:
    """Return the name of what a ``functools.partial`` calls; runs no code of an application."""
    call = stored.func
    if isinstance(call, NAMED):
        return call.__qualname__
    return type(call).__qualname__


def is_imported(name: str | None) -> bool:
    """Return whether a stored name, of a retry policy for instance, leads to a module."""
    return name is not None and ":" in name


def require_allowed(jar: Any, stored: Any) -> None:
    """Raise NotAllowed where the database of connection ``jar`` has rules that forbid a callable.

    Nothing is imported for that: a method is named by the class of its object, a function that is
    called with an object by its own name.
    """
    rules = rules_of(jar)
    if rules is not None:
        while isinstance(stored, functools.partial):
            stored = store_form(stored.func)
        rules.require(dotted(stored))


def from_dotted(name: str) -> Callable[..., Any]:
    """Return the callable that a person names as ``package.module.attribute[.attribute]``.

    The longest part that can be imported is the module.  Raises MissingCallable.
    """
    parts = name.replace(":", ".").split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise MissingCallable(f"{name!r} is not a dotted name such as package.module.function")
    problem: MissingCallable | None = None
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        try:
            return find(f"{module}:{'.'.join(parts[cut:])}")
        except MissingCallable as error:
            problem = problem or error
            if module in sys.modules:
                raise
    assert problem is not None
    raise problem


def call_here(call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Make the call in this thread and return its result; run a coroutine to its end."""
    value = call(*args, **kwargs)
    if inspect.iscoroutine(value):
        return asyncio.run(value)
    return value
