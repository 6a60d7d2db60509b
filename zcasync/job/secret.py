"""Secret arguments: the arguments of a call that nobody is shown, and what is shown instead.

They are stored as all others; the partial only notes which ones they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from zcasync.interfaces import PENDING
from zcasync.job.record import PartialRecord

#: Shown in place of a secret argument.
HIDDEN = "<secret>"

#: True: all arguments; else the names and the positions (from 0 on) of some.
Secret = bool | tuple[str | int, ...]


def secret_of(given: Any) -> Secret:
    """Return what was given as ``secret``, as it is stored.

    A text is one name, None means False.  Raises TypeError for what is neither a bool nor names
    and positions, ValueError for a position below 0.
    """
    if given is None or isinstance(given, bool):
        return bool(given)
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, Iterable):
        raise TypeError(
            f"secret must be True or names and positions of arguments, not {type(given).__name__}"
        )
    keys = tuple(given)
    for key in keys:
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise TypeError(
                f"secret names an argument by a name or a position, not by a {type(key).__name__}"
            )
        if isinstance(key, int) and key < 0:
            raise ValueError(f"secret counts positions from 0 on, not {key}")
    # Of no class of an application, which would have to be loaded with the record.
    return tuple(str.__str__(one) if isinstance(one, str) else int(one) for one in keys) or False


def require_arguments(partial: PartialRecord, secret: Secret) -> None:
    """Raise ValueError for a name or a position that the call has no argument for."""
    if isinstance(secret, bool):
        return
    args, kwargs = partial.argument_forms
    for key in secret:
        if key not in (kwargs or {}) if isinstance(key, str) else key >= len(args):
            raise ValueError(
                f"secret names argument {key!r}, which the call of {partial.callable_name} does "
                "not have"
            )


def hide(partial: PartialRecord, secret: Secret) -> None:
    """Note the secret arguments of a partial.

    Of a partial among them, all arguments are secret, unless it was put or called already.
    """
    partial._secret = secret
    unseen = [partial]
    while unseen:
        one = unseen.pop()
        args, kwargs = one.argument_forms
        arguments: list[tuple[Any, Any]] = [*enumerate(args), *(kwargs or {}).items()]
        for key, value in arguments:
            if is_hidden(one._secret, key) and _can_hide(value):
                value._secret = True
                unseen.append(value)


def keep_hidden(partial: PartialRecord, before: tuple[Any, ...]) -> None:
    """Keep secret what is, once arguments have changed; ``before``: the positional ones.

    All arguments are secret from now on where a secret one has left its position: nobody says where
    it has gone.
    """
    secret, now = partial._secret, partial.argument_forms[0]
    if not secret:
        return
    keys = secret if isinstance(secret, tuple) else ()
    held = [key for key in keys if isinstance(key, int) and key < len(before)]
    has_moved = any(key >= len(now) or now[key] is not before[key] for key in held)
    hide(partial, True if has_moved else secret)


def _can_hide(value: Any) -> bool:
    """Return whether a value is a partial whose arguments can be made secret, and are not yet."""
    is_new = isinstance(value, PartialRecord) and value._state == PENDING and value._queue is None
    return is_new and value._secret is not True


def is_hidden(secret: Any, key: str | int) -> bool:
    """Return whether the argument with this name or position is secret, by what is stored.

    Whatever a damaged record has there hides all.
    """
    return bool(secret) and (not isinstance(secret, tuple) or key in secret)


def shown(secret: Any, key: str | int, value: Any, form: Callable[[Any], str] = repr) -> str:
    """Return the ``form`` of an argument for people, or what stands for a secret one."""
    return HIDDEN if is_hidden(secret, key) else form(value)
