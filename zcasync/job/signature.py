"""The signature of a call: whether the callable takes the arguments, asked at the put."""

from __future__ import annotations

import functools
import inspect
import sys
from types import FunctionType
from typing import Any

from zcasync.errors import BadCallable, MissingCallable
from zcasync.job.callables import dotted, find
from zcasync.job.record import PartialRecord


def require_signature(partial: PartialRecord, found: dict[str, Any]) -> Any:
    """Raise BadCallable, in Python's own words, where the callable does not take the arguments.

    Only functions, and methods that are functions of their class, are asked; of a decorated one the
    function that the decorator has made counts, which may take anything.  Imports nothing, and
    loads no object.  ``found``: what names led to, for several checks of one moment.  Return what
    is called, as far as it is known here; None: it is not.
    """
    call = partial.stored_callable
    args, kwargs = partial.argument_forms
    if isinstance(call, str):
        if call not in found:
            found[call] = _named(call)
        function = found[call]
    elif isinstance(call, tuple):
        owner, name = call
        function = _named(name) if ":" in name else _of_class(type(owner), name)
        args = (owner, *args)
    else:
        return _innermost(call)
    if type(function) is not FunctionType:
        return function
    least, most = _positional(function)
    if kwargs or not least <= len(args) <= most:
        twin = _twin(function)
        if twin is not None:
            try:
                twin(*args, **(kwargs or {}))
            except TypeError as error:
                raise BadCallable(f"{error}: {dotted(call)}{_shown(function)}") from None
    return function


def _innermost(call: Any) -> Any:
    """Return the function, or method's function, that a ``functools.partial`` calls; else None."""
    if not isinstance(call, functools.partial):
        return None
    while isinstance(call, functools.partial):
        call = call.func
    function = getattr(call, "__func__", call)
    return function if isinstance(function, FunctionType | type) else None


def _named(name: str) -> Any:
    """Return what a name leads to; None where its module is not loaded or has it no more."""
    if name.partition(":")[0] not in sys.modules:
        return None
    try:
        return find(name)
    except MissingCallable:  # workers may have it
        return None


def _of_class(kind: type, name: str) -> Any:
    """Return what stands in a class under this name; static methods and the like as such."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


@functools.lru_cache(maxsize=1000)
def _positional(function: FunctionType) -> tuple[int, float]:
    """Return the least and the largest number of arguments that need no closer look."""
    code = function.__code__
    defaults = function.__kwdefaults__ or {}
    needed = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    if any(name not in defaults for name in needed):
        return 0, -1
    most = float("inf") if code.co_flags & inspect.CO_VARARGS else code.co_argcount
    return code.co_argcount - len(function.__defaults__ or ()), most


@functools.lru_cache(maxsize=1000)
def _twin(function: FunctionType) -> FunctionType | None:
    """Return a function that takes the same arguments and does nothing, so that Python judges.

    None for a function that says of itself what it need not take.
    """
    if hasattr(function, "__signature__"):
        return None
    given = function.__code__
    names = given.co_varnames[: given.co_argcount + given.co_kwonlyargcount]
    stars = bool(given.co_flags & inspect.CO_VARARGS), bool(given.co_flags & inspect.CO_VARKEYWORDS)
    code = _nothing.__code__.replace(
        co_argcount=given.co_argcount,
        co_posonlyargcount=given.co_posonlyargcount,
        co_kwonlyargcount=given.co_kwonlyargcount,
        co_varnames=given.co_varnames[: len(names) + sum(stars)],
        co_nlocals=len(names) + sum(stars),
        co_flags=_nothing.__code__.co_flags
        | given.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS),
        co_name=given.co_name,
        co_qualname=given.co_qualname,
    )
    twin = FunctionType(code, {}, function.__name__, function.__defaults__)
    twin.__kwdefaults__ = function.__kwdefaults__
    twin.__qualname__ = function.__qualname__
    return twin


def _nothing() -> None:
    """Do nothing."""


def _shown(function: FunctionType) -> str:
    """Return the arguments that a function takes, without annotations and values."""
    signature = inspect.signature(function, follow_wrapped=False)
    plain = [
        parameter.replace(
            annotation=parameter.empty,
            default=parameter.empty if parameter.default is parameter.empty else _Default(),
        )
        for parameter in signature.parameters.values()
    ]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


class _Default:
    """What stands for the value of a default: that may be long, or hold an address."""

    def __repr__(self) -> str:
        return "..."
