"""Taking up and laying down a worker: the transactions at the two ends of an engine's life."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from ZODB.POSException import ConflictError

from zcasync.clock import to_datetime
from zcasync.database.commit_once import commit_once
from zcasync.database.sync import main_database
from zcasync.database.waiting import LimitedWait
from zcasync.datamanager import DataManager, find, install
from zcasync.errors import HistoryChanged
from zcasync.events import Told, is_heard, tell_after_commit
from zcasync.instance.lock import AlreadyServed
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.instance.versions import versions
from zcasync.interfaces import IWorkerDownEvent, IWorkerUpEvent, WorkerDown, WorkerUp
from zcasync.liveness.takeover import release_all, take_over
from zcasync.liveness.verdict import Judgement, Verdict, judge_watched
from zcasync.liveness.watch import Watch
from zcasync.workers.fence import fence
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker

TRIES = 10
#: These commits wait this long for a storage that is away, seconds: a stop must not take longer.
PATIENCE = 2.0


class ServedElsewhere(AlreadyServed):
    """An engine that cannot be looked at from here serves this worker; its silence will tell."""


def register(
    connection: Any,
    worker_uuid: uuid.UUID,
    engine: uuid.UUID,
    wishes: dict[str, Any],
    watch: Watch,
    identity: Callable[[], ProcessIdentity] = ProcessIdentity.here,
    home: str | None = None,
) -> tuple[DataManager, Worker, Incarnation, list[str]]:
    """Install what is missing and write the new incarnation; returns notes for the log too.

    ``wishes``: configured values for the worker's record (``children`` is its thread size);
    ``home``: the path of the supervisor's.
    Raises AlreadyServed when a live process serves the worker, ServedElsewhere when one on another
    machine may: call it again with the same ``watch`` until that has been silent for too long.
    A commit in doubt is looked up; InDoubt where that cannot be done soon: the engine has not begun
    then, and another one takes over what may be its record.
    """
    manager = connection.transaction_manager
    told = Told()

    def change() -> tuple[bytes, list[str]]:
        incarnation = Incarnation(engine, _plain(worker_uuid), identity(), versions())
        if home is not None:
            incarnation.home = home
        with told.anew():
            notes = _register(connection, incarnation, wishes, watch)
        return incarnation._p_oid, notes

    def is_there(made: tuple[bytes, list[str]]) -> bool:
        return _has_incarnation(connection, made[0], engine)

    wait = LimitedWait(connection.db(), PATIENCE)
    try:
        oid, notes = commit_once(manager, change, is_there, tries=TRIES, storage_lost=wait)
    except ConflictError:
        raise
    except BaseException:
        watch.stillborn.add(engine)
        raise
    incarnation = connection.get(oid)
    fence(connection, incarnation)
    data_manager = find(connection)
    assert data_manager is not None
    if told.tell():
        manager.abort()
    return data_manager, data_manager.workers[_plain(worker_uuid)], incarnation, notes


def _has_incarnation(connection: Any, oid: bytes, engine: uuid.UUID) -> bool:
    """Return whether the record is an incarnation of this engine."""
    try:
        found = connection.get(oid)
    except KeyError:
        return False
    return isinstance(found, Incarnation) and found.engineUUID == engine


def _plain(worker: uuid.UUID) -> uuid.UUID:
    """Return a UUID that is of no subclass, which could not be loaded elsewhere."""
    return uuid.UUID(bytes=worker.bytes)


def _register(
    connection: Any, incarnation: Incarnation, wishes: dict[str, Any], watch: Watch
) -> list[str]:
    data_manager = install(connection)
    main = main_database(connection.db())
    if main is not None and main is not connection.db():
        install(connection.get_connection(main.database_name), connection.db().database_name)
    worker = data_manager.workers.get(incarnation.worker)
    if worker is None:
        worker = Worker(incarnation.worker)
        data_manager.workers.add(worker)
    notes = check_predecessor(worker, watch)
    incarnation.claims = worker.thread
    connection.add(incarnation)
    notes += take_over(worker, "its process was gone", worker, incarnation)
    worker.engineUUID = incarnation.engineUUID
    worker.incarnation = incarnation
    if wishes.get("children") is not None:
        worker.thread.size = wishes["children"]
    if wishes.get("queues") is not None:
        worker.queues = wishes["queues"]
    notes += [
        f"this worker serves the queue {name}, and there is none with that name yet: make it with "
        f"zcasync queue {name} --add"
        for name in worker.queues or ()
        if name not in data_manager.queues
    ]
    if worker.ephemeral != bool(wishes.get("ephemeral")):
        worker.ephemeral = not worker.ephemeral
    for name in ("poll_seconds", "ping_interval", "ping_death_interval"):
        if wishes.get(name) is not None:
            setattr(worker, name, wishes[name])
    for queue in data_manager.queues.values():
        queue.retry_broken()
    worker.ping.write(float(worker.ping_interval + worker.ping_death_interval))
    watch.begun.add(incarnation.engineUUID)
    if is_heard(IWorkerUpEvent):
        tell_after_commit(WorkerUp(worker.UUID, incarnation.engineUUID))
    return notes


def own_incarnation(connection: Any, oid: bytes, engine: uuid.UUID) -> Incarnation:
    """Return the incarnation that an engine has written at its start.

    Raises HistoryChanged where the database does not have it.
    """
    if not _has_incarnation(connection, oid, engine):
        raise HistoryChanged(
            f"the record of engine {engine} is not in the database: an older backup was restored, "
            "or it is another database; nothing more is committed, and this process has to be "
            "started again, so that it begins with empty caches"
        )
    return connection.get(oid)  # type: ignore[no-any-return]


def check_predecessor(worker: Worker, watch: Watch) -> list[str]:
    """Require that no engine serves the worker any more; returns notes.

    Raises AlreadyServed while its process runs on this machine, ServedElsewhere while it may run on
    another one.  One that lives although the record does not name it is no hindrance: it stops as
    soon as it finds out.
    """
    judgement = judge_watched(worker, watch)
    if judgement.verdict in (Verdict.RUNNING, Verdict.SILENT):
        raise _refusal(worker, judgement)
    if worker.engineUUID is None:
        return []
    return [f"engine {worker.engineUUID} left without saying so: its work is taken over"]


def _refusal(worker: Worker, judgement: Judgement) -> AlreadyServed:
    """Return the error to raise for an engine that lives, or may live."""
    assert worker.incarnation is not None
    since = to_datetime(worker.incarnation.started).isoformat(timespec="seconds")
    where = f"process {judgement.pid} on {judgement.host} since {since}"
    if judgement.remaining is None:
        return AlreadyServed(
            f"worker {worker.UUID} is served by {where}: stop it first (zcasync stop)"
        )
    return ServedElsewhere(
        f"worker {worker.UUID} is served by {where}, which cannot be looked at from here: if it "
        f"stays silent it is taken for dead in {judgement.remaining:.0f} s; zcasync release gives "
        "its claims up at once"
    )


def deregister(connection: Any, worker: Worker, incarnation: Incarnation) -> int:
    """Release unfinished claims and end the incarnation, in one commit; remove what is ephemeral.

    Returns how many partials were given back.  A commit in doubt is looked up.
    """

    told = Told()

    def change() -> int:
        if incarnation.is_over:  # it was buried
            return 0
        count = release_all(worker.thread) + release_all(worker.reactor)
        worker.engineUUID = None
        incarnation.end("stopped")
        with told.anew():
            if is_heard(IWorkerDownEvent):
                tell_after_commit(WorkerDown(worker.UUID, incarnation.engineUUID, "stopped"))
        if worker.is_removable and (manager := find(connection)) is not None:
            manager.workers.remove(worker)
        return count

    count = commit_once(
        connection.transaction_manager,
        change,
        lambda count: incarnation.is_over,
        tries=TRIES,
        storage_lost=LimitedWait(connection.db(), PATIENCE),
    )
    told.tell()
    return count
