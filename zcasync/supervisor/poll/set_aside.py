"""Set aside: jobs whose code this worker does not have wait for it, and are tried now and then.

Web servers are deployed before workers, one worker before another, and releases are rolled back: a
call for which something is missing has not begun, and loses nothing by waiting for a worker, or a
child, that has it.  With one job for each missing name an engine looks whether it has it: at once
where it has not looked yet, so when it has started and when another one has set something aside;
after the death of a child, because its successor imports anew; and ever more seldom otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from zcasync.job.aside import Missing
from zcasync.job.broken import broken
from zcasync.job.completion import is_done
from zcasync.job.ids import name_of
from zcasync.job.record import PartialRecord
from zcasync.liveness.interruption import end_absent
from zcasync.queues.absent import Look, Looks
from zcasync.queues.absent import name_of as name_in
from zcasync.queues.claimed import Claimed
from zcasync.supervisor.poll.slots import Slots
from zcasync.workers.incarnation import Incarnation

#: A job that looks for what is missing has found it where it has not come back after so long, or
#: has ended: a child says at once what it lacks.
TRUST_SECONDS = 1.0
#: From one look to the next: so long, also behind the death of a child, then twice as long each
#: time, up to the last figure: a look adds 4 kB to the database.
FIRST_SECONDS, LAST_SECONDS = 5.0, 3600.0
#: What was there for so long, and is not any more, is looked for as if for the first time.
SETTLED_SECONDS = 60.0
DAY_MICROSECONDS = 24 * 3600 * 1_000_000


@dataclass(frozen=True)
class Known:
    """What an engine knows of one missing name.

    ``looker``: the job that looks for it, since the moment ``at``; None: it was not there then, and
    is looked for ``wait`` seconds later.  ``is_told``: the log has said that it is missing.
    """

    at: float
    wait: float = FIRST_SECONDS / 2
    looker: PartialRecord | None = None
    is_there: bool = False
    is_told: bool = False

    def looks(self, now: float) -> Look:
        """Return what to take of the jobs that lack it."""
        if self.is_there:
            return Look.ALL
        is_time = self.looker is None and now - self.at >= self.wait
        return Look.ONE if is_time else Look.NOTHING


#: By the queue's name, and the name that is missing.
Names = dict[tuple[str, str], Known]


class SettingAside:
    """Sets aside in the passes of one engine.

    ``seconds``: a monotonic clock; ``days``: for so long a job may be set aside.
    """

    def __init__(self, incarnation: Incarnation, seconds: Callable[[], float], days: float) -> None:
        self._incarnation = incarnation
        self._seconds = seconds
        self._days = days
        self._known: Names = {}  # as of the last committed pass
        self._next: Names = {}  # with this pass

    @property
    def delay(self) -> float:
        """The seconds after which a pass takes what waits for a look that goes on."""
        is_looked_for = any(one.looker is not None for one in self._next.values())
        return TRUST_SECONDS if is_looked_for else float("inf")

    def set_aside(self, slots: Slots, absent: Mapping[bytes, Missing], log: list[str]) -> None:
        """Let jobs that lack code, as their child has said, wait in their queue for it."""
        self._next = dict(self._known)
        for slot in slots:
            found = [one for one in slot.unaccounted() if one._p_oid in absent and self._has(one)]
            late = [one for one in found if one.is_aside_too_long]
            for partial in late:
                end_absent(partial, absent[partial._p_oid], log)
            gone = [one for one in found if one not in late]
            for partial in gone:
                self._put_aside(partial, absent[partial._p_oid], log)
            slot.claims.keep(one for one in slot.claims.items if one not in gone)
        self._note_found(slots, log)

    def _has(self, partial: PartialRecord) -> bool:
        """Return whether there is something left to do of a claim of this engine's."""
        if broken(partial) is not None or partial.claim is not self._incarnation:
            return False
        is_left = partial.has_result and not is_done(partial)
        return is_left or (partial.is_unfinished and partial.retry_at is None)

    def _put_aside(self, partial: PartialRecord, missing: Missing, log: list[str]) -> None:
        partial.queue.put_aside(partial, missing, int(self._days * DAY_MICROSECONDS))
        key, now = (partial.queue.__name__, missing.name), self._seconds()
        before = self._next.get(key) or Known(now, looker=partial)
        if not before.is_told:
            log.append(
                f"{name_of(partial)} is set aside, and so are others like it: {missing.text}; they "
                "run where, and as soon as, this code is there (zcasync status tells of them)"
            )
        if before.is_there:  # one child has it and another one has not, or it was taken back
            is_settled = now - before.at >= SETTLED_SECONDS
            wait = FIRST_SECONDS if is_settled else min(2 * before.wait, SETTLED_SECONDS)
            self._next[key] = Known(now, wait, is_told=True)
        elif before.looker is not None:
            self._next[key] = Known(now, min(2 * before.wait, LAST_SECONDS), is_told=True)

    def _note_found(self, slots: Slots, log: list[str]) -> None:
        """Note what was there for the job that has looked for it; look again after deaths."""
        now = self._seconds()
        has_deaths = any(slot.report.deaths for slot in slots)
        held = {one._p_oid: slot for slot in slots for one in slot.claims.items}
        for (queue, name), known in self._next.items():
            looker = known.looker
            if looker is None:
                if has_deaths and not known.is_there:
                    soon = replace(known, wait=min(known.wait, FIRST_SECONDS))
                    self._next[queue, name] = soon
                continue
            slot = held.get(looker._p_oid)
            if slot is None:
                has_ended = broken(looker) is None and looker.has_result
            else:
                has_ended = looker._p_oid in slot.report.completed
            if has_ended or (slot is not None and now - known.at >= TRUST_SECONDS):
                self._next[queue, name] = replace(known, looker=None, is_there=True, is_told=False)
                if known.is_told:
                    log.append(f"{name} is there now: the jobs that were set aside for it run")
            elif slot is None:  # its process has died, for instance
                self._next[queue, name] = replace(known, looker=None, at=now)

    def looks(self, queue: str) -> Looks:
        """Return the function that says what to take of what is set aside in a queue."""
        now = self._seconds()

        def look(key: tuple[object, ...]) -> Look:
            known = self._next.get((queue, name_in(key)))
            return Look.ONE if known is None else known.looks(now)

        return look

    def note(self, queue: str, claimed: Claimed) -> None:
        """Note which jobs were claimed to look with."""
        now = self._seconds()
        for name, looker in claimed.looked_for.items():
            known = self._next.get((queue, name))
            if known is None:
                self._next[queue, name] = Known(now, looker=looker)
            elif not known.is_there and known.looker is None:
                self._next[queue, name] = replace(known, at=now, looker=looker)

    def committed(self) -> None:
        """Believe what the pass has noted: it is committed."""
        self._known = self._next
