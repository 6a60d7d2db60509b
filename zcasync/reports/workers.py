"""The data of ``status`` and ``ghosts``: the supervisor's answer, the records, the verdicts."""

from __future__ import annotations

import uuid
from dataclasses import replace
from functools import cached_property
from typing import Any

from zcasync import clock
from zcasync.errors import NotRunning, StorageAway
from zcasync.instance.home import Home
from zcasync.instance.lock import read as read_holder
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.instance.stopped import stopped_supervisor
from zcasync.instanceuuid import readUUID
from zcasync.liveness.verdict import STALE, Judgement, Sighting, Verdict, judge, judge_holder
from zcasync.liveness.watch import Silence, Watch
from zcasync.queues.absent import count
from zcasync.reports.alive import is_alive
from zcasync.reports.alive import is_alone as is_alone
from zcasync.reports.claimed import claimed_by_queue
from zcasync.reports.control_connection import connect
from zcasync.reports.ended import ended
from zcasync.reports.job import identity
from zcasync.reports.lingering import noted
from zcasync.reports.listing import claimed, oldest_due
from zcasync.reports.space import database
from zcasync.reports.walk import chosen
from zcasync.workers.claims_snapshot import Claims
from zcasync.workers.claims_snapshot import read as read_snapshot
from zcasync.workers.worker import Worker

QUEUES = ("thread", "reactor")
#: No more missing names than these are listed, those first that most jobs lack.
MOST_MISSING = 20


class SupervisorProbe:
    """The facts about a home's supervisor that can be known without its database."""

    def __init__(self, home: Home, timeout: float) -> None:
        self._home = home
        self.status: dict[str, Any] | None = None  # its answer; None: it does not answer
        self.silence: str | None = None  # why it does not answer, where its process lives
        self.worker = readUUID(home.path)
        self.holder = read_holder(home)
        self.is_alive: bool | None = False  # None: cannot be known from here
        self.pid: int | None = None
        if self.holder is not None:
            self.is_alive = is_alive(home, ProcessIdentity.from_dict(self.holder))
            self.pid = self.holder["pid"] if self.is_alive else None
        self.moment = clock.now()  # what it answers is no older
        try:
            self.status = ask(home, timeout)
        except NotRunning:
            if self.is_alive:
                self.silence = "its process lives, but is not to be reached on its control socket"
        except StorageAway as error:
            self.silence = str(error)
        if self.status is not None:
            self.is_alive, self.pid = True, self.status["pid"]

    @property
    def sighting(self) -> Sighting:
        """The supervisor as evidence on the engine of this home's worker."""
        engine = None
        # Before the engine is recorded on the worker, and after it has ended, it proves nothing.
        if self.status is not None and self.status["wakeup"] and self.status["engine"]:
            engine = uuid.UUID(self.status["engine"])
        return Sighting(engine, self.pid, self.is_alive)

    def sighting_of(self, worker: Worker) -> Sighting:
        """Return what the supervisor proves for a worker, of this home or of another one."""
        if self.worker != worker.UUID:
            return Sighting(is_only_home=self._is_only_home)
        # Who cannot tell whether this home is held knows nothing of the engine that would hold it.
        is_known = self.is_alive is not None
        return replace(self.sighting, is_only_home=is_known and self._is_only_home)

    @cached_property
    def _is_only_home(self) -> bool:
        return self.worker is not None and is_alone(self._home)

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as ``status --json`` has them."""
        said = self.status or {}
        return {
            "running": bool(self.is_alive),
            "pid": self.pid,
            "engine": said.get("engine"),
            "waiting_for": said.get("waiting_for") or self.silence,
            "max_children": said.get("max_children"),
            "boot_problem": said.get("boot_problem"),
            "boot": said.get("boot"),
            "reload": said.get("reload"),
            "server_pid": said.get("server_pid"),
            "passes": said.get("passes"),
            "clocks": said.get("clocks"),
        }


def ask(home: Home, timeout: float) -> dict[str, Any]:
    """Return the status that a home's supervisor reports.  Raises NotRunning, StorageAway."""
    _require_awake(home)
    try:
        client = connect(home, timeout)
        try:
            return client.status()
        finally:
            client.close()
    except StorageAway:
        _require_awake(home)  # it may have been stopped meanwhile
        raise


def _require_awake(home: Home) -> None:
    """Raise StorageAway where a signal has stopped the supervisor: it can be asked nothing."""
    told = stopped_supervisor(home)
    if told is not None:
        raise StorageAway(told)


def without_database(home: Home, supervisor: SupervisorProbe) -> dict[str, Any]:
    """Return the part of the status that needs no database."""
    own = supervisor.worker
    return {
        "home": str(home.path),
        "instance": None if own is None else str(own),
        "wakeup": None if supervisor.status is None else supervisor.status["wakeup"],
        "supervisor": supervisor.as_dict(),
        "database": database(home),
        "queues": None,
        "workers": None,
    }


def queues(manager: Any) -> dict[str, dict[str, Any]]:
    """Return how much waits in each queue, and the job there that is due for longest."""
    if manager is None:
        return {name: _queue(0, 0, {}) for name in QUEUES}
    found = {}
    for name, queue in manager.queues.items():
        held, lacking = queue.count_held(), count(queue)
        due = max(0, len(queue) - held - sum(one.waiting for one in lacking.values()))
        jobs = {lack: one.waiting + one.callbacks for lack, one in lacking.items()}
        found[name] = _queue(due, held, jobs, oldest_due(queue) if due else None)
        found[name]["paused"] = queue.is_paused
    if len(found) > len(QUEUES):  # else the claims of a worker are those of one queue
        claimed = claimed_by_queue(manager)
        for name, queue in found.items():
            queue["claimed"] = claimed.get(name, 0)
    return found


def _queue(
    due: int, held: int, lacking: dict[str, int], oldest: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the figures of a queue; ``lacking``: set aside, by the name that is missing."""
    most = sorted(lacking.items(), key=lambda one: (-one[1], one[0]))
    return {
        "due": due,
        "held": held,
        "set_aside": sum(lacking.values()),
        "missing": [{"name": name, "jobs": jobs} for name, jobs in most[:MOST_MISSING]],
        "oldest_due": oldest,
        "paused": False,
    }


def workers(
    manager: Any,
    home: Home | None,
    supervisor: SupervisorProbe,
    watch: Watch | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return every worker with the verdict on its engine; the one of this home first.

    ``limit``: no more than so many, those with an engine before others.  ``watch``: takes one more
    sample of each engine; None for a single sample.
    """
    own = supervisor.worker
    if manager is None:
        return []
    found = manager.workers.values() if limit is None else chosen(manager, limit, own)
    reports = []
    for worker in sorted(found, key=lambda one: own != one.UUID):
        silence = None if watch is None else watch.look(worker)
        reports.append(_worker(worker, supervisor, silence))
    return reports


def _worker(worker: Worker, supervisor: SupervisorProbe, silence: Silence | None) -> dict[str, Any]:
    judgement = judge(worker, supervisor.sighting_of(worker), silence)
    is_here = supervisor.worker == worker.UUID
    incarnation = worker.incarnation
    children = _children(supervisor, identity(worker).rpartition(":")[0]) if is_here else None
    if children:
        children = noted(children, worker._p_jar, supervisor.moment)
    return {
        "uuid": str(worker.UUID),
        **engine_facts(worker.engineUUID, judgement),
        "is_here": is_here,
        "ephemeral": worker.ephemeral,
        "last_ping": None if worker.last_ping is None else worker.last_ping.isoformat(),
        "thread": {"size": worker.thread.size, "len": len(worker.thread)},
        "reactor": {"size": worker.reactor.size, "len": len(worker.reactor)},
        **ended(worker.completed),
        "children": children,
        "versions": None if incarnation is None else incarnation.versions,
        "source": "database",
    }


def engine_facts(engine: uuid.UUID | str | None, judgement: Judgement) -> dict[str, Any]:
    """Return what is known of an engine, as all reports on workers have it."""
    return {
        "engine": str(engine) if engine else None,
        "host": judgement.host,
        "pid": judgement.pid,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "since": None if judgement.since is None else judgement.since.isoformat(),
        "overdue": judgement.overdue,
        "silence_limit": judgement.limit,
    }


def own_from_files(home: Home, supervisor: SupervisorProbe) -> dict[str, Any] | None:
    """Return the worker of this home by the files of its last start; None: they do not suffice.

    It has the form of ``workers``, with ``jobs``.  What only the database knows is None.
    """
    own, holder = supervisor.worker, supervisor.holder
    if own is None or holder is None:
        return None
    held = read_snapshot(home)
    if held is not None and held.engine != holder["engine"]:
        held = None  # of another engine
    return {
        "uuid": str(own),
        **engine_facts(holder["engine"], judge_holder(supervisor.sighting, holder)),
        "is_here": True,
        "last_ping": None,
        "thread": _claims(held.thread if held else None),
        "reactor": _claims(held.reactor if held else None),
        **dict.fromkeys(("ephemeral", "completed", "succeeded", "failed", "cancelled")),
        "children": _children(supervisor, held.database if held else ""),
        "versions": None,
        "source": "files",
        "jobs": held.jobs if held else [],
        "jobs_known": held is not None,
    }


def _claims(held: Claims | None) -> dict[str, Any]:
    """Return claims in the form of a worker's sequence."""
    if held is None:
        return {"size": None, "len": None}
    return {"size": held.size, "len": len(held.ids(""))}


def _children(supervisor: SupervisorProbe, database: str) -> list[dict[str, Any]] | None:
    """Return the children of this home's worker; None: a supervisor lives, without an answer."""
    if supervisor.status is None:
        return None if supervisor.is_alive else []
    children: list[dict[str, Any]] = supervisor.status["children"]
    if database:
        # The supervisor reports oids alone: an id in a second database has its name in front.
        children = [{**one, "job": one["job"] and f"{database}:{one['job']}"} for one in children]
    return children


def stale(reports: list[dict[str, Any]], manager: Any) -> list[dict[str, Any]]:
    """Return the reports on workers with a stale engine, with the ids of the jobs they hold."""
    found = []
    for report in reports:
        if Verdict(report["verdict"]) in STALE:
            worker = manager.workers[uuid.UUID(report["uuid"])]
            jobs = [identity(one) for one in claimed(worker)]
            found.append({**report, "jobs": jobs, "jobs_known": True})
    return found
