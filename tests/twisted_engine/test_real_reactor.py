"""An engine in the process of an application with a real reactor, whose database server freezes."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.jobs import basic as jobs
from tests.jobs import hanging
from tests.processes.servers import Server
from tests.support.gates import Gate
from tests.support.instance import ROOT, Instance
from zcasync.supervisor.database_session import FAREWELL_SECONDS
from zcasync.supervisor.stop_deadline import AFTER_GRACE_SECONDS
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until
from zcasync.twisted_engine.keeper import EXIT_CODE
from zcasync.twisted_engine.thread_pool import LEAVE_SECONDS

GRACE = 5
CONFIG = f"""
<zodb>
  <zeoclient>
    server 127.0.0.1:{{port}}
  </zeoclient>
</zodb>
<zcasync>
  grace-period {GRACE}
  poll-seconds 1
  ping-interval 1
</zcasync>
"""


class Application(Instance):
    """The process of ``application.py`` and its home."""

    def __init__(self, folder: Path, port: int, place: str) -> None:
        super().__init__(folder / "home", config=CONFIG.format(port=port))
        self.environment = {"INSTANCE_HOME": str(self.home)}
        self._ticks = folder / "ticks"
        self._arguments = [str(port), str(self._ticks), place]

    @property
    def command(self) -> list[str]:
        script = ROOT / "tests" / "twisted_engine" / "application.py"
        return [sys.executable, str(script), *self._arguments]

    def wait_until_ready(self) -> Application:
        """Wait until its engine is registered."""
        wait_until((self.home / "etc" / "uuid.txt").exists, "the home's UUID", seen=self.evidence)
        self.client.wait_until(self.has_registered, "an engine of this process")
        return self

    def has_registered(self) -> bool:
        """Whether its worker's record names an engine of this process."""
        workers = self.client.manager.workers.values()
        return any(
            worker.engineUUID is not None and worker.incarnation.identity.pid == self.pid
            for worker in workers
        )

    @property
    def ticks(self) -> int:
        """How often its reactor has called the looping call."""
        return self._ticks.stat().st_size if self._ticks.exists() else 0

    def wait_for_ticks(self, count: int = 20) -> None:
        """Wait until the reactor has turned so many times more."""
        wanted = self.ticks + count
        wait_until(lambda: self.ticks > wanted, f"{count} ticks", 10, self.evidence)

    def evidence(self) -> str:
        return f"{self.ticks} ticks\n{self.output[-6000:]}"


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """A database server that belongs to no supervisor."""
    made = Server(folder, import_path=[ROOT], transaction_timeout=5)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def start(folder: Path, server: Server) -> Iterator[Callable[[str], Application]]:
    """Starts an application; thread jobs run in ``threads`` of its process, or in ``children``."""
    started: list[Application] = []

    def start_one(place: str) -> Application:
        started.append(Application(folder, server.port, place))
        return started[-1].start()

    try:
        yield start_one
    finally:
        for one in started:
            one.end()


@pytest.fixture
def application(start: Callable[[str], Application]) -> Application:
    """One whose thread jobs run in threads of its process."""
    return start("threads")


def test_the_reactor_turns_while_the_database_server_is_frozen(
    application: Application, server: Server, gate: Gate
) -> None:
    client = application.client
    before = client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    server.send(signal.SIGSTOP)
    try:
        gate.open()  # the job's commit hangs, and so does the pass that pings for it
        wait_until(
            lambda: "has not answered" in application.output,
            "a pass to wait for the server",
            seen=application.evidence,
        )
        application.wait_for_ticks()
    finally:
        server.send(signal.SIGCONT)
    assert client.wait_for(before) == application.pid
    assert len(gate.arrivals()) == 1
    after = client.put(jobs.echo, 1)
    in_reactor = client.put(jobs.process, queue="reactor")
    assert client.wait_for(after) == ((1,), {})
    pid, _, is_main = client.wait_for(in_reactor)
    assert (pid, is_main) == (application.pid, True)
    application.wait_for_ticks()


def test_a_stop_beside_a_frozen_server_ends_in_time_and_the_next_start_takes_over(
    application: Application, server: Server, gate: Gate
) -> None:
    assert LEAVE_SECONDS + FAREWELL_SECONDS < 10
    partial = application.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    server.send(signal.SIGSTOP)
    try:
        gate.open()  # its commit hangs, and so would the last one of the engine
        began = time.monotonic()
        application.send(signal.SIGTERM)
        assert application.wait() == 0
        assert time.monotonic() - began < 3 * (GRACE + 10)  # the machine may be busy
    finally:
        server.send(signal.SIGCONT)
    assert "stays behind as a ghost" in application.output
    assert "the reactor has ended" in application.output
    client = application.start().client
    again = client.connection.get(partial._p_oid)
    assert client.wait_for(again) in gate.arrivals()


def test_a_stop_lets_thread_jobs_end_and_leaves_no_engine(
    application: Application, server: Server, gate: Gate
) -> None:
    oid = application.client.put(jobs.pass_gate, gate.path)._p_oid
    gate.wait_for()
    pid = application.pid
    application.close_client()
    application.send(signal.SIGTERM)
    gate.open()
    assert application.wait() == 0
    assert "deregistered; 0 claims released" in application.output
    client = application.client
    assert client.connection.get(oid).result == pid
    assert application.worker().engineUUID is None


def test_a_thread_job_that_outlasts_the_grace_period_is_interrupted_by_the_end_of_its_process(
    application: Application, server: Server, gate: Gate
) -> None:
    partial = application.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    assert application.stop() == 0
    assert "cannot be killed" in application.output
    gate.open()
    client = application.start().client
    again = client.connection.get(partial._p_oid)
    assert client.wait_for(again) == application.pid
    assert (again._interruptions, len(gate.arrivals())) == (1, 2)


def test_thread_jobs_run_in_children_unless_threads_were_asked_for(
    start: Callable[[str], Application],
) -> None:
    application = start("children")
    partial = application.client.put(jobs.process)
    pid, _, _ = application.client.wait_for(partial)
    assert psutil.Process(pid).ppid() == application.pid


def test_a_thread_of_the_reactors_pool_that_never_comes_back_holds_up_no_end(
    start: Callable[[str], Application], gate: Gate
) -> None:
    application = start("children")
    application.client.put(hanging.in_pool, gate.path, queue="reactor")
    gate.wait_for()
    family = application.descendants()
    application.worker().reactor.size = 0  # it does not begin again
    application.client.commit()
    began = time.monotonic()
    assert application.stop() == EXIT_CODE
    assert time.monotonic() - began < 3 * (GRACE + AFTER_GRACE_SECONDS)
    wait_until(lambda: all(map(is_gone, family)), "its children to be gone")
    assert "deregistered" in application.output
    assert "this process ends now; left behind: reactor job 0x" in application.output
    client = application.start().client
    for _ in range(10):
        client.wait_for(client.put(jobs.nothing))
    assert application.stop() == 0
    assert "the reactor has ended" in application.output
