"""The takeover of what a dead engine held: claims are released, or kept by the heir."""

from __future__ import annotations

from zcasync.events import is_heard, tell_after_commit
from zcasync.interfaces import IWorkerDownEvent, WorkerDown
from zcasync.job.broken import broken
from zcasync.job.completion import is_done
from zcasync.job.record import PartialRecord, protect
from zcasync.liveness.death import SupervisorDeath
from zcasync.liveness.recovery import quarantine, recover, unreadable
from zcasync.workers.claims import SizedSequence
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker


def has_leftovers(worker: Worker) -> bool:
    """Return whether a worker without an engine still holds partials."""
    return worker.engineUUID is None and len(worker.thread) + len(worker.reactor) > 0


def take_over(
    dead: Worker, reason: str, heir: Worker | None, incarnation: Incarnation | None
) -> list[str]:
    """End the engine of ``dead`` and take what it left; return lines for the log.

    Unfinished partials wait again; those whose callbacks have not all run are the heir's now, and
    so are those that cannot be loaded.  Without an heir the latter stay where they are, for the
    next engine that checks.
    """
    held = len(dead.thread) + len(dead.reactor)
    log: list[str] = []
    pid = 0
    if dead.incarnation is not None:
        pid = dead.incarnation.identity.pid
        if not dead.incarnation.is_over:
            dead.incarnation.end(reason)
    death = SupervisorDeath(pid=pid, reason="the supervisor is gone")
    finished: list[PartialRecord] = []
    waiting: list[PartialRecord] = []
    for kind in ("thread", "reactor"):
        sequence: SizedSequence = getattr(dead, kind)
        to: SizedSequence = getattr(heir or dead, kind)
        sequence.readmit_unreadable()
        for one in sequence.lists():
            quarantine(one, unreadable(one.items), to, log)
            recover(one.items, death, log)
            over, resumed = _sorted_ends(one.items)
            finished += over
            waiting += [one for one in one.items if not one.has_result and is_done(one)]
            one.keep(resumed if heir is None else ())
            if heir is not None and resumed:  # after the above: it can be the same list
                for partial in resumed:
                    partial.reassign(incarnation)
                to.lists(1)[0].items += resumed
    protect([*finished, *waiting])  # undone, they would be held by nobody
    if finished:
        (heir or dead).completed.extend(finished)
    if dead.engineUUID is not None:
        if is_heard(IWorkerDownEvent):
            tell_after_commit(WorkerDown(dead.UUID, dead.engineUUID, reason))
        dead.engineUUID = None
    if held:
        log.append(f"jobs that worker {dead.UUID} had claimed are taken over: {held:,} ({reason})")
    return log


def _sorted_ends(
    partials: tuple[PartialRecord, ...],
) -> tuple[list[PartialRecord], tuple[PartialRecord, ...]]:
    """Return those of which nothing is left to do, and those whose callbacks are."""
    ended = [partial for partial in partials if partial.has_result]
    over = [partial for partial in ended if is_done(partial)]
    return over, tuple(partial for partial in ended if not is_done(partial))


def release_all(sequence: SizedSequence) -> int:
    """Let every unfinished claim wait again, without counting an interruption; return how many."""
    held = [partial for partial in sequence if broken(partial) is None]
    unfinished = [partial for partial in held if partial.is_unfinished]
    recover(unfinished, None, [])
    for one in sequence.lists():
        one.keep(p for p in one.items if p not in held or p.claim is not None)
    return len(unfinished)
