"""What grows with what is there: a million jobs that wait, a million that are over, many clients.

Each figure is taken at several sizes: what is the same at all of them costs what is done, and what
grows is named in ``docs/sizing.rst``.  The jobs are made in bulk, in a file that nobody serves;
then it is looked at as it is, and a supervisor is started for it.
"""

from __future__ import annotations

import resource
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import psutil
import transaction

from bench import calls
from bench.bulk import fill, opened
from bench.place import Place, supervised
from bench.rows import Row, Say, middle
from bench.scale import Scale
from zcasync import import_path
from zcasync.datamanager import find
from zcasync.demo.hosting import remove, temporary_home
from zcasync.instance.home import Home
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.liveness.watch import Watch
from zcasync.reports.ended import ended
from zcasync.reports.selection import Selection
from zcasync.reports.walk import walk
from zcasync.reports.workers import queues
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassInput
from zcasync.supervisor.poll.poll_pass import Passes
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker

#: Between the figure and the size at which it was taken, in the names of rows.
AT = " | "
#: Of the processor: they do not depend on what else the machine is at.
SECONDS, MILLISECONDS, MICROSECONDS = "s of processor", "ms of processor", "us of processor"
LISTED = 20
PASSES = 50
PUTS = 200
MEBIBYTE = 1024 * 1024
#: These walk through everything, and a supervisor that has to serve meanwhile is not asked to.
WHOLE = (("check --deep", ("check", "--deep")), ("pack", ("pack",)))
WHOLE_SECONDS = 7200.0


@dataclass(frozen=True)
class Size:
    """So many jobs that wait, as many that are over, and the clients that have put them."""

    jobs: int
    clients: int

    def __str__(self) -> str:
        return f"{self.jobs:,} jobs, {self.clients:,} clients"


class Found:
    """Rows at one size."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.rows: list[Row] = []

    def add(self, name: str, value: float, unit: str) -> None:
        """Add a figure."""
        self.rows.append(Row(f"{name}{AT}{self.size}", value, unit))


def measure(scale: Scale, say: Say) -> list[Row]:
    """All figures at all sizes."""
    rows: list[Row] = []
    sizes = [Size(jobs, scale.few) for jobs in scale.masses]
    sizes += [Size(scale.masses[0], clients) for clients in scale.crowds]
    for size in sizes:
        home = temporary_home()
        try:
            found = Found(size)
            _at(home, found, lambda what, size=size: say(f"{size}: {what}"))
            rows += found.rows
        finally:
            remove(home)
    return rows


def _at(home: Home, found: Found, say: Say) -> None:
    over, waiting = fill(home, found.size.jobs, found.size.jobs, found.size.clients, say)
    found.add("database", home.data_fs.stat().st_size / 1e6, "MB")
    found.add("a job that waits, put in bulk", waiting / found.size.jobs, "bytes")
    found.add("a job that is over", over / found.size.jobs, "bytes")
    with opened(home) as db:
        _look(db, found, say)
        _pass(db, found, say)
    _serve(home, found, say)
    if found.size.clients == min(found.size.clients, 8):
        _walk(home, found, say)


@contextmanager
def _connected(db: Any) -> Iterator[Any]:
    connection = db.open(transaction.TransactionManager())
    connection.cacheMinimize()
    connection.getTransferCounts(True)
    try:
        yield connection
    finally:
        connection.transaction_manager.abort()
        connection.close()


#: What is asked of a database of which nothing is loaded; each returns anything.
QUESTIONS: dict[str, Callable[[Any], object]] = {
    "claim of 20": lambda manager: manager.thread.claim(bytes(16), LISTED),
    "status": lambda manager: (
        queues(manager),
        [ended(one.completed) for one in _workers(manager)],
    ),
    "jobs --limit 20": lambda manager: list(islice(walk(manager, Selection()), LISTED)),
    "jobs --state completed": lambda manager: list(
        islice(walk(manager, Selection(state="completed")), LISTED)
    ),
    "jobs --failed": lambda manager: list(islice(walk(manager, Selection(failed=True)), LISTED)),
}


def _workers(manager: Any) -> Any:
    return manager.workers.values()


def _look(db: Any, found: Found, say: Say) -> None:
    """The processor's time, and the records, of what is asked."""
    for name, question in QUESTIONS.items():
        say(name)
        took = []
        for _ in range(3):
            with _connected(db) as connection:
                manager = find(connection)
                began = time.process_time()
                question(manager)
                took.append(time.process_time() - began)
                loads = connection.getTransferCounts()[0]
        found.add(name, 1000 * middle(took), MILLISECONDS)
        found.add(f"{name}: loads", loads, "records")


def _pass(db: Any, found: Found, say: Say) -> None:
    """The first pass of a new engine, and those that find nothing to do."""
    say("passes")
    with _connected(db) as connection:
        manager: Any = find(connection)
        name = uuid.uuid4()
        worker = Worker(name)
        manager.workers.add(worker)
        worker.incarnation = Incarnation(uuid.uuid4(), name, ProcessIdentity.here())
        connection.add(worker.incarnation)
        worker.engineUUID = worker.incarnation.engineUUID
        connection.transaction_manager.commit()
        connection.cacheMinimize()
        connection.getTransferCounts(True)
        records = EngineRecords(connection, manager, worker, worker.incarnation)
        passes = Passes(records, Watch(time.monotonic), Environment())
        passes.run(PassInput())
        found.add("first pass: loads", connection.getTransferCounts(True)[0], "records")
        passes.run(PassInput())
        began = time.process_time()
        for _ in range(PASSES):
            passes.run(PassInput())
        found.add(
            "a pass with nothing to do", 1e6 * (time.process_time() - began) / PASSES, MICROSECONDS
        )
        found.add("a later pass: loads", connection.getTransferCounts(True)[0], "records")
        connection.transaction_manager.begin()
        del manager.workers[name]
        connection.transaction_manager.commit()


def _serve(home: Home, found: Found, say: Say) -> None:
    """A supervisor's start, puts beside what waits, its drain, and what memory it takes."""
    say("start")
    with supervised(home, 2):
        place = Place(home)
        try:
            status = place.status()
            for name, pid in (("supervisor", status["pid"]), ("server", status["server_pid"])):
                found.add(f"start of the {name}", _processor(psutil.Process(pid)), SECONDS)
            _drain(place, found, say)
        finally:
            place.close()


def _drain(place: Place, found: Found, say: Say) -> None:
    say("puts")
    status = place.status()
    place.put(calls.noop, 1)  # which makes a lane
    began = time.process_time()
    place.put(calls.noop, PUTS)
    found.add("put", 1000 * (time.process_time() - began) / PUTS, MILLISECONDS)
    say("drain")
    supervisor, server = (psutil.Process(status[one]) for one in ("pid", "server_pid"))
    before, used = status["passes"]["claimed"], _processor(supervisor)
    server_used = _processor(server)
    place.sync()
    place.manager.thread.resume()
    place.commit()
    place.wait_until(lambda: _claimed(place) - before >= min(3000, found.size.jobs), "jobs to run")
    claimed = _claimed(place) - before
    found.add("supervisor, for each job", 1000 * (_processor(supervisor) - used) / claimed,
              MILLISECONDS)  # fmt: skip
    found.add("server, for each job", 1000 * (_processor(server) - server_used) / claimed,
              MILLISECONDS)  # fmt: skip
    found.add("memory of the supervisor", supervisor.memory_full_info().uss / MEBIBYTE, "MiB")
    found.add("memory of the server", server.memory_full_info().uss / MEBIBYTE, "MiB")


def _claimed(place: Place) -> int:
    return int(place.status()["passes"]["claimed"])


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _walk(home: Home, found: Found, say: Say) -> None:
    """What has to look at everything."""
    for name, words in WHOLE:
        say(name)
        before = _of_children()
        subprocess.run(
            [*import_path.python("-m", "zcasync.cli.main"), *words, "--home", str(home.path),
             "--timeout", str(WHOLE_SECONDS)],
            env=import_path.environment(),
            check=True,
            capture_output=True,
            timeout=WHOLE_SECONDS,
        )  # fmt: skip
        found.add(name, _of_children() - before, SECONDS)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
