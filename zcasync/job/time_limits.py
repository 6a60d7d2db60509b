"""TimeLimits: how long one attempt at a call may take, and the ladder of what happens then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from zcasync.unpublished import Unpublished

#: The names of the options of a put, and of the stored values, microseconds.
SOFT, HARD = "soft_limit", "hard_limit"


@dataclass(frozen=True)
class TimeLimits(Unpublished):
    """The limits of one attempt at a call, seconds from its beginning on; None: there is none.

    ``soft``: then it is told to end, by an exception; ``hard``: then it is ended.
    """

    soft: float | None = None
    hard: float | None = None

    def __bool__(self) -> bool:
        return self.soft is not None or self.hard is not None

    @classmethod
    def of(cls, controls: Mapping[str, Any]) -> TimeLimits:
        """Return those of the stored options of a call."""
        soft, hard = controls.get(SOFT), controls.get(HARD)
        return cls(None if soft is None else soft / 1e6, None if hard is None else hard / 1e6)

    def or_else(self, defaults: TimeLimits) -> TimeLimits:
        """Return these, with the defaults where there is none."""
        return TimeLimits(
            defaults.soft if self.soft is None else self.soft,
            defaults.hard if self.hard is None else self.hard,
        )

    def as_dict(self) -> dict[str, float | None]:
        """Return them for JSON, seconds."""
        return {"soft": self.soft, "hard": self.hard}

    @property
    def text(self) -> str:
        """The ladder, for people: ``soft_limit 3 s, hard_limit 5 s``."""
        steps = ((SOFT, self.soft), (HARD, self.hard))
        return ", ".join(f"{name} {value:g} s" for name, value in steps if value is not None)


NO_LIMITS = TimeLimits()


def span_of(seconds: float | None) -> timedelta | None:
    """Return so many seconds as people write them in Python; None for None."""
    return None if seconds is None else timedelta(seconds=seconds)
