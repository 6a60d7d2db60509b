"""Timing: which moments are the ticks of a schedule; microseconds since 1970, see ``clock``.

Cron expressions are those of ``cronsim``, with the rules of Debian's cron when clocks are set for
the summer.  A job that is due at fixed times of the day runs once at each, also in the night when
there is no such time (then right after the gap) or two of them (then at the first one).  One whose
minute or hour begins with a star, and one with a field for seconds, counts on through the night:
what is passed over does not run, what comes twice runs twice.
"""

from __future__ import annotations

import zoneinfo
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches

from cronsim import CronSim, CronSimError

from zcasync import clock

SECOND = 1_000_000
DAY = 86_400 * SECOND
#: A cron expression has no more characters.
LONGEST_CRON = 200
FIELDS = "minute hour day-of-month month day-of-week"
#: So many ticks are looked through one by one before the last ones are looked for from their end.
LOOKED_THROUGH = 50


@dataclass(frozen=True)
class Every:
    """Ticks at ``anchor`` and at equal distances before and behind it; both microseconds."""

    interval: int
    anchor: int

    def following(self, moment: int) -> int | None:
        """Return the first tick behind a moment; None: there is none."""
        count = (moment - self.anchor) // self.interval + 1
        found = self.anchor + count * self.interval
        return found if found <= clock.LAST else None

    def latest(self, first: int, now: int, count: int) -> list[int]:
        """Return the last ``count`` ticks from ``first`` to ``now``, oldest first."""
        last = self.anchor + (now - self.anchor) // self.interval * self.interval
        return [
            tick
            for tick in range(last - (count - 1) * self.interval, last + 1, self.interval)
            if tick >= first
        ]


class Cron:
    """Ticks by a cron expression of five fields, or six with seconds in front, in a time zone.

    Raises ValueError for a wrong expression, and for a zone that is not known here.
    """

    def __init__(self, text: str, zone: str = "UTC") -> None:
        self.text = text
        self._zone = zone_of(zone)
        self._simulate(0)

    def following(self, moment: int) -> int | None:
        """Return the first tick behind a moment; None: there is none in fifty years."""
        return next((tick for tick in self._ticks(moment) if tick > moment), None)

    def latest(self, first: int, now: int, count: int) -> list[int]:
        """Return the last ``count`` ticks from ``first`` to ``now``, oldest first."""
        found: deque[int] = deque(maxlen=count)
        for number, tick in enumerate(self._ticks(first - 1)):
            if tick > now:
                return list(found)
            if number == LOOKED_THROUGH:
                return self._latest_backwards(first, now, count)
            if tick >= first:
                found.append(tick)
        return list(found)

    def _latest_backwards(self, first: int, now: int, count: int) -> list[int]:
        # From a while later on: clocks may have shown the time of a tick twice since.
        margin = DAY if len(self.text.split()) == 5 else 2 * SECOND
        found: set[int] = set()
        for tick in self._ticks(now + margin, reverse=True):
            if tick < first or len(found) == count:
                break
            if tick <= now:
                found.add(tick)
        return sorted(found)

    def _ticks(self, moment: int, reverse: bool = False) -> Iterator[int]:
        """Yield ticks, those from about a moment on, or those before it."""
        try:
            for found in self._simulate(moment, reverse):
                yield clock.from_datetime(found, "tick")
        except (OverflowError, ValueError):  # beyond the years that a datetime can have
            return

    def _simulate(self, moment: int, reverse: bool = False) -> CronSim:
        local = clock.nearest_datetime(moment).astimezone(self._zone)
        if len(self.text) > LONGEST_CRON:
            raise ValueError(f"a cron expression has {LONGEST_CRON} characters at most")
        try:
            return CronSim(self.text, local, reverse)
        except (CronSimError, ValueError) as error:
            raise ValueError(
                f"{self.text!r} is no cron expression ({str(error).lower()}): it has five fields, "
                f"{FIELDS}, such as '0 3 * * mon-fri', or six with the second in front"
            ) from error


Timing = Every | Cron


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name.  Raises ValueError, with the nearest name, TypeError."""
    if not isinstance(name, str):
        raise TypeError(f"zone must be the name of a time zone, not {type(name).__name__}")
    if name == "UTC":
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = zoneinfo.available_timezones()
        if not known:
            raise ValueError(
                f"time zone {name!r} is not known here, and no other one but UTC: install the data "
                "of time zones, the package tzdata of the system or: pip install tzdata"
            ) from error
        nearest = get_close_matches(name, known, 1)
        meant = f"did you mean {nearest[0]}?" if nearest else "it is one such as Europe/Berlin"
        raise ValueError(f"there is no time zone {name!r}: {meant}") from error


def microseconds_of(interval: timedelta | float, name: str) -> int:
    """Return the microseconds of a timedelta, or of seconds.  Raises TypeError, ValueError."""
    if isinstance(interval, bool) or not isinstance(interval, int | float | timedelta):
        raise TypeError(f"{name} must be seconds or a timedelta, not {type(interval).__name__}")
    try:
        span = interval if isinstance(interval, timedelta) else timedelta(seconds=interval)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{name} is no time that can pass: {interval}") from error
    if span < timedelta(0):
        raise ValueError(f"{name} must not be negative: {interval}")
    return span // clock.MICROSECOND


def moments(timing: Timing, after: int, count: int) -> list[datetime]:
    """Return the next ``count`` ticks behind a moment, aware datetimes in UTC."""
    found: list[datetime] = []
    tick = timing.following(after)
    while tick is not None and len(found) < count:
        found.append(clock.to_datetime(tick))
        tick = timing.following(tick)
    return found
