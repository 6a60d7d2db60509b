"""Reasons: why a job that has not begun does not begin, in the words of operators."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from zcasync import clock
from zcasync.interfaces import ACTIVE, CALLBACKS, PENDING
from zcasync.job.aside import Aside
from zcasync.job.broken import broken
from zcasync.job.ids import id_of
from zcasync.liveness.verdict import Verdict, judge
from zcasync.reports.fields import Fields
from zcasync.reports.quotas import why_full
from zcasync.reports.walk import MOST_WORKERS, chosen

#: The number of characters of a worker's UUID that a reason has room for.
UUID_CHARACTERS = 8


class Reasons:
    """The reasons of the jobs of one database, as one transaction sees it.

    ``is_there(worker)`` tells whether the engine of a worker may claim jobs.
    """

    def __init__(self, manager: Any, is_there: Callable[[Any], bool]) -> None:
        self._manager = manager
        self._is_there = is_there
        self._full: dict[tuple[str, ...], str | None] = {}

    @cached_property
    def _workers(self) -> list[Any]:
        """The workers whose engines may claim jobs."""
        every = chosen(self._manager, MOST_WORKERS)
        return [one for one in every if one.engine_bytes is not None and self._is_there(one)]

    @cached_property
    def _ahead(self) -> dict[bytes, int]:
        """For each claimed job the number of those in front of it in its list."""
        found: dict[bytes, int] = {}
        for worker in chosen(self._manager, MOST_WORKERS):
            for one in worker.thread.lists():
                found.update((item._p_oid, place) for place, item in enumerate(one.items))
            for item in worker.reactor:
                found[item._p_oid] = 0
        return found

    @cached_property
    def _aside(self) -> set[bytes]:
        """The jobs whose records no worker could load."""
        every = chosen(self._manager, MOST_WORKERS)
        sequences = [one for worker in every for one in (worker.thread, worker.reactor)]
        found = {item._p_oid for one in sequences for item in one.unreadable}
        for queue in self._manager.queues.values():
            found.update(item._p_oid for item in queue.set_aside())
        return found

    def ahead(self, partial: Any) -> int | None:
        """Return how many jobs are in front of a claimed one; None: no worker has it in a list."""
        return self._ahead.get(partial._p_oid)

    def reason(self, partial: Any) -> str | None:
        """Return why the job has not begun, or does not end; None: it has, or nothing keeps it."""
        problem = broken(partial)
        if problem is not None:
            return f"set aside: {problem}"
        fields = Fields(partial)
        if fields["_state"] in (PENDING, ACTIVE) and partial._p_oid in self._aside:
            return "set aside: no worker could load its record"
        if fields["_aside"] is not None and fields["_claim"] is None:
            callbacks = "its callbacks are " if fields["_state"] == CALLBACKS else ""
            return f"{callbacks}set aside: {Aside(*fields['_aside']).text}"
        if fields["_waits_for"] is not None:
            return f"waits for job {id_of(fields['_waits_for'])}"
        if fields["_held"] and fields["_state"] == PENDING:
            return _of_held(partial)
        if fields["_state"] == PENDING:
            return self._of_waiting(partial, fields)
        if fields["_state"] == CALLBACKS:
            return "its callbacks are run"
        return None

    def _of_waiting(self, partial: Any, fields: Fields) -> str | None:
        if fields["_queue"] is None:
            return "it was put in no queue"
        if (fields["_due"] or 0) > clock.now():
            moment = clock.nearest_datetime(fields["_due"])
            return f"held until {moment:%Y-%m-%d %H:%M:%S} UTC"
        if not self._workers:
            return self._of_nobody(fields)
        able = [one for one in self._workers if partial.may_run_on(one.uuid_bytes)]
        if not able:
            return self._of_others(fields)
        queue = fields["_queue"]
        name, kind = queue.__name__, "reactor" if queue.__name__ == "reactor" else "thread"
        if queue.is_paused:
            return f"paused: resume its queue with zcasync queue {name} --resume"
        able = [one for one in able if one.queues is None or name in one.queues]
        if not able:
            return f"no worker serves it: none that runs serves the queue {name}"
        if not any(getattr(one, kind).size for one in able):
            return "paused: the size of each worker that may run it is 0"
        return self._of_quotas(fields["quotas"] or ()) or "waits for its turn"

    def _of_quotas(self, names: tuple[str, ...]) -> str | None:
        """Return which of its quotas keeps a job from its turn; each is asked once."""
        if names not in self._full:
            self._full[names] = why_full(self._manager, names) if names else None
        return self._full[names]

    def _of_nobody(self, fields: Fields) -> str:
        if fields["_selected"]:
            return self._of_others(fields)
        return "no worker serves it: no supervisor runs"

    def _of_others(self, fields: Fields) -> str:
        """Return the reason of a job that none of the workers that are there may run."""
        selected = [one for one in fields["_selected"] if one not in fields["_excluded"]]
        if not selected:
            return "no worker serves it: every one that is there is excluded"
        first = selected[0].hex()[:UUID_CHARACTERS]
        more = f" and {len(selected) - 1} more" if len(selected) > 1 else ""
        if more:
            return f"selected for workers that are not there ({first}{more})"
        return f"selected for a worker that is not there ({first})"


def _of_held(partial: Any) -> str:
    """Return what has to end before a partial begins."""
    after, own, flow = partial.after_gate, partial.members_gate, partial.flow_gate
    if after is not None and not after.is_open:
        ended = after.counts()
        first = next(
            (one for one in after.all_members() if broken(one) is None and not one.has_result), None
        )
        if first is None:
            return "what it begins after has ended"
        more = ended.total - ended.done - 1
        others = f" and {more} more" if more > 0 else ""
        return f"begins after job {id_of(first)}{others}"
    if own is not None and own.is_started:
        counts = own.counts()
        return f"its members have to end first: {counts.done:,} of {counts.total:,} have"
    if flow is not None:
        return f"begins after those before it in flow {id_of(flow.partial)}"
    return "held"


def with_reason(
    manager: Any, supervisor: Any, form: Callable[[Any], dict[str, Any]]
) -> Callable[[Any], dict[str, Any]]:
    """Return a form of jobs that also tells why one does not start, and what is ahead of it."""

    def is_there(worker: Any) -> bool:
        verdict = judge(worker, supervisor.sighting_of(worker)).verdict
        return verdict in (Verdict.RUNNING, Verdict.SILENT)

    reasons = Reasons(manager, is_there)

    def told(partial: Any) -> dict[str, Any]:
        return {
            **form(partial),
            "reason": reasons.reason(partial),
            "ahead": reasons.ahead(partial),
        }

    return told
