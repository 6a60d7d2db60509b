"""Schedule: a call that is put by itself, as it is stored, and how its record changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from persistent import Persistent
from zope.interface import implementer

from zcasync import clock
from zcasync.errors import DamagedRecord
from zcasync.interfaces import ISchedule, IScheduleRun
from zcasync.job.acts import Act, with_act
from zcasync.job.field_types import Check, Checked
from zcasync.job.ids import hex_oid
from zcasync.job.template import Template, is_same, partial_of
from zcasync.partial import Partial
from zcasync.schedules.definition import Definition, timing
from zcasync.schedules.field_types import SCHEDULE
from zcasync.schedules.jobs import find
from zcasync.schedules.timing import DAY, Timing, moments
from zcasync.text import message_of
from zcasync.unpublished import Unpublished

#: So many of the last runs are remembered.
RUNS = 10
#: In place of the next tick, until an engine has computed that.
TO_PLAN = 0


@implementer(IScheduleRun)
class ScheduleRun(Unpublished):
    """See :class:`zcasync.interfaces.IScheduleRun`."""

    def __init__(self, tick: int, oid: bytes, jar: Any) -> None:
        self.tick = clock.to_datetime(tick)
        self.id = hex_oid(oid)
        self.partial = find(jar, oid)


@implementer(ISchedule)
class Schedule(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """See :class:`zcasync.interfaces.ISchedule`.  Stored times are microseconds, see ``clock``."""

    _field_types: ClassVar[dict[str, Check]] = SCHEDULE

    _cron: str | None = None
    _every: int | None = None
    _anchor: int | None = None  # None: the moment of the first plan
    _source: str | None = None  # who has declared it
    _by: int | None = None
    _jitter: int = 0
    _paused: bool = False
    _next: int | None = None  # the agenda has it at this moment
    _last: int | None = None  # the last tick that was decided
    _skipped: int = 0  # ticks since the last run
    _runs: tuple[tuple[int, bytes], ...] = ()
    acts: tuple[Act, ...] = ()

    def __init__(self, name: str, source: str | None = None) -> None:
        self.__name__ = name
        if source is not None:
            self._source = source

    # for applications

    @property
    def name(self) -> str:
        return self.__name__  # type: ignore[no-any-return]

    @property
    def callable_name(self) -> str:
        return partial_of(Partial, self._call).callable_name

    @property
    def queue(self) -> str:
        return self._queue  # type: ignore[no-any-return]

    @property
    def cron(self) -> str | None:
        return self._cron

    @property
    def every(self) -> timedelta | None:
        return None if self._every is None else self._every * clock.MICROSECOND

    @property
    def zone(self) -> str:
        return self._zone  # type: ignore[no-any-return]

    @property
    def catch_up(self) -> str:
        return self._catch_up  # type: ignore[no-any-return]

    @property
    def limit(self) -> int:
        return self._limit  # type: ignore[no-any-return]

    @property
    def overlap(self) -> str:
        return self._overlap  # type: ignore[no-any-return]

    @property
    def jitter(self) -> timedelta:
        return self._jitter * clock.MICROSECOND

    @property
    def source(self) -> str | None:
        return self._source

    @property
    def is_paused(self) -> bool:
        return self._paused

    @property
    def skipped(self) -> int:
        return self._skipped

    @property
    def last_tick(self) -> datetime | None:
        return None if self._last is None else clock.to_datetime(self._last)

    @property
    def next_tick(self) -> datetime | None:
        found = self.next_ticks(1)
        return found[0] if found else None

    @property
    def runs(self) -> list[ScheduleRun]:
        return [ScheduleRun(tick, oid, self._p_jar) for tick, oid in reversed(self._runs)]

    def next_ticks(self, count: int = 5) -> list[datetime]:
        if self._paused:
            return []
        if self._next == TO_PLAN:
            return moments(self.timing(clock.now()), self.behind(clock.now()), count)
        return [] if self._next is None else moments(self.timing(), self._next - 1, count)

    # for the rest of zcasync

    def timing(self, anchor: int = 0) -> Timing:
        """Return which moments are ticks.  Raises ValueError where that is not known here.

        ``anchor``: that of an interval which has none yet.
        """
        own = anchor if self._anchor is None else self._anchor
        return timing(self._cron, self._every, own, self._zone)

    def why_unusable(self, queue: Callable[[str], Any]) -> str | None:
        """Return why it cannot tick here; None where it can.

        ``queue(name)`` returns a queue, or raises LookupError.
        """
        try:
            queue(self._queue)
            self.timing()
            partial_of(Partial, self._call)
        except (ValueError, LookupError, DamagedRecord) as error:
            return message_of(error)
        return None

    def behind(self, moment: int) -> int:
        """Return the moment behind which to look for a tick: none is decided twice.

        But for one that is a day ahead or more: it was decided when a clock was wrong.
        """
        is_known = self._last is not None and self._last <= moment + DAY
        return max(moment, self._last or 0) if is_known else moment

    @property
    def filed(self) -> int | None:
        """The moment at which the agenda has it; None: it has it not."""
        return self._next

    @property
    def call(self) -> Template:
        """The stored call, to be put.  Nobody changes it."""
        return self._call  # type: ignore[no-any-return]

    @property
    def begin_by(self) -> int | None:
        """The microseconds from the put on within which a job must begin; None: no limit."""
        return self._by

    @property
    def last_job(self) -> bytes | None:
        """The oid of the job of the last run; None: there was none."""
        return self._runs[-1][1] if self._runs else None

    def define(
        self, definition: Definition, queue: str, call: Template, begin_by: int | None
    ) -> tuple[bool, bool]:
        """Be as this definition says; return whether anything, and whether the ticks, changed."""
        when = {"_cron": definition.cron, "_every": definition.every, "_zone": definition.zone}
        if definition.anchor is not None:
            when["_anchor"] = definition.anchor
        has_new_ticks = self._take(when)
        if has_new_ticks and definition.anchor is None and self._anchor is not None:
            self._anchor = None
        rest = {
            "_catch_up": definition.catch_up,
            "_limit": definition.limit,
            "_overlap": definition.overlap,
            "_jitter": definition.jitter,
            "_queue": queue,
            "_by": begin_by,
            "_call": call,
        }
        return self._take(rest) or has_new_ticks, has_new_ticks

    def file(self, moment: int | None) -> None:
        """Record at which moment the agenda has it."""
        self._next = moment

    def plan(self, moment: int) -> int | None:
        """Return the first tick behind a moment at which it was added, or resumed."""
        if self._every is not None and self._anchor is None:
            self._anchor = moment
        return self.timing().following(self.behind(moment))

    def pause(self) -> None:
        """Record that it does not tick."""
        self._paused = True

    def resume(self) -> None:
        """Record that it ticks again."""
        self._paused = False

    def decide(self, tick: int) -> None:
        """Record that all up to this tick is decided."""
        self._last = tick

    def note_run(self, tick: int, oid: bytes) -> None:
        """Record that this job was put for a tick."""
        self._runs = (*self._runs, (tick, oid))[-RUNS:]
        if self._skipped:
            self._skipped = 0

    def note_skipped(self) -> None:
        """Record that a tick was skipped, because the last run is not over."""
        self._skipped += 1

    def note_act(self, who: str, what: str) -> None:
        """Note what an operator has done to it, now."""
        self.acts = with_act(self.acts, who, what)

    def remove(self) -> None:
        """Write the record, so that whoever is at a tick of it meets who removes it."""
        self._paused, self._next = True, None

    def _take(self, new: dict[str, Any]) -> bool:
        changed = [name for name in new if not is_same(getattr(self, name, ...), new[name])]
        for name in changed:
            setattr(self, name, new[name])
        return bool(changed)
