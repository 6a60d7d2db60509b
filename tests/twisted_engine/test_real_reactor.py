"""An engine in the process of an application with a real reactor, whose database server freezes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.processes.servers import Server
from tests.support.gates import Gate
from tests.support.instance import ROOT, Instance
from tests.support.waiting import wait_until

GRACE = 2
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

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder / "home", config=CONFIG.format(port=port))
        self.environment = {"INSTANCE_HOME": str(self.home)}
        self._ticks = folder / "ticks"
        self._port = port

    @property
    def command(self) -> list[str]:
        script = ROOT / "tests" / "twisted_engine" / "application.py"
        return [sys.executable, str(script), str(self._port), str(self._ticks)]

    def wait_until_ready(self) -> Application:
        """Wait until its engine is registered."""
        wait_until(lambda: self.ticks > 0, "the reactor to turn", seen=self.evidence)
        written = self.home / "etc" / "uuid.txt"
        wait_until(written.exists, "the home's UUID", seen=self.evidence)
        self.client.wait_until(lambda: self.engine is not None, "an engine")
        return self

    @property
    def engine(self) -> object:
        """What its worker's record names."""
        if not len(self.client.manager.workers):
            return None
        return self.worker().engineUUID

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
def application(folder: Path, server: Server) -> Iterator[Application]:
    """An application whose engine has begun."""
    made = Application(folder, server.port)
    try:
        made.start()
        worker = made.worker()
        worker.poll_seconds = worker.ping_interval = 1
        made.client.commit()
        yield made
    finally:
        made.end()


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
