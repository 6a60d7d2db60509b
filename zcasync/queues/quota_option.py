"""The option ``quota``: the names of the quotas of which a call needs a slot each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zcasync.text import printable

#: Longer names are refused.
NAME_CHARACTERS = 100


def stored_quota(given: Any) -> tuple[str, ...] | None:
    """Return the stored form of the option: names, in order.  Raises TypeError and ValueError."""
    if isinstance(given, str):
        given = (given,)
    elif given is None or isinstance(given, bytes) or not isinstance(given, Iterable):
        _refuse(given)
    names = list(given)
    for name in names:
        if not isinstance(name, str):
            _refuse(name)
        require_name(name)
    return tuple(sorted(set(names))) or None


def require_name(name: str) -> None:
    """Raise ValueError for what cannot be the name of a quota."""
    is_bad = any(one.isspace() or one == "," for one in name) or printable(name) != name
    if not name or is_bad or len(name) > NAME_CHARACTERS:
        raise ValueError(
            f"{name[:NAME_CHARACTERS]!r} cannot be the name of a quota: it has to be 1 to "
            f"{NAME_CHARACTERS} characters, without blanks, commas and control characters"
        )


def _refuse(value: Any) -> None:
    raise TypeError(
        f"quota must be the name of a quota, or several names, not {type(value).__name__}"
    )
