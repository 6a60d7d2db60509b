"""The signature of a call: whether the callable takes the arguments, asked at the put."""

from __future__ import annotations

import functools
import inspect
import sys
from types import FunctionType
from typing import Any

from zcasync.errors import BadCallable
from zcasync.job.callables import dotted, find
from zcasync.job.record import PartialRecord


def require_signature(partial: PartialRecord, found: dict[str, Any]) -> None:
    """Raise BadCallable, in Python's own words, where the callable does not take the arguments.

    Only functions, and methods that are functions of their class, are asked; of a decorated one the
    function that the decorator has made counts, which may take anything.  Imports nothing, and
    loads no object.  ``found``: what names led to, for several checks of one moment.
    """
    call, args, kwargs = partial._call, partial._args, partial._kwargs
    if isinstance(call, str):
        function = found.get(call)
        if function is None:
            function = found[call] = find(call) if call.partition(":")[0] in sys.modules else call
    elif isinstance(call, tuple):
        owner, name = call
        function, args = _of_class(type(owner), name), (owner, *args)
    else:
        return
    if type(function) is not FunctionType:
        return
    least, most = _positional(function)
    if kwargs or not least <= len(args) <= most:
        signature = _signature(function)
        if signature is not None:
            try:
                signature.bind(*args, **(kwargs or {}))
            except TypeError as error:
                raise BadCallable(f"{dotted(call)}{signature}: {error}") from None


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
def _signature(function: FunctionType) -> inspect.Signature | None:
    if hasattr(function, "__signature__"):  # what it says need not be what it takes
        return None
    try:
        return inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return None
