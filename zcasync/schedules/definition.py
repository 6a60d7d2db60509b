"""Definition: what a schedule is to be, checked before anything changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from zcasync import clock
from zcasync.queues.options import Options
from zcasync.schedules.timing import DAY, SECOND, Cron, Every, Timing, microseconds_of, zone_of
from zcasync.text import repr_of

SKIP, ONCE, ALL = CATCH_UP = ("skip", "once", "all")
ALLOW, SKIP_OVERLAP = OVERLAP = ("allow", "skip")
#: Of ``catch_up="all"``, unless told; and the highest limit that there can be.
LIMIT, HIGHEST_LIMIT = 100, 10_000
NAME_CHARACTERS = 100
#: No schedule is later than this by chance.
LONGEST_JITTER = 7 * DAY


class ScheduleOptions(Options, total=False):
    """The options of a schedule beside its name and its call, for type checkers."""

    cron: str | None
    every: timedelta | float | None
    anchor: datetime | None
    zone: str
    queue: str
    catch_up: str
    limit: int | None
    overlap: str | None
    jitter: timedelta | float
    begin_by: timedelta | None


@dataclass(frozen=True)
class Definition:
    """When a schedule ticks, and how it treats its ticks; times are microseconds."""

    cron: str | None
    every: int | None
    anchor: int | None
    zone: str
    catch_up: str
    limit: int
    overlap: str
    jitter: int

    @classmethod
    def of(
        cls,
        *,
        cron: str | None = None,
        every: timedelta | float | None = None,
        anchor: datetime | None = None,
        zone: str = "UTC",
        catch_up: str = ONCE,
        limit: int | None = None,
        overlap: str | None = None,
        jitter: timedelta | float = 0,
    ) -> Definition:
        """Return what these options mean.  Raises TypeError, ValueError, naming what is wrong."""
        _require_when(cron, every, anchor, zone)
        _require_one_of("catch_up", catch_up, CATCH_UP)
        if overlap is None:
            overlap = ALLOW if catch_up == ALL else SKIP_OVERLAP
        _require_one_of("overlap", overlap, OVERLAP)
        if catch_up == ALL and overlap == SKIP_OVERLAP:
            raise ValueError(
                'catch_up="all" and overlap="skip" exclude each other: of several runs that are '
                "put at once, all but the first would be skipped"
            )
        late = microseconds_of(jitter, "jitter")
        if late > LONGEST_JITTER:
            raise ValueError(f"jitter must not be more than 7 days: {jitter}")
        return cls(
            cron,
            None if every is None else _interval(every),
            None if anchor is None else clock.from_datetime(anchor, "anchor"),
            zone,
            catch_up,
            _limit(limit, catch_up),
            overlap,
            late,
        )

    @property
    def when(self) -> tuple[str | None, int | None, int | None, str]:
        """All that decides which moments are ticks."""
        return self.cron, self.every, self.anchor, self.zone


def timing(cron: str | None, every: int | None, anchor: int, zone: str) -> Timing:
    """Return the timing of what is stored.  Raises ValueError where it is not known here."""
    return Cron(cron, zone) if cron is not None else Every(every or SECOND, anchor)


def require_name(name: str) -> None:
    """Raise ValueError, TypeError for what cannot be the name of a schedule."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a schedule must be a text, not {type(name).__name__}")
    is_good = name.isprintable() and name == name.strip() and not name.startswith("-")
    if not (is_good and 0 < len(name) <= NAME_CHARACTERS):
        raise ValueError(
            f"{repr_of(name)} cannot be the name of a schedule: it has 1 to {NAME_CHARACTERS} "
            "printable characters, no space at its ends and no hyphen in front"
        )


def _require_when(cron: Any, every: Any, anchor: Any, zone: str) -> None:
    if (cron is None) == (every is None):
        given = "neither of them is" if cron is None else "both of them are"
        raise ValueError(f"cron and every both say when, and {given} given: give one of them")
    zone_of(zone)
    if cron is None:
        if zone != "UTC":
            raise ValueError(
                f"zone {zone!r} means nothing with every, whose ticks are at equal distances: "
                "leave it out, or give cron"
            )
        return
    if anchor is not None:
        raise ValueError("anchor is for every, not for cron")
    if not isinstance(cron, str):
        raise TypeError(f"cron must be a text, not {type(cron).__name__}")
    if Cron(cron, zone).following(clock.now()) is None:
        raise ValueError(f"cron {cron!r} means no moment of the next fifty years")


def _interval(every: timedelta | float) -> int:
    interval = microseconds_of(every, "every")
    if interval < SECOND:
        raise ValueError(f"every must be a second or more: {every}")
    return interval


def _limit(limit: Any, catch_up: str) -> int:
    if limit is None:
        return LIMIT
    if catch_up != ALL:
        raise ValueError(f'limit is for catch_up="all", not for {catch_up!r}')
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"limit must be a number of runs, not {type(limit).__name__}")
    if not 1 <= limit <= HIGHEST_LIMIT:
        raise ValueError(f"limit must be from 1 to {HIGHEST_LIMIT:,}: {limit}")
    return limit


def _require_one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        nearest = get_close_matches(str(value), known, 1)
        meant = f"did you mean {nearest[0]!r}?" if nearest else "it is " + _or(known)
        raise ValueError(f"there is no {name} {repr_of(value)}: {meant}")


def _or(names: tuple[str, ...]) -> str:
    quoted = [repr(one) for one in names]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]])
