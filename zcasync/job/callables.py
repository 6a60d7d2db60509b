"""Callables: their stored form, and finding them again in the process that calls them.

A function, class or builtin is stored by name, ``module:qualname``, so that a record can be loaded
where the module is missing; the error then comes when the call is made, in that process.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import types
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from typing import Any

from zcasync.allowed import rules_of
from zcasync.errors import FOREIGN_CODE, BadCallable, MissingCallable
from zcasync.job.loading import Stage, loading


def is_persistent(obj: object) -> bool:
    """Return whether the object is stored in a record of its own."""
    return hasattr(obj, "_p_jar") and not isinstance(obj, type)


def store_form(call: Any) -> Any:
    """Return the stored form of a callable: a name, an (object, method name) pair, or itself.

    Raises BadCallable for what no other process could call: lambdas, closures, functions of
    ``__main__``, methods of objects that are not persistent.
    """
    if type(call) is types.FunctionType:  # first, because nearly all are, and puts may be large
        return _name_of(call)
    if not callable(call):
        raise BadCallable(f"{call!r} is not callable")
    owner = getattr(call, "__self__", None)
    if isinstance(call, types.MethodType | types.BuiltinMethodType) and is_persistent(owner):
        return (owner, call.__name__)
    if isinstance(call, types.MethodType) and not isinstance(owner, type | types.ModuleType):
        raise BadCallable(
            f"{call!r} is a method of an object that is not persistent: it would run on a copy"
        )
    if isinstance(call, functools.partial):
        store_form(call.func)  # raises for what could not be called
        return call
    if is_persistent(call):
        return call
    return _name_of(call)


def _name_of(call: Any) -> str:
    module = getattr(call, "__module__", None)
    qualname = getattr(call, "__qualname__", None)
    if not module or not qualname:
        raise BadCallable(f"{call!r} has no name by which another process could import it")
    if module == "__main__":
        spec = getattr(sys.modules.get("__main__"), "__spec__", None)
        if spec is None or not _leads_to(spec.name, qualname, None):
            raise BadCallable(
                f"{qualname} is defined in the script that runs (__main__): move it to a module "
                "that the supervisor can import"
            )
        return f"{spec.name}:{qualname}"
    if not _leads_to(module, qualname, call):
        raise BadCallable(
            f"{module}.{qualname} does not lead back to {call!r}: lambdas, closures and nested "
            "functions cannot be called by another process"
        )
    return f"{module}:{qualname}"


def _leads_to(module: str, qualname: str, call: Any) -> bool:
    try:
        found = find(f"{module}:{qualname}")
    except MissingCallable:
        return False
    return call is None or found is call or found == call


@functools.lru_cache(maxsize=4096)
def _parts(name: str) -> tuple[str, tuple[str, ...]]:
    module, _, qualname = name.partition(":")
    return module, tuple(qualname.split("."))


def find(name: str) -> Callable[..., Any]:
    """Return the callable that ``module:qualname`` names; import the module when needed.

    Raises MissingCallable, with the cause chained, when there is none.
    """
    module_name, path = _parts(name)
    try:
        with nullcontext() if module_name in sys.modules else loading(Stage.CALL):
            # Not taken from there: a module that another thread imports is half there.
            module = import_module(module_name)
    except FOREIGN_CODE as error:  # the module's own code may raise anything
        raise MissingCallable(
            f"module {module_name!r} of callable {dotted(name)} cannot be imported here: "
            f"{type(error).__name__}: {error}",
            missing=_missing_module(error, module_name),
        ) from error
    found: Any = module
    for attribute in path:
        try:
            found = getattr(found, attribute)
        except AttributeError:
            raise MissingCallable(
                f"module {module_name!r} has no {'.'.join(path)!r}", missing=dotted(name)
            ) from None
    return found  # type: ignore[no-any-return]


def _missing_module(error: BaseException, module: str) -> str | None:
    """Return the module for want of which an import fails; None: it fails by itself.

    One that the module imports counts too: what is missing comes with a deployment, a module that
    raises something else is there, and no wait mends it.
    """
    if not isinstance(error, ImportError):
        return None
    return error.name if error.name and isinstance(error.name, str) else module


def load_form(stored: Any) -> Callable[..., Any]:
    """Return the callable for what :func:`store_form` returned.  Raises MissingCallable."""
    if isinstance(stored, str):
        return find(stored)
    if isinstance(stored, tuple):
        owner, name = stored
        try:
            return getattr(owner, name)  # type: ignore[no-any-return]
        except AttributeError:
            raise MissingCallable(
                f"{type(owner).__name__} has no method {name!r}", missing=dotted(stored)
            ) from None
    return stored  # type: ignore[no-any-return]


def dotted(stored: Any) -> str:
    """Return a dotted name of a stored callable, for people; never raises, loads no object."""
    if isinstance(stored, str):
        return stored.replace(":", ".")
    if isinstance(stored, tuple):
        owner = type(stored[0])
        return f"{owner.__module__}.{owner.__qualname__}.{stored[1]}"
    if isinstance(stored, functools.partial):
        return f"functools.partial({getattr(stored.func, '__qualname__', stored.func)!s})"
    kind = type(stored)
    return f"{kind.__module__}.{kind.__qualname__}"


def is_imported(name: str | None) -> bool:
    """Return whether a stored name, of a retry policy for instance, leads to a module."""
    return name is not None and ":" in name


def require_allowed(jar: Any, stored: Any) -> None:
    """Raise NotAllowed where the database of connection ``jar`` has rules that forbid a callable.

    Nothing is imported for that: a method is named by the class of its object.
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
