"""Supervisors, a database server and clients of it, on hosts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import zcasync
from tests.support.clocks import WRONG_CLOCK, WrongClock
from tests.support.hosts.host import Host, main_of
from tests.support.instance import ROOT, Client, Instance
from tests.support.leftovers import MAY_RUN
from zcasync.testing.waiting import wait_until

PORT = 8100
STOP_SECONDS = 30.0
SERVER = """
<zeo>
  address {address}:{port}
  transaction-timeout {timeout}
  <ssl>
    certificate {tls}/server.pem
    key {tls}/server.key
    authenticate {tls}/ca.pem
  </ssl>
</zeo>
<filestorage 1>
  path {folder}/Data.fs
</filestorage>
<eventlog>
  level info
  <logfile>
    path STDERR
  </logfile>
</eventlog>
"""


class DatabaseServer:
    """A database server with files in ``folder``, which can be started on one host or another.

    ``tls``: the folder of its certificate.
    """

    def __init__(self, folder: Path, tls: Path, clock: WrongClock, timeout: int) -> None:
        self.folder = folder
        self._tls = tls
        self._clock = clock
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, host: Host) -> None:
        """Start it on a host, at that host's address, and wait until it listens."""
        config = self.folder / "zeo.conf"
        config.write_text(
            SERVER.format(
                address=host.address,
                port=PORT,
                timeout=self._timeout,
                folder=self.folder,
                tls=self._tls,
            )
        )
        paths = os.pathsep.join(map(str, (WRONG_CLOCK, ROOT)))
        with (self.folder / "zeo.out").open("ab") as output:
            self._process = subprocess.Popen(
                host.inside([sys.executable, "-P", "-m", "zcasync.zeo", "-C", str(config)]),
                env={**os.environ, "PYTHONPATH": paths, **self._clock.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        MAY_RUN.update({self._process.pid, main_of(self._process)})
        wait_until(lambda: _listens(host), f"the server on {host.name} to listen", 30, self.output)

    def output(self) -> str:
        """What it has said so far."""
        return (self.folder / "zeo.out").read_text()

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by this signal, and wait until it is gone.  Safe to repeat."""
        if self._process is not None and self._process.poll() is None:
            os.kill(main_of(self._process), number)
            self._process.wait(STOP_SECONDS)


def _listens(host: Host) -> bool:
    with host.connections(), socket.socket() as probe:
        return probe.connect_ex((host.address, PORT)) == 0


class Worker(Instance):
    """A home and its supervisor, on a host."""

    def __init__(self, host: Host, name: str, config: str, clock: WrongClock) -> None:
        super().__init__(host.folder / name, 1, config)
        self.host = host
        self.import_path = [WRONG_CLOCK, ROOT]
        self.environment.update(clock.environment)

    @property
    def command(self) -> list[str]:
        """The command line that starts it there."""
        return self.host.inside(super().command)

    def send(self, number: signal.Signals) -> None:
        """Send its process a signal, and not the one that has gone inside with it."""
        assert self.process is not None
        os.kill(main_of(self.process), number)

    @property
    def engine(self) -> str:
        """The UUID of the engine that it runs now."""
        found: str = self.status()["engine"]
        return found

    def cli(self, *words: object, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command for this home, on its host."""
        python = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-P", "-m", "zcasync.cli.main"]
        return self.host.run(*python, *map(str, words), "--home", str(self.home), seconds=seconds)


class Web(Client):
    """An application on a host, which this process plays; ``home``: names the servers."""

    def __init__(self, host: Host, home: Path, config: str) -> None:
        (home / "etc").mkdir(mode=0o700, parents=True)
        (home / "etc" / "zcasync.conf").write_text(config)
        with host.connections():
            super().__init__(_opened(home))


def _opened(home: Path) -> Any:
    return zcasync.open(home)
