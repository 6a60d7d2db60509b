"""The work of an engine that is gone: taken over, given back."""

from __future__ import annotations

from zcasync.interfaces import CALLBACKS, COMPLETED
from zcasync.job.broken import broken
from zcasync.job.completion import is_done
from zcasync.job.record import PartialRecord
from zcasync.liveness.death import Death
from zcasync.liveness.recovery import is_unfinished, recover, set_aside, unreadable
from zcasync.supervisor.poll.messages import PassResult
from zcasync.workers.claims import SizedSequence
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker


def has_leftovers(worker: Worker) -> bool:
    """Whether a worker without an engine still holds partials."""
    return worker._engine is None and len(worker.thread) + len(worker.reactor) > 0


def take_over(
    dead: Worker, reason: str, heir: Worker | None, incarnation: Incarnation | None
) -> list[str]:
    """End the engine of ``dead`` and take what it left; returns notes for the log.

    Unfinished partials wait again; those whose callbacks have not all run are the heir's now, and
    so are those that cannot be loaded.  Without an heir the latter stay where they are, for the
    next engine that looks.
    """
    done = PassResult()
    pid = 0
    if dead.incarnation is not None:
        pid = dead.incarnation.identity.pid
        if not dead.incarnation.is_over:
            dead.incarnation.end(reason)
    death = Death(pid=pid, reason="its supervisor was gone")
    finished: list[PartialRecord] = []
    for kind in ("thread", "reactor"):
        sequence = getattr(dead, kind)
        if sequence.unreadable:  # perhaps they can be loaded now
            sequence.lists(1)[0].items += sequence.unreadable
            sequence.unreadable = ()
        for one in sequence._lists:
            set_aside(one, unreadable(one.items), getattr(heir or dead, kind), done)
            recover(one.items, death, done)
            ended = [partial for partial in one.items if partial.state in (CALLBACKS, COMPLETED)]
            over = [partial for partial in ended if is_done(partial)]
            resumed = tuple(partial for partial in ended if not is_done(partial))
            finished += over
            left = resumed if heir is None else ()
            if one.items != left:
                one.items = left
            if heir is not None and resumed:  # after the above: it can be the same list
                for partial in resumed:
                    partial._claim = incarnation
                getattr(heir, kind).lists(1)[0].items += resumed
    if finished:
        (heir or dead).completed.extend(finished)
    if dead._engine is not None:
        dead.engineUUID = None
    return done.notes


def give_all_back(sequence: SizedSequence) -> int:
    """Let every unfinished claim wait again, without counting an interruption."""
    held = [partial for partial in sequence if broken(partial) is None]
    unfinished = [partial for partial in held if is_unfinished(partial)]
    recover(unfinished, None, PassResult())
    for one in sequence._lists:
        kept = tuple(
            partial for partial in one.items if partial not in held or partial._claim is not None
        )
        if len(kept) != len(one.items):
            one.items = kept
    return len(unfinished)
