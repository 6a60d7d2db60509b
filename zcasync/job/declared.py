"""Declared: the options that a callable carries for each put of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

#: The attribute of a function that has its options.
ATTRIBUTE = "__zcasync_options__"
NOTHING: Mapping[str, Any] = MappingProxyType({})


def job(function: F | None = None, /, **options: Any) -> Any:
    """Let calls of a function, wherever they are put, have these options unless the put says else.

    ``@zcasync.job(retry=3, priority=-1)``.  The function stays what it is.  The options are those
    of ``IPartialQueue.put``; they are stored with each call as it is put, so that a change counts
    for the puts after it.  Raises TypeError where this decorates nothing that can carry options;
    what is wrong with an option is said at the put.
    """
    if function is None:
        return lambda decorated: job(decorated, **options)
    if isinstance(function, staticmethod | classmethod):
        job(function.__func__, **options)
        return function
    problem = f"@zcasync.job decorates a function, not a {type(function).__name__}"
    if not callable(function):
        raise TypeError(problem)
    options = {**declared_options(function), **options}
    try:
        setattr(function, ATTRIBUTE, options)
    except AttributeError as error:
        raise TypeError(f"{problem}, which can carry no options") from error
    return function


def declared_options(function: Any) -> Mapping[str, Any]:
    """Return the options that a function carries, by name."""
    found = getattr(function, "__dict__", NOTHING).get(ATTRIBUTE, NOTHING)
    return found if isinstance(found, dict) else NOTHING
