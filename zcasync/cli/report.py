"""What ``status`` and ``ghosts`` show: the supervisor's own word, the records, the verdicts."""

from __future__ import annotations

import uuid
from typing import Any

from zcasync.cli.describe import identity
from zcasync.cli.listing import claimed
from zcasync.errors import NotRunning, StorageAway
from zcasync.home import Home
from zcasync.identity import Identity
from zcasync.instanceuuid import readUUID
from zcasync.protocol.control import ControlClient
from zcasync.supervisor.home_lock import read as read_holder
from zcasync.verdicts import STALE, Sighting, Verdict, judge


class Supervisor:
    """What can be known of a home's supervisor without its database."""

    def __init__(self, home: Home, timeout: float) -> None:
        self.status: dict[str, Any] | None = None  # what it says; None: it does not answer
        self.silence: str | None = None  # why it does not, where its process lives
        holder = read_holder(home)
        self.is_alive: bool | None = False  # None: cannot be known from here
        self.pid: int | None = None
        if holder is not None:
            self.is_alive = Identity.from_dict(holder).is_alive()
            self.pid = holder["pid"] if self.is_alive else None
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
        """What it means for the worker of this home."""
        engine = None
        # Before it is written on the worker, and after it was laid down, the engine is no news.
        if self.status is not None and self.status["wakeup"] and self.status["engine"]:
            engine = uuid.UUID(self.status["engine"])
        return Sighting(engine, self.pid, self.is_alive)

    def as_dict(self) -> dict[str, Any]:
        """For ``status --json``."""
        said = self.status or {}
        return {
            "running": bool(self.is_alive),
            "pid": self.pid,
            "engine": said.get("engine"),
            "waiting_for": said.get("waiting_for") or self.silence,
            "boot_problem": said.get("boot_problem"),
            "boot": said.get("boot"),
            "server_pid": said.get("server_pid"),
        }


def ask(home: Home, timeout: float) -> dict[str, Any]:
    """The status that the supervisor of a home reports.  Raises NotRunning, StorageAway."""
    client = ControlClient(home.control_socket, timeout)
    try:
        return client.status()
    finally:
        client.close()


def without_database(home: Home, supervisor: Supervisor) -> dict[str, Any]:
    """The part of the status that needs no database."""
    own = readUUID(home.path)
    return {
        "home": str(home.path),
        "instance": None if own is None else str(own),
        "wakeup": None if supervisor.status is None else supervisor.status["wakeup"],
        "supervisor": supervisor.as_dict(),
        "queues": None,
        "workers": None,
    }


def queues(manager: Any) -> dict[str, dict[str, int]]:
    """How much waits."""
    found = {}
    for name in ("thread", "reactor"):
        queue = None if manager is None else manager.queue(name)
        held = 0 if queue is None else queue.count_held()
        found[name] = {"due": 0 if queue is None else max(0, len(queue) - held), "held": held}
    return found


def workers(manager: Any, home: Home, supervisor: Supervisor) -> list[dict[str, Any]]:
    """Every worker with the verdict on its engine; the one of this home first."""
    own = readUUID(home.path)
    found = [] if manager is None else manager.workers.values()
    reports = []
    for worker in sorted(found, key=lambda one: own != one.UUID):
        reports.append(_worker(worker, supervisor if own == worker.UUID else None))
    return reports


def _worker(worker: Any, supervisor: Supervisor | None) -> dict[str, Any]:
    """``supervisor``: the one of this home when the worker is this home's."""
    judgement = judge(worker, None if supervisor is None else supervisor.sighting)
    engine = worker.engineUUID
    return {
        "uuid": str(worker.UUID),
        "engine": None if engine is None else str(engine),
        "host": judgement.host,
        "pid": judgement.pid,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "since": None if judgement.since is None else judgement.since.isoformat(),
        "is_here": supervisor is not None,
        "last_ping": None if worker.last_ping is None else worker.last_ping.isoformat(),
        "thread": {"size": worker.thread.size, "len": len(worker.thread)},
        "reactor": {"size": worker.reactor.size, "len": len(worker.reactor)},
        "completed": len(worker.completed),
        "children": None if supervisor is None else _children(worker, supervisor),
    }


def _children(worker: Any, supervisor: Supervisor) -> list[dict[str, Any]] | None:
    """The children of this home's worker; None where a supervisor lives and does not tell."""
    if supervisor.status is None:
        return None if supervisor.is_alive else []
    name = identity(worker).rpartition(":")[0]
    children: list[dict[str, Any]] = supervisor.status["children"]
    if name:
        # The supervisor speaks of oids alone: an id in a second database has its name in front.
        children = [{**one, "job": one["job"] and f"{name}:{one['job']}"} for one in children]
    return children


def stale(reports: list[dict[str, Any]], manager: Any) -> list[dict[str, Any]]:
    """The reports on workers with a stale engine, with the ids of the jobs that they hold."""
    found = []
    for report in reports:
        if Verdict(report["verdict"]) in STALE:
            worker = manager.workers[uuid.UUID(report["uuid"])]
            found.append({**report, "jobs": [identity(one) for one in claimed(worker)]})
    return found
