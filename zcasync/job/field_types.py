"""Field types: what the attributes of our records can be, checked when a record is loaded.

A record that a bad disk or a bad tool has damaged may still be a good pickle.  One with an
attribute of another type is not loaded either, so that its users have one kind of damage to expect,
and to give the reason for: a record that cannot be loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar

from zcasync import clock
from zcasync.errors import DamagedRecord

#: Returns whether a value is one that the attribute can have.
Check = Callable[[Any], bool]

_MICROSECONDS = range(
    (datetime.min.replace(tzinfo=UTC) - clock.EPOCH) // clock.MICROSECOND,
    (datetime.max.replace(tzinfo=UTC) - clock.EPOCH) // clock.MICROSECOND + 1,
)


#: In place of a name: for a check of all attributes.
ALL = ""


class Checked:
    """A mixin for a stored class: ``_field_types`` has a check for each of its attributes.

    Others, an application's own for instance, can be anything.  ``ALL`` has one for all of them,
    as a dictionary, where there have to be any.
    """

    _field_types: ClassVar[Mapping[str, Check]] = {}

    def __setstate__(self, state: Any) -> None:
        """Take the state.  Raises DamagedRecord where an attribute cannot be what it is."""
        require_types(type(self), state)
        super().__setstate__(state)  # type: ignore[misc]


def require_types(kind: type[Checked], state: Any) -> None:
    """Raise DamagedRecord unless a state can be that of an object of the class."""
    checks = kind._field_types
    if not isinstance(state, dict):
        if state is None and ALL not in checks:
            return  # all attributes have their defaults
        raise DamagedRecord(f"its state is of type {type(state).__name__}")
    for name, value in state.items():
        check = checks.get(name)
        if check is not None and not check(value):
            raise DamagedRecord(f"its {name} cannot be of type {type(value).__name__}, or so")
    if ALL in checks and not checks[ALL](state):
        raise DamagedRecord("it does not have all that it needs")


def one_of(*kinds: type) -> Check:
    """Return a check for values of these very types."""
    return lambda value: type(value) in kinds


def stored(*names: str) -> Check:
    """Return a check for objects of the stored classes with these names, loaded or not."""
    return lambda value: _is_named(type(value), names)  # type: ignore[arg-type]


@lru_cache(maxsize=256)
def _is_named(kind: Hashable, names: tuple[str, ...]) -> bool:
    line: tuple[type, ...] = kind.__mro__  # type: ignore[attr-defined]
    return any(f"{one.__module__}.{one.__qualname__}" in names for one in line)


def needs(*names: str) -> Check:
    """Return a check for ``ALL``: these are there."""
    return lambda state: all(name in state for name in names)


def optional(check: Check) -> Check:
    """Return a check that lets None pass, too."""
    return lambda value: value is None or check(value)


def tuple_of(check: Check) -> Check:
    """Return a check for tuples of such values."""
    return lambda value: type(value) is tuple and all(map(check, value))


def list_of(check: Check) -> Check:
    """Return a check for lists of such values."""
    return lambda value: type(value) is list and all(map(check, value))


def is_moment(value: Any) -> bool:
    """Return whether this is a moment, microseconds, that a datetime can have."""
    return type(value) is int and value in _MICROSECONDS


def is_count(value: Any) -> bool:
    """Return whether this can be a count."""
    return type(value) is int and 0 <= value < 2**62


def is_duration(value: Any) -> bool:
    """Return whether these can be the microseconds of a timedelta."""
    return type(value) is int and abs(value) <= timedelta.max // clock.MICROSECOND


def is_bits(value: Any) -> bool:
    """Return whether this can be a bit for each of some hundred entries."""
    return type(value) is int and value >= 0


def is_number(value: Any) -> bool:
    """Return whether this can be a number that is added to others, below 0 too."""
    return type(value) is int and abs(value) < 2**63


def is_uuid(value: Any) -> bool:
    """Return whether these can be the bytes of a UUID."""
    return type(value) is bytes and len(value) == 16


def is_stored(value: Any) -> bool:
    """Return whether this is an object with a record of its own; it need not be loaded."""
    return hasattr(type(value), "_p_oid")


is_bool = one_of(bool)
is_text = one_of(str)
is_seconds = one_of(int, float)
