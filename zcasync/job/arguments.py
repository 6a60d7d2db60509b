"""The parts of a call: its callable and its arguments, each with its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ZODB.broken import Broken

from zcasync.errors import MissingClass
from zcasync.job.callables import load_form, require_allowed
from zcasync.job.record import PartialRecord


def parts(partial: PartialRecord) -> Iterator[tuple[str, Any]]:
    """Yield the callable (of a method: its object) and the arguments, each with its name."""
    yield "callable", target(partial)
    for index, value in enumerate(partial._args):
        yield f"args[{index}]", value
    for name, value in (partial._kwargs or {}).items():
        yield f"kwargs[{name!r}]", value


def target(partial: PartialRecord) -> Any:
    """Return the object whose method is called; of any other callable its stored form."""
    call = partial._call
    return call[0] if isinstance(call, tuple) else call


def all_arguments(
    partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of the call: the stored ones, and these behind them."""
    return (*partial._args, *args), {**(partial._kwargs or {}), **kwargs}


def load_call(partial: PartialRecord) -> Callable[..., Any]:
    """Return the callable of a partial that is about to be called.

    Raises NotAllowed, before the callable is imported, and MissingCallable; as MissingClass, naming
    the argument, for an object whose class is gone: the call would be made with a stand-in.  Of
    stored objects the arguments are checked, not what containers hold.
    """
    require_allowed(partial._p_jar, partial._call)
    for name, value in parts(partial):
        if isinstance(value, Broken):
            kind = type(value)
            _refuse(partial, f"{name} of", f"{kind.__module__}.{kind.__name__}")
    for missing in partial.missing_names:
        _refuse(partial, "a value in the call of", missing)
    return load_form(partial._call)


def _refuse(partial: PartialRecord, what: str, missing: str) -> NoReturn:
    raise MissingClass(
        f"{what} {partial.callable_name} is of class {missing}, which cannot be imported here: "
        "bring the class back, or name the folder that has it in the supervisor's PYTHONPATH, or "
        "by import-path in its etc/zcasync.conf",
        missing=missing,
    )
