"""The parts of a call: its callable and its arguments, each with its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ZODB.broken import Broken

from zcasync.errors import MissingClass
from zcasync.job.callables import load_form, require_allowed
from zcasync.job.completion import waiter
from zcasync.job.gate import counted_by
from zcasync.job.kept import Call, copy_of, named
from zcasync.job.record import PartialRecord


class ResultOf:
    """The result of a partial as an argument: each attempt is given one of its own.

    ``as_stored``: as it is stored, to be handed on.
    """

    def __init__(self, partial: PartialRecord, as_stored: bool) -> None:
        self._partial = partial
        self._as_stored = as_stored

    def load(self) -> Any:
        """Return the result.  Raises whatever loading it does."""
        return self._partial.stored_result if self._as_stored else self._partial.result_anew()


def result_for(callback: PartialRecord, partial: PartialRecord) -> ResultOf:
    """Return what a callback of a partial is called with; as it is stored, to be handed on.

    Or to be looked at only for what it is.
    """
    is_stored = waiter(callback) is not None or counted_by(callback) is not None
    return ResultOf(partial, is_stored)


def parts(partial: PartialRecord) -> Iterator[tuple[str, Any]]:
    """Yield the callable (of a method: its object) and the arguments, each with its name.

    Of what is boxed the box; a callable that is kept, as it is stored.
    """
    yield "callable", target(partial)
    yield from named(*partial.argument_forms)


def target(partial: PartialRecord) -> Any:
    """Return the object whose method is called; of any other callable its stored form."""
    call = partial.stored_callable
    return call[0] if isinstance(call, tuple) else call


def all_arguments(
    partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments for one attempt: the stored ones, and these behind them.

    What can be changed in them is of this attempt alone.
    """
    stored, jar = partial.take_call(), partial._p_jar
    if not args and not kwargs:
        return stored.args, {**(stored.kwargs or {})}
    behind = (one.load() if type(one) is ResultOf else copy_of(one, jar) for one in args)
    named_behind = {name: copy_of(one, jar) for name, one in kwargs.items()}
    return (*stored.args, *behind), {**(stored.kwargs or {}), **named_behind}


def load_call(partial: PartialRecord) -> Callable[..., Any]:
    """Return the callable of a partial that is about to be called; load its arguments.

    Raises NotAllowed, before the callable is imported, and MissingCallable; as MissingClass, naming
    the argument, for an object whose class is gone: the call would be made with a stand-in.  Of
    stored objects the arguments are checked, not what containers hold.
    """
    ready = partial.ready_call()
    require_allowed(partial._p_jar, ready.callable)
    if not ready.is_simple:
        _require_classes(partial, ready)
    return load_form(ready.callable)


def _require_classes(partial: PartialRecord, ready: Call) -> None:
    owner = ready.callable[0] if isinstance(ready.callable, tuple) else ready.callable
    if isinstance(owner, Broken):
        _refuse(partial, "callable of", _name_of(owner))
    for name, value in named(ready.args, ready.kwargs):
        if isinstance(value, Broken):
            _refuse(partial, f"{name} of", _name_of(value))
    for missing in ready.missing:
        _refuse(partial, "a value in the call of", missing)


def _name_of(stand_in: Broken) -> str:
    kind = type(stand_in)
    return f"{kind.__module__}.{kind.__name__}"


def _refuse(partial: PartialRecord, what: str, missing: str) -> NoReturn:
    raise MissingClass(
        f"{what} {partial.callable_name} is of class {missing}, which cannot be imported here: "
        "bring the class back, or name the folder that has it in the supervisor's PYTHONPATH, or "
        "by import-path in its etc/zcasync.conf",
        missing=missing,
    )
