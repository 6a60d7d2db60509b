"""Due ticks: which of them a pass puts now, after whatever time nobody has made passes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from zcasync import clock
from zcasync.events import is_heard, tell_after_commit
from zcasync.interfaces import IScheduleTickEvent, ScheduleTick
from zcasync.schedules.definition import ALL, SKIP, SKIP_OVERLAP
from zcasync.schedules.jobs import is_over, put
from zcasync.schedules.schedule import Schedule
from zcasync.schedules.timing import SECOND

#: A tick is missed where it is later than this: microseconds.
MISSED = 60 * SECOND


@dataclass(frozen=True)
class Due:
    """The ticks that are to be put now, oldest first, and what follows; microseconds.

    ``last``: that is decided; ``next``: the tick behind it, None: there is none; ``missed``: what
    is to be said about those that were missed, '': nothing.
    """

    ticks: list[int]
    last: int
    next: int | None
    missed: str = ""


def due_ticks(schedule: Schedule, first: int, now: int, most: int) -> Due:
    """Return what is due of a schedule whose first undecided tick is ``first``.

    ``most``: no more than so many now; then the next one is due at once.  Raises ValueError where
    its timing is not known here.
    """
    timing = schedule.timing()
    limit = schedule.limit if schedule.catch_up == ALL else 1
    ticks, following = [first], timing.following(first)
    if following is not None and following <= now:
        ticks = timing.latest(first, now, limit) or ticks
        following = timing.following(ticks[-1])
    if len(ticks) > most:
        ticks = ticks[:most]
        following = timing.following(ticks[-1])
    is_unwanted = schedule.catch_up == SKIP and now - ticks[-1] > MISSED
    wanted = [] if is_unwanted else ticks
    return Due(wanted, ticks[-1], following, _missed(schedule, first, now, wanted))


def put_ticks(queue: Any, schedule: Schedule, due: Due) -> int:
    """Put the jobs of due ticks, and record them; return how many were put."""
    count = 0
    for tick in due.ticks:
        last = schedule.last_job
        is_free = last is None or is_over(schedule._p_jar, last)
        if schedule.overlap == SKIP_OVERLAP and not is_free:
            schedule.note_skipped()
            _tell(schedule, tick, None)
            continue
        begins = tick + jitter_of(schedule.name, tick, schedule.jitter // clock.MICROSECOND)
        partial = put(queue, schedule.call, schedule.begin_by, (schedule.name, tick), begins)
        schedule.note_run(tick, partial._p_oid)
        _tell(schedule, tick, partial)
        count += 1
    schedule.decide(due.last)
    return count


def _tell(schedule: Schedule, tick: int, partial: Any) -> None:
    if is_heard(IScheduleTickEvent):
        tell_after_commit(ScheduleTick(schedule.name, clock.to_datetime(tick), partial))


def jitter_of(name: str, tick: int, longest: int) -> int:
    """Return how much later a tick's job begins: the same for all who ask, from 0 to ``longest``.

    Not by chance, so that it does not matter which engine puts it, and how often it has to try.
    """
    if not longest:
        return 0
    share = zlib.crc32(f"{tick} {name}".encode("utf-8", "surrogatepass"))
    return share * longest // 0xFFFFFFFF


def _missed(schedule: Schedule, first: int, now: int, wanted: list[int]) -> str:
    if now - first <= MISSED:
        return ""
    since = f"{clock.to_datetime(first):%Y-%m-%d %H:%M:%S} UTC"
    runs = {0: "no run is", 1: "1 run is"}.get(len(wanted), f"{len(wanted):,} runs are")
    return (
        f"schedule {schedule.name!r} has missed what was due since {since}: {runs} put for that "
        f"(catch-up {schedule.catch_up!r})"
    )
