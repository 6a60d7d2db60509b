"""Taking up and laying down a worker: the transactions at the two ends of an engine's life."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from ZODB.POSException import ConflictError

from zcasync.away import NOT_COMMITTED
from zcasync.claiming import broken
from zcasync.clock import to_datetime
from zcasync.datamanager import DataManager, install
from zcasync.errors import ZCAsyncError
from zcasync.fence import fence
from zcasync.identity import Identity
from zcasync.incarnation import Incarnation
from zcasync.interfaces import CALLBACKS, COMPLETED
from zcasync.partial import Partial
from zcasync.protocol.outcomes import Death
from zcasync.settling import is_done
from zcasync.supervisor.liveness import Watch
from zcasync.supervisor.recovering import is_unfinished, recover, set_aside, unreadable
from zcasync.supervisor.work import Done
from zcasync.versions import versions
from zcasync.workers import SizedSequence, Worker

TRIES = 10


class AlreadyServed(ZCAsyncError):
    """Another engine serves this worker and may be alive."""


class ServedElsewhere(AlreadyServed):
    """An engine that cannot be looked at from here serves this worker; its silence will tell."""


def begin(
    connection: Any,
    worker_uuid: uuid.UUID,
    engine: uuid.UUID,
    wishes: dict[str, Any],
    watch: Watch,
    identity: Callable[[], Identity] = Identity.here,
) -> tuple[DataManager, Worker, Incarnation, list[str]]:
    """Install what is missing and write the new incarnation; returns notes for the log too.

    ``wishes``: configured values for the worker's record (``children`` is its thread size).
    Raises AlreadyServed when a live process serves the worker, ServedElsewhere when one on another
    machine may: call it again with the same ``watch`` until that has been silent for too long.
    """
    manager = connection.transaction_manager
    for attempt in range(TRIES):
        manager.begin()
        try:
            result = _begin(connection, worker_uuid, engine, wishes, watch, identity)
            manager.commit()
        except ConflictError:
            manager.abort()
            if attempt == TRIES - 1:
                raise
        except BaseException:
            watch.stillborn.add(engine.bytes)
            manager.abort()
            raise
        else:
            fence(connection, result[2])
            return result
    raise AssertionError("unreachable")


def _begin(
    connection: Any,
    worker_uuid: uuid.UUID,
    engine: uuid.UUID,
    wishes: dict[str, Any],
    watch: Watch,
    identity: Callable[[], Identity],
) -> tuple[DataManager, Worker, Incarnation, list[str]]:
    data_manager = install(connection)
    for name, db in connection.db().databases.items():
        if db is not connection.db():
            install(connection.get_connection(name), connection.db().database_name)
    plain = uuid.UUID(bytes=worker_uuid.bytes)
    worker = data_manager.workers.get(plain)
    if worker is None:
        worker = Worker(plain)
        data_manager.workers.add(worker)
    notes = check_predecessor(worker, watch)
    incarnation = Incarnation(engine, plain, identity(), versions())
    connection.add(incarnation)
    notes += take_over(worker, "its process was gone", worker, incarnation)
    worker.engineUUID = engine
    worker.incarnation = incarnation
    if wishes.get("children") is not None:
        worker.thread.size = wishes["children"]
    for name in ("poll_seconds", "ping_interval", "ping_death_interval"):
        if wishes.get(name) is not None:
            setattr(worker, name, wishes[name])
    for queue in (data_manager.thread, data_manager.reactor):
        queue.retry_broken()
    worker.ping.write(float(worker.ping_interval + worker.ping_death_interval))
    return data_manager, worker, incarnation, notes


def check_predecessor(worker: Worker, watch: Watch) -> list[str]:
    """Whether the engine that the worker's record still names is gone; returns notes.

    Raises AlreadyServed while its process runs on this machine, ServedElsewhere while it may run on
    another one.
    """
    if worker.engineUUID is None:
        return []
    old = worker.incarnation
    if old is not None and old.engineUUID == worker.engineUUID and not old.is_over:
        alive = old.identity.is_alive() if worker._engine not in watch.stillborn else False
        where = f"process {old.identity.pid} on {old.identity.host}"
        since = to_datetime(old.started).isoformat(timespec="seconds")
        if alive:
            raise AlreadyServed(
                f"worker {worker.UUID} is served by {where} since {since}: stop it first "
                "(zcasync stop)"
            )
        if alive is None and watch.why_dead(worker) is None:
            raise ServedElsewhere(
                f"worker {worker.UUID} is served by {where} since {since}, which cannot be looked "
                f"at from here: if it stays silent it is taken for dead in "
                f"{watch.remaining(worker):.0f} s; zcasync release gives its claims up at once"
            )
    return [f"engine {worker.engineUUID} left without saying so: its work is taken over"]


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
    done = Done()
    pid = 0
    if dead.incarnation is not None:
        pid = dead.incarnation.identity.pid
        if not dead.incarnation.is_over:
            dead.incarnation.end(reason)
    death = Death(pid=pid, reason="its supervisor was gone")
    finished: list[Partial] = []
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


def end(connection: Any, worker: Worker, incarnation: Incarnation) -> int:
    """Lay the worker down: give unfinished claims back and end the incarnation, in one commit.

    Returns how many partials were given back.  A commit in doubt is looked up.
    """
    manager = connection.transaction_manager
    count = 0
    for attempt in range(TRIES):
        manager.begin()
        try:
            if incarnation.is_over:  # a commit that was in doubt is there, or we were buried
                return count
            count = give_all_back(worker.thread) + give_all_back(worker.reactor)
            worker.engineUUID = None
            incarnation.end("stopped")
            manager.commit()
        except NOT_COMMITTED:
            manager.abort()
            if attempt == TRIES - 1:
                raise
        except BaseException:
            manager.abort()
            raise
        else:
            return count
    raise AssertionError("unreachable")


def give_all_back(sequence: SizedSequence) -> int:
    """Let every unfinished claim wait again, without counting an interruption."""
    held = [partial for partial in sequence if broken(partial) is None]
    unfinished = [partial for partial in held if is_unfinished(partial)]
    recover(unfinished, None, Done())
    for one in sequence._lists:
        kept = tuple(
            partial for partial in one.items if partial not in held or partial._claim is not None
        )
        if len(kept) != len(one.items):
            one.items = kept
    return len(unfinished)
