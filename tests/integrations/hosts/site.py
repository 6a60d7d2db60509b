"""A site of four hosts: the storage's, the web's, and two with two supervisors each.

Its claims: nothing is lost, nothing done twice, nobody buried who lives, and it works afterwards.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from persistent.list import PersistentList
from persistent.timestamp import TimeStamp

from tests.jobs import basic as jobs
from tests.support.clocks import WrongClock
from tests.support.hosts.host import Host
from tests.support.hosts.network import Network, Wire
from tests.support.hosts.workers import DatabaseServer, Web, Worker
from zcasync import Partial
from zcasync.authority import Authority
from zcasync.interfaces import COMPLETED

SEED = 4711
#: So that tests take seconds: an engine that has claims promises to write within 6 s, and is dead
#: after 7.5 s of silence.
SILENCE = 7.5
#: Of the database server: a client that hangs in the middle of a commit is cut off.
TRANSACTION_TIMEOUT = 5
CONFIG = """
%import ZEO
<zodb>
  <clientstorage>
    {servers}
    <ssl>
      certificate {tls}/client.pem
      key {tls}/client.key
      authenticate {tls}/ca.pem
    </ssl>
  </clientstorage>
</zodb>
<zcasync>
  ping-interval 3
  ping-death-interval 3
  poll-seconds 1
  zeo-heartbeat {heartbeat}
  grace-period 5
  spare false
</zcasync>
"""
#: How long one job of a batch takes.
JOB_SECONDS = 0.2
#: For all that has to come right after the worst.
LONG = 90.0

#: A burial comes no later than this after the silence is long enough: ten times what it takes.
LATE = 15.0

Batch = Sequence[tuple[Partial, jobs.Counter]]


def moment_of(record: Any) -> float:
    """When a record was written, in seconds by the clock of the database's server."""
    record._p_activate()
    return TimeStamp(record._p_serial).timeTime()


class Site:
    """The hosts and what runs on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = Network(SEED)
        names = ("storage", "web", "first", "second")
        self.addresses = {name: f"10.77.0.{number}" for number, name in enumerate(names, 1)}
        self.hosts = {
            name: Host(self.network, name, address, folder)
            for name, address in self.addresses.items()
        }
        self.clocks = {name: WrongClock(folder / name / "clock") for name in names}
        (folder / "database").mkdir()
        self._authority = Authority(folder / "tls")
        self._authority.make("a site of several hosts")
        places = [self.addresses[name] for name in ("storage", "web")]
        tls = self._authority.server(["storage", *places], days=1).folder
        self.server = DatabaseServer(
            folder / "database", tls, self.clocks["storage"], TRANSACTION_TIMEOUT
        )
        self.workers = [
            Worker(
                self.hosts[host],
                f"{host}-{letter}",
                self.configuration(host, "storage"),
                self.clocks[host],
            )
            for host in ("first", "second")
            for letter in "ab"
        ]
        self._numbers = itertools.count()
        self._web: Web | None = None

    def configuration(self, host: str, *servers: str) -> str:
        """The configuration of a home on a host, with a certificate of the host's own."""
        tls = self._authority.client(host, days=1).folder
        return CONFIG.format(
            servers="\n".join(f"server {one}:8100" for one in servers),
            tls=tls,
            heartbeat=20 if host == "web" else 2,  # this process does not try again as workers do
        )

    def start(self) -> None:
        """Boot the hosts and start all that runs on them."""
        for host in self.hosts.values():
            host.boot()
            host.know(self.addresses)
        self.server.start(self.hosts["storage"])
        for worker in self.workers:
            worker.launch()
        for worker in self.workers:
            worker.wait_until_ready()

    @property
    def web(self) -> Web:
        """The web application; it knows both addresses that the server may have."""
        if self._web is None:
            places = [self.addresses[name] for name in ("storage", "web")]
            config = self.configuration("web", *places)
            self._web = Web(self.hosts["web"], self.folder / "web" / "home", config)
        return self._web

    def of(self, host: str) -> list[Worker]:
        """The workers of a host."""
        return [worker for worker in self.workers if worker.host.name == host]

    def wires(self, one: str, other: str) -> tuple[Wire, Wire]:
        """Both directions between two hosts."""
        return self.network.both(self.addresses[one], self.addresses[other])

    def all_wires(self) -> list[Wire]:
        """All directions between all hosts."""
        pairs = itertools.combinations(self.addresses, 2)
        return [wire for pair in pairs for wire in self.wires(*pair)]

    def boot(self, name: str) -> None:
        """Boot a host that has vanished, and start its supervisors."""
        self.hosts[name].boot()
        for worker in self.of(name):
            worker.wait()
            worker.start()

    def move_server(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End the database server and start it on another host; the name of it moves along."""
        self.server.end(number)
        for host in self.hosts.values():
            host.know({**self.addresses, "storage": self.addresses[name]})
        self.server.start(self.hosts[name])

    @contextlib.contextmanager
    def clocks_apart(self, **wrong: int) -> Iterator[None]:
        """Let the clocks of these hosts be wrong by so many seconds meanwhile."""
        for name, seconds in wrong.items():
            self.clocks[name].set(seconds)
        try:
            yield
        finally:
            for name in wrong:
                self.clocks[name].set(0)

    # what it does

    def put(self, count: int, seconds: float = JOB_SECONDS) -> Batch:
        """Put so many jobs, each of which adds one to a counter of its own."""
        counters = [jobs.Counter() for _ in range(count)]
        self.web.add(f"batch {next(self._numbers)}", PersistentList(counters))
        made = [Partial(one.add_slowly, seconds) for one in counters]
        self.web.manager.thread.put_many(made)
        self.web.commit()
        return list(zip(made, counters, strict=True))

    def wait_until_under_way(self, batch: Batch, count: int) -> None:
        """Wait until so many of a batch are completed."""
        self.web.wait_until(
            lambda: sum(partial.state == COMPLETED for partial, _ in batch) >= count,
            f"{count} jobs to be done",
        )

    def require_done(self, batch: Batch, seconds: float = LONG) -> None:
        """Nothing is lost, and nothing done twice."""
        partials = [partial for partial, _ in batch]
        results = self.web.wait_for(*partials, timeout=seconds)
        assert results == [1] * len(batch)
        assert [counter.value for _, counter in batch] == [1] * len(batch)

    def require_works(self) -> None:
        """Ten jobs that do nothing are done."""
        partials = self.web.put_many(jobs.nothing, 10)
        assert self.web.wait_for(*partials, timeout=LONG) == [None] * 10

    def work_for(self, seconds: float) -> None:
        """Keep all children busy for so long, and require that nothing is lost or done twice."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.require_done(self.put(20))

    def hold_claims(self, workers: Sequence[Worker]) -> Batch:
        """Put jobs, and wait until these workers all hold some: an idle one promises little.

        There are more than all can take, so that whatever an engine commits next it holds some.
        """
        batch = self.put(16, seconds=1.0)
        self.web.wait_until(
            lambda: all(len(self.record(worker).thread) for worker in workers),
            "these workers to hold claims",
        )
        return batch

    def record(self, worker: Worker) -> Any:
        """The record of a worker."""
        return self.web.worker(worker.home)

    def require_rescue(self, workers: Sequence[Worker]) -> list[str]:
        """These are buried, not before their promise has run out and soon after it; the reasons."""
        reasons = []
        records = [(self.record(worker), self.record(worker).incarnation) for worker in workers]
        for record, incarnation in records:
            self.web.wait_until(lambda one=incarnation: one.is_over, "a burial", LONG)
            silence = moment_of(incarnation) - moment_of(record.ping)
            assert SILENCE <= silence < SILENCE + LATE, (silence, self.evidence())
            reasons.append(incarnation.end_reason)
        return reasons

    def require_return(self, workers: Sequence[Worker]) -> None:
        """These serve again, as new engines."""
        for worker in workers:
            self.web.wait_until(
                lambda one=worker: one.engine == str(self.record(one).engineUUID),
                f"{worker.home} to serve again",
                LONG,
            )

    @contextlib.contextmanager
    def nobody_is_buried(self, *workers: Worker) -> Iterator[None]:
        """These, or all, go on as the engines that they are."""
        living = list(workers or self.workers)

        def engines() -> list[tuple[str, str]]:
            self.web.sync()
            return [(one.engine, str(self.record(one).engineUUID)) for one in living]

        before = engines()
        assert all(runs == named for runs, named in before), self.evidence()
        yield
        assert engines() == before, self.evidence()

    def evidence(self) -> str:
        """For a failed claim."""
        return "\n".join(worker.evidence() for worker in self.workers)

    def close(self) -> None:
        """End all of it."""
        if self._web is not None:
            self._web.close()
        for worker in self.workers:
            worker.end()
        self.server.end()
        for host in self.hosts.values():
            host.vanish()
        self.network.close()
