"""A supervisor in a temporary home, with a client of its database."""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import transaction

import zcasync
from bench.rows import middle
from zcasync.datamanager import find
from zcasync.demo.hosting import OwnSupervisor, remove, temporary_home
from zcasync.instance.home import Home
from zcasync.interfaces import COMPLETED
from zcasync.protocol.control_client import ControlClient
from zcasync.zeo.bulk_load import load_all

#: What is waited for longer than this does not come any more.
PATIENCE_SECONDS = 300.0
#: How often a waiting client looks; seldom, because the machine has other things to do.
LOOK_SECONDS = 0.01


class Place:
    """A served home, and a connection to its database with a transaction manager of its own."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.gate = home.path / "gate"
        self.gate.touch()
        self.transactions = transaction.TransactionManager()
        self.db = zcasync.open(home.path)
        self.connection = self.db.open(transaction_manager=self.transactions)
        self.manager: Any = find(self.connection)
        self._uuid = UUID(home.uuid_file.read_text().strip())

    @property
    def worker(self) -> Any:
        """The record of this home's worker."""
        return self.manager.workers[self._uuid]

    def commit(self) -> None:
        """Commit what the client has done."""
        self.transactions.commit()

    def sync(self) -> None:
        """See what others have committed."""
        self.transactions.begin()

    def put(self, call: Any, count: int, **options: Any) -> list[Any]:
        """Put the same call several times, each with a commit of its own."""
        partials = []
        for _ in range(count):
            partials.append(self.manager.thread.put(call, **options))
            self.transactions.commit()
        return partials

    def wait_until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until the condition, asked in a new transaction each time, is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        self.sync()
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {PATIENCE_SECONDS:g} s for {what}: {self.status()}")
            time.sleep(LOOK_SECONDS)
            self.sync()

    def wait_for(self, partials: list[Any]) -> None:
        """Wait until all are completed and loaded, and nothing is claimed any more."""
        self.wait_until(lambda: partials[-1].state == COMPLETED, "the last job")
        self.wait_until(lambda: not len(self.worker.thread), "the jobs to be retired")
        load_all(self.connection, [partial._p_oid for partial in partials])
        assert all(partial.state == COMPLETED for partial in partials)

    def status(self) -> dict[str, Any]:
        """What the supervisor says of itself."""
        client = ControlClient(self.home.control_socket, 30.0)
        try:
            return client.status()
        finally:
            client.close()

    def children(self, *states: str) -> list[dict[str, Any]]:
        """The children that are in one of these states."""
        return [child for child in self.status()["children"] if child["state"] in states]

    def resize(self, size: int) -> None:
        """Let so many children work, or pause with 0; returns when it is so."""
        self.sync()
        self.worker.thread.size = size
        self.commit()
        at_work = ("booting", "idle", "busy", "stopping") if size == 0 else ("idle", "busy")
        self.wait_until(lambda: len(self.children(*at_work)) == size, f"{size} children")

    @contextmanager
    def held_up(self, *others: Place) -> Iterator[None]:
        """Inside, each child waits at the gate, so that what is put meanwhile begins behind it.

        ``others``: of the same database, whose children wait there, too.
        """
        from bench import calls

        with self.gate.open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            size = sum(one.worker.thread.size for one in (self, *others))
            waiting = [self.manager.thread.put(zcasync.Partial(calls.pass_gate, str(self.gate)))
                       for _ in range(size)]  # fmt: skip
            self.commit()
            self.wait_until(
                lambda: sum(one.at_work() for one in (self, *others)) == size,
                "children at the gate",
            )
            yield
        self.wait_until(lambda: waiting[-1].state == COMPLETED, "the children to pass the gate")

    def at_work(self) -> int:
        """Return how many children have a job, those included that are replaced behind it."""
        return sum(one["job"] is not None for one in self.children("busy", "stopping"))

    def close(self) -> None:
        """Hang up."""
        self.transactions.abort()
        self.connection.close()
        self.db.close()


@contextmanager
def supervised(home: Home, children: int) -> Iterator[OwnSupervisor]:
    """A supervisor of a home, ready; stopped in the end."""
    supervisor = OwnSupervisor(home, children)
    try:
        supervisor.wait_until_ready()
        yield supervisor
    except BaseException:
        print("\n".join(supervisor.last_lines()), file=sys.stderr)
        raise
    finally:
        supervisor.stop()


@contextmanager
def served(children: int = 2, config: str | None = None) -> Iterator[Place]:
    """A new home with a supervisor of its own and that many children; removed in the end.

    ``config``: its ``etc/zcasync.conf``; None: it has the embedded default.
    """
    home = temporary_home()
    try:
        if config is not None:
            home.create()
            home.config_file.write_text(config)
        with supervised(home, children):
            place = Place(home)
            try:
                place.wait_until(lambda: len(place.children("idle")) == children, "the children")
                yield place
            finally:
                place.close()
    finally:
        remove(home)


def neighbour(place: Place, folder: Path) -> Home:
    """Another home whose configuration names the database server of ``place``."""
    home = Home(folder)
    home.create()
    home.config_file.write_text(
        f"<zodb>\n  <zeoclient>\n    server {place.home.zeo_socket}\n  </zeoclient>\n</zodb>\n"
    )
    return home


def timed(action: Callable[[], Any]) -> float:
    """How long it takes, seconds."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


class Levels:
    """Raw commits a second, measured again and again between other measures."""

    def __init__(self, place: Place, commits: int) -> None:
        from bench.floor import rate

        self._measure = lambda: rate(place.connection, commits)
        self._before = self._measure()
        self.all = [self._before]

    def around(self) -> float:
        """The level around what was done since the last time: the middle of before and after."""
        before, self._before = self._before, self._measure()
        self.all.append(self._before)
        return (before + self._before) / 2

    @property
    def level(self) -> float:
        """The middle of all."""
        return middle(self.all)
