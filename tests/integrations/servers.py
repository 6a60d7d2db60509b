"""The processes of an application: its database server, with blobs, web server and worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.integrations.browser import Browser
from tests.processes.servers import Server, listens
from tests.support.instance import Instance
from tests.support.leftovers import MAY_RUN
from tests.support.ports import free_port
from zcasync.testing.waiting import wait_until

#: An application that the machine has little time for.
BOOT_SECONDS = 120.0
STOP_SECONDS = 30.0
#: Of a database server as a site has it.
CONFIG = """
<zeo>
  address 127.0.0.1:{port}
  transaction-timeout {timeout}
  pid-filename {folder}/zeo.pid
</zeo>
<filestorage 1>
  path {folder}/Data.fs
  blob-dir {folder}/blobs
</filestorage>
<eventlog>
  level {level}
  <logfile>
    path STDERR
  </logfile>
</eventlog>
"""


class DatabaseServer(Server):
    """A ZEO server with blobs in ``folder/blobs``, which tests may share."""

    def __init__(self, folder: Path, config: str = CONFIG) -> None:
        super().__init__(folder, config=config)

    @property
    def blobs(self) -> Path:
        """The folder of its blobs, which clients on this machine may share."""
        return self.folder / "blobs"

    def start(self) -> Self:
        """Start it and wait until it listens."""
        super().start()
        MAY_RUN.add(self.pid)
        return self

    def stop(self) -> None:
        """Stop it.  Safe to repeat."""
        super().stop()
        MAY_RUN.discard(self.pid)


def start_worker(worker: Instance) -> Instance:
    """Start a worker whose application takes its time, and wait until a child can take a job."""
    worker.launch()
    wait_until(
        lambda: "zcasync ready" in worker.output or not worker.is_alive,
        "the worker to be ready",
        BOOT_SECONDS,
        worker.evidence,
    )
    assert worker.is_alive, worker.evidence()
    return worker


class Site:
    """The web server of an application, at a loopback port of its own.

    ``command``: a program beside this Python and its arguments, with ``{port}`` in one of them or
    in a file that is written with ``port``.  ``environment``: its variables besides those here.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        port: int | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port() if port is None else port
        program, *arguments = command
        self._command = [
            str(Path(sys.executable).with_name(program)),
            *(one.format(port=self.port) for one in arguments),
        ]
        self.environment: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, without a slash in the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """What it has said so far."""
        return (self.folder / "site.out").read_text(errors="replace")

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None, "the site has not been started"
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """True while its process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it and wait until it answers; raises AssertionError with what it has said."""
        with (self.folder / "site.out").open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        MAY_RUN.add(self.pid)
        wait_until(
            lambda: listens(self.port) or not self.is_alive,
            f"the site to listen at port {self.port}",
            BOOT_SECONDS,
            lambda: self.output[-3000:],
        )
        assert self.is_alive, f"the site has not started\n{self.output[-3000:]}"
        return self

    def browser(self, user: str | None = None, password: str = "") -> Browser:
        """Return a visitor of the site, who logs in where a user is given."""
        return Browser(self.url, user, password)

    def stop(self) -> None:
        """Stop it, whatever state it is in.  Safe to repeat."""
        if self._process is None:
            return
        if self.is_alive:
            self._process.send_signal(signal.SIGINT)  # as a terminal's ^C: waitress ends its work
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise
        MAY_RUN.discard(self.pid)
