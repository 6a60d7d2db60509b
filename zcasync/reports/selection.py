"""Selection: the jobs that a listing, or a command for many jobs, is about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.outcome import Outcome, outcome
from zcasync.reports.fields import Fields

EVERY_STATE = frozenset({PENDING, ACTIVE, CALLBACKS, COMPLETED})
ENDED_STATES = frozenset({CALLBACKS, COMPLETED})


@dataclass(frozen=True)
class Selection:
    """The jobs that meet every condition; of ``failed``, ``cancelled`` and ``waiting`` any one.

    ``failed``: the result is a Failure, not of a cancel; ``waiting``: in a queue, or for another
    job.  ``call``: the dotted name of the callable, its last parts, or a pattern with ``*`` and
    ``?``.  ``since``: microseconds since 1970: it has ended then or later, or else begun, or else
    was due.  ``site``: the path of the site that its put has remembered.  ``among``: the states of
    what can be meant at all.
    """

    state: str | None = None
    failed: bool = False
    cancelled: bool = False
    waiting: bool = False
    call: str | None = None
    since: int | None = None
    queue: str | None = None
    site: str | None = None
    among: frozenset[str] = EVERY_STATE

    @property
    def is_everything(self) -> bool:
        """True where no condition is given."""
        return replace(self, among=EVERY_STATE) == Selection()

    def queues(self, manager: Any) -> tuple[str, ...]:
        """Return the names of the queues to look at.  Raises LookupError for one that is not."""
        if self.queue is not None:
            manager.queue(self.queue)
        return (self.queue,) if self.queue else tuple(manager.queues)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Where the jobs of these queues are claimed: the attributes of workers."""
        if self.queue is None:
            return "thread", "reactor"
        return ("reactor",) if self.queue == "reactor" else ("thread",)

    @property
    def states(self) -> frozenset[str]:
        """The states that such a job can be in."""
        kinds: frozenset[str] = frozenset()
        if self.failed or self.cancelled:
            kinds |= ENDED_STATES
        if self.waiting:
            kinds |= {PENDING, ACTIVE}
        return self.among & (kinds or EVERY_STATE) & ({self.state} if self.state else EVERY_STATE)

    @property
    def outcomes(self) -> frozenset[Outcome]:
        """The outcomes of those that have ended, where only failed or cancelled ones are meant."""
        failed = {Outcome.FAILED} if self.failed else set()
        return frozenset(failed | ({Outcome.CANCELLED} if self.cancelled else set()))

    def fits(self, partial: Any) -> bool:
        """Return whether a partial is one of them.

        Of one that cannot be read nothing is known but its place: it fits where no more is asked.
        """
        fields = Fields(partial)
        if not fields.is_readable:
            return self == Selection(queue=self.queue)
        return (
            fields["_state"] in self.states
            and self._is_of_a_kind(fields)
            and (self.queue is None or _queue_name(fields) in (None, self.queue))
            and (self.since is None or _last_moment(fields) >= self.since)
            and (self.call is None or _is_called(fields, self.call))
            and (self.site is None or site_of(fields) == self.site)
        )

    def _is_of_a_kind(self, fields: Fields) -> bool:
        if not (self.failed or self.cancelled or self.waiting):
            return True
        if fields["_state"] in ENDED_STATES:
            return outcome(fields["_result"]) in self.outcomes
        return self.waiting and (fields["_state"] == PENDING or fields["_waits_for"] is not None)


def site_of(fields: Fields) -> Any:
    """Return the path of the site that a put has remembered, of a callback that of its parent."""
    one: Fields | None = fields
    while one is not None and one.is_readable:
        context, parent = one["_context"], one["_parent"]
        if context is not None:
            return context.get("site")
        one = None if parent is None else Fields(parent)
    return None


def _queue_name(fields: Fields) -> str | None:
    return getattr(fields["_queue"], "__name__", None)


def _last_moment(fields: Fields) -> int:
    return fields["_ended"] or fields["_started"] or fields.due or 0


def _is_called(fields: Fields, call: str) -> bool:
    name = fields.callable_name or ""
    return fnmatchcase(name, call) or name.endswith(f".{call}")
