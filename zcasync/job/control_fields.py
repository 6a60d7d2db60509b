"""ControlFields: the stored options of a call that say when, how often and how long it is made.

They are one dictionary in the record, by the names of the options of a put; a call without any has
none.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from zcasync.job.acts import Act, are_acts, with_act
from zcasync.job.attempt_fields import AttemptFields
from zcasync.job.field_types import Check, is_text, optional, tuple_of
from zcasync.job.time_limits import HARD, NO_LIMITS, SOFT, TimeLimits

NO_CONTROLS: Mapping[str, Any] = MappingProxyType({})


#: The bounds of a priority; the lower number is the more urgent one.
HIGHEST_PRIORITY, LOWEST_PRIORITY = -100, 100


def is_priority(value: Any) -> bool:
    """Return whether this can be a stored priority."""
    return type(value) is int and HIGHEST_PRIORITY <= value <= LOWEST_PRIORITY


def _is_limit(value: Any) -> bool:
    return type(value) is int and value > 0


#: What the stored values of some of them can be: a damaged one is found before it is used.
FORMS: dict[str, Check] = {
    "priority": is_priority,
    "quota": tuple_of(is_text),
    SOFT: _is_limit,
    HARD: _is_limit,
}


#: All that this version knows.
KNOWN = frozenset((*FORMS, "unique"))


def _are_controls(value: Any) -> bool:
    if type(value) is not dict or not all(map(is_text, value)):
        return False
    return all(check(value[name]) for name, check in FORMS.items() if name in value)


class ControlFields(AttemptFields):
    """The options of one call, and questions about them."""

    _field_types: ClassVar[dict[str, Check]] = {
        "_controls": optional(_are_controls),
        "_acts": are_acts,
    }

    _controls: dict[str, Any] | None = None
    _acts: tuple[Act, ...] = ()

    @property
    def controls(self) -> Mapping[str, Any]:
        """The options that are kept with the call, in their stored form, by name."""
        return NO_CONTROLS if self._controls is None else MappingProxyType(self._controls)

    @property
    def unknown_control(self) -> str | None:
        """The name of one that a later version has kept with the call; None: all are known."""
        return None if self._controls is None else min(self._controls.keys() - KNOWN, default=None)

    @property
    def acts(self) -> tuple[Act, ...]:
        """What operators did to it last: when (microseconds), who, what."""
        return self._acts

    @property
    def unique(self) -> tuple[str, tuple[str, ...], int] | None:
        """The key with which it was put, the states by which it counts, and how long when over.

        The last in microseconds; None: no key.
        """
        return None if self._controls is None else self._controls.get("unique")

    @property
    def priority(self) -> int:
        """Who goes first, the lower number; see :mod:`zcasync.queues.priority`."""
        controls = self._controls
        return 0 if controls is None else controls.get("priority", 0)

    @property
    def quotas(self) -> tuple[str, ...]:
        """The names of the quotas of which the call needs a slot each."""
        return () if self._controls is None else self._controls.get("quota", ())

    @property
    def time_limits(self) -> TimeLimits:
        """How long an attempt at it may take, as the put, its callable or its queue has said."""
        controls = self._controls
        return NO_LIMITS if controls is None else TimeLimits.of(controls)

    def name_key(self, key: str, states: tuple[str, ...], lasting: int) -> None:
        """Record the key with which the partial was put: see :mod:`zcasync.queues.unique`."""
        self._controls = {**self.controls, "unique": (key, states, lasting)}

    def note_act(self, who: str, what: str) -> None:
        """Note what an operator has done to the job, now."""
        self._acts = with_act(self._acts, who, what)
