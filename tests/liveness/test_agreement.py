"""One judge: start-up, an engine among its peers and an operator conclude the same from the same.

The table has every combination of what a record says, what can be seen of the process, and what a
watcher has seen.  Each cell is made anew for each of the three, who see the same of it.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from ZODB import DB
from ZODB.DemoStorage import DemoStorage

from tests.support import scenes
from tests.support.fixtures import with_manager
from tests.support.scenes import ELSEWHERE, Seconds, gone
from tests.support.sessions import ONE, TWO, Session
from zcasync.instance.home import Home
from zcasync.instance.lock import AlreadyServed
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.liveness.verdict import STALE, Verdict
from zcasync.liveness.watch import PROMISE_FACTOR, Watch
from zcasync.reports.workers import SupervisorProbe, workers
from zcasync.supervisor import registration
from zcasync.supervisor.poll.peers import Peers
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.workers.worker import Worker

PROMISE = 40.0
STEP = 5.0
#: So many looks are enough to bury.
MANY = int(PROMISE_FACTOR * PROMISE / STEP) + 2
#: The engine that is to begin, and one that nobody has ever run.
ENGINE, ANOTHER = uuid.UUID(int=77), uuid.UUID(int=99)
#: A database that other homes can reach.
SHARED = """
<zodb>
  <zeoclient>
    server 127.0.0.1:1
  </zeoclient>
</zodb>
"""


class Frozen(ProcessIdentity):
    """This process, as if a signal had stopped it."""

    def is_frozen(self) -> bool:
        return True


@dataclass(frozen=True)
class Process:
    """A process, and how old its pings are by this machine's clock when they are written."""

    identity: ProcessIdentity
    age: float = 0.0


HERE = ProcessIdentity.here()
CONTAINED = dataclasses.replace(HERE, pid_namespace="of another container", pid=77)
PROCESSES = {
    "lives": Process(HERE),
    "gone": Process(gone()),
    "frozen": Process(Frozen(**HERE.as_dict())),
    "elsewhere": Process(ELSEWHERE),
    "contained": Process(CONTAINED),
    "contained and late": Process(CONTAINED, 1000.0),
}


def _never_served(worker: Worker) -> None:
    worker.incarnation = worker.engineUUID = None


def _stopped(worker: Worker) -> None:
    worker.incarnation.end("stopped")
    worker.engineUUID = None


def _ended(worker: Worker) -> None:
    worker.incarnation.end("buried")


def _not_named(worker: Worker) -> None:
    worker.engineUUID = None


def _another_named(worker: Worker) -> None:
    worker.engineUUID = ANOTHER


def _unregistered(worker: Worker) -> None:
    worker.incarnation, worker.engineUUID = None, ANOTHER


#: What becomes of the record of a worker that is served.
RECORDS: dict[str, Callable[[Worker], None]] = {
    "served": lambda worker: None,
    "never served": _never_served,
    "stopped": _stopped,
    "ended but named": _ended,
    "none named": _not_named,
    "another named": _another_named,
    "unregistered": _unregistered,
}
#: When the watcher looks before the last time (in steps), and before which look a ping is written.
HISTORIES: dict[str, tuple[int, int | None]] = {
    "first look": (0, None),
    "silent for a moment": (3, None),
    "has just written": (3, 3),
    "has written, silent for a moment": (4, 2),
    "silent for too long": (MANY, None),
    "has written, silent for too long": (MANY + 2, 2),
}
ONLY_HOME = {"the only home": True, "one of several homes": False}


class Cell:
    """A worker in a database of its own, watched until one look before the last."""

    def __init__(
        self, db: DB, record: str, process: Process, history: tuple[int, int | None], alone: bool
    ) -> None:
        self.seconds = Seconds()
        self.watch = Watch(self.seconds, is_only_home=alone)
        self.session = Session(db)
        self._process = process
        self._worker = scenes.serve(self.session, ONE, process.identity, PROMISE)
        scenes.serve(self.session, TWO)
        RECORDS[record](self._worker)
        self._ping()
        looks, ping_before = history
        for number in range(looks + 1):
            if number == ping_before:
                self._ping()
            if number < looks:
                self.session.sync()
                self.watch.look(self._worker)
                self.seconds.advance(STEP)

    def _ping(self) -> None:
        self._worker.ping.write(PROMISE)
        self._worker.ping.monotonic -= self._process.age
        self.session.commit()

    def close(self) -> None:
        self.session.close()


@contextmanager
def made(cell: tuple[str, str, str, str]) -> Iterator[Cell]:
    """The cell, in a database in memory."""
    record, process, history, home = cell
    db = DB(DemoStorage())
    with_manager(db)
    one = Cell(db, record, PROCESSES[process], HISTORIES[history], ONLY_HOME[home])
    yield one
    one.close()
    db.close()


def of_operator(cell: Cell, home: Home) -> tuple[Verdict, str, bool]:
    """The verdict that ``zcasync ghosts --watch`` shows, its reason, whether it waits for silence.

    ``home``: the operator's.
    """
    cell.session.sync()
    reports = workers(cell.session.manager, home, SupervisorProbe(home, 0.1), cell.watch)
    (found,) = (one for one in reports if one["uuid"] == str(ONE))
    return Verdict(found["verdict"]), found["reason"], found["silence_limit"] is not None


def of_peer(cell: Cell) -> str | None:
    """The reason for which another engine buries the worker's engine, or None."""
    cell.session.sync()
    worker = cell.session.manager.workers[TWO]
    session = cell.session
    records = EngineRecords(session.connection, session.manager, worker, worker.incarnation)
    notes = Peers(records, cell.watch, cell.seconds).look()
    buried = [note.partition(" is buried: ") for note in notes if " is buried: " in note]
    return buried[0][2] if buried else None


def of_start(cell: Cell) -> type[AlreadyServed] | None:
    """What an engine that is to begin for the same worker raises, or None: it has begun."""
    try:
        registration.register(cell.session.connection, ONE, ENGINE, {}, cell.watch)
    except AlreadyServed as error:
        return type(error)
    return None


@pytest.fixture
def home(tmp_path: Path) -> Callable[[uuid.UUID, str], Home]:
    """Makes an operator's home, of the worker ``name``; ``kind``: see ``ONLY_HOME``."""

    def make(name: uuid.UUID, kind: str) -> Home:
        made = Home(tmp_path / f"{name}{ONLY_HOME[kind]}")
        if not made.path.exists():
            (made.path / "etc").mkdir(parents=True)
            (made.path / "etc" / "uuid.txt").write_text(str(name))
            if not ONLY_HOME[kind]:
                made.config_file.write_text(SHARED)
        return made

    return make


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("process", PROCESSES)
def test_an_operator_a_peer_and_a_start_conclude_the_same(
    home: Callable[[uuid.UUID, str], Home], record: str, process: str
) -> None:
    for cell in product([record], [process], HISTORIES, ONLY_HOME):
        with made(cell) as one:
            verdict, reason, is_unseen = of_operator(one, home(TWO, cell[-1]))
        with made(cell) as one:
            at_home, _, _ = of_operator(one, home(ONE, cell[-1]))
        with made(cell) as one:
            buried = of_peer(one)
        with made(cell) as one:
            refused = of_start(one)
        assert (at_home in STALE) == (verdict in STALE), cell
        assert buried == (reason if verdict in STALE else None), cell
        if verdict not in (Verdict.RUNNING, Verdict.SILENT):
            assert refused is None, cell
        elif is_unseen:
            assert refused is registration.ServedElsewhere, cell
        else:
            assert refused is AlreadyServed, cell


@pytest.mark.parametrize(
    ("cell", "verdict"),
    [
        (("served", "lives", "silent for too long", "one of several homes"), "running"),
        (("served", "elsewhere", "has just written", "one of several homes"), "running"),
        (("stopped", "lives", "first look", "the only home"), "stopped"),
        (("served", "gone", "first look", "one of several homes"), "ghost"),
        (("ended but named", "lives", "first look", "one of several homes"), "ghost"),
        (("served", "elsewhere", "first look", "the only home"), "ghost"),
        (("served", "elsewhere", "silent for a moment", "one of several homes"), "silent"),
        (("served", "contained and late", "first look", "one of several homes"), "silent"),
        (("served", "elsewhere", "silent for too long", "one of several homes"), "dead"),
        (("served", "frozen", "silent for too long", "the only home"), "dead"),
        (("unregistered", "lives", "first look", "one of several homes"), "dead"),
        (("another named", "lives", "silent for too long", "one of several homes"), "usurped"),
    ],
)
def test_the_table_has_every_verdict(
    home: Callable[[uuid.UUID, str], Home], cell: tuple[str, str, str, str], verdict: str
) -> None:
    with made(cell) as one:
        assert of_operator(one, home(TWO, cell[-1]))[0] == verdict
