"""Unique keys: the text by which a call is the only one, made of what is called, and with what."""

from __future__ import annotations

import functools
from hashlib import sha256
from typing import Any

from zcasync.job.callables import dotted, is_persistent, store_form
from zcasync.job.packed import SIMPLE
from zcasync.job.record import PartialRecord

#: A key has no more characters; of a longer one its hash is kept.
LONGEST_KEY = 200


def key_of(partial: PartialRecord, key: Any, *, is_merged: bool) -> str:
    """Return the key of a call.  ``key``: see ``Unique``.

    ``is_merged``: calls with different arguments become one.  Raises ValueError for arguments of
    which no key can be made, and for a method of an object that has no place in a database yet;
    TypeError for what a callable makes that is no text.
    """
    name, before, named = _called(partial)
    if is_merged and (before or named):
        raise ValueError(
            f"merge takes the arguments of the partial, and {name} has some in a functools.partial:"
            " give them to the partial as well"
        )
    if key is True:
        args, kwargs = partial.argument_forms
        both = (*before, *args), {**named, **(kwargs or {})}
        key = "" if is_merged else _of_arguments(*both)
    elif callable(key):
        args, kwargs = tuple(partial.args), dict(partial.kwargs)  # type: ignore[attr-defined]
        key = key(*before, *args, **{**named, **kwargs})
        if not isinstance(key, str):
            raise TypeError(f"unique must make a text of the arguments, not {key!r}")
    text = f"{name} {key}"
    if len(text) <= LONGEST_KEY:
        return text
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _called(partial: PartialRecord) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Return a name of what is called, and the arguments that a ``functools.partial`` has of it."""
    call = partial.stored_callable
    if isinstance(call, str):
        return partial.callable_name, (), {}
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if not isinstance(call, tuple) and not is_persistent(call):
        call = partial.callable  # type: ignore[attr-defined]
        while isinstance(call, functools.partial):
            args, kwargs = (*call.args, *args), {**call.keywords, **kwargs}
            call = call.func
        call = store_form(call)
    name = dotted(call)
    owner = call[0] if isinstance(call, tuple) else call
    return f"{name} {_place_of(owner)}" if is_persistent(owner) else name, args, kwargs


def _place_of(owner: Any) -> str:
    """Return a text that no other stored object has."""
    if owner._p_jar is None or owner._p_oid is None:
        raise ValueError(
            f"the {type(owner).__name__} whose method is to be unique has no place in the database "
            "yet: give the key to a function that gets it, or commit it first, or add it to its "
            "connection"
        )
    return f"{owner._p_jar.db().database_name} {owner._p_oid.hex()}"


def _of_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return a text of plain arguments, the same for the same ones."""
    for name, value in [*enumerate(args), *kwargs.items()]:
        if not _is_simple(value):
            raise ValueError(
                f"unique=True makes the key of the arguments, and {name!r} is no plain one: give a "
                "text, or a callable that makes one of the arguments"
            )
    return repr((args, sorted(kwargs.items())))


def _is_simple(value: Any) -> bool:
    return type(value) in SIMPLE or (type(value) is tuple and all(map(_is_simple, value)))
