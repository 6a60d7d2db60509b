"""A database server as operators run it: runzeo in a process of its own, on a loopback port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.support.ports import free_port
from zcasync.supervisor.zeo_server.__main__ import LIFELINE_FD
from zcasync.testing.waiting import wait_until

#: Opens a connection to a server, of a client of its own.
Connect = Callable[[], Any]

#: Of a home whose database is at a server: the head of its configuration.
AT_SERVER = """
<zodb>
  <zeoclient>
    server 127.0.0.1:{port}
  </zeoclient>
</zodb>
"""
#: The same with the queues in a second database.
AT_SERVER_TWICE = (
    AT_SERVER
    + """
<zodb zc.async>
  <zeoclient>
    server 127.0.0.1:{port}
    storage 2
  </zeoclient>
</zodb>
"""
)
#: One that the application mounts in its own, and that, in this order.
AT_SERVER_MOUNTED = """
<zodb catalog>
  <zeoclient>
    server 127.0.0.1:{port}
    storage 2
  </zeoclient>
</zodb>
<zodb site>
  <zeoclient>
    server 127.0.0.1:{port}
  </zeoclient>
</zodb>
"""
CONFIG = """
<zeo>
  address 127.0.0.1:{port}
  transaction-timeout {timeout}
  pid-filename {folder}/zeo.pid
</zeo>
<filestorage 1>
  path {folder}/Data.fs
</filestorage>
<filestorage 2>
  path {folder}/zc.async.fs
</filestorage>
<eventlog>
  level {level}
  <logfile>
    path STDERR
  </logfile>
</eventlog>
"""


def listens(port: int) -> bool:
    """Whether somebody listens at a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A database server with files in ``folder``, which can be started again at its port."""

    def __init__(
        self,
        folder: Path,
        import_path: Sequence[Path] = (),
        transaction_timeout: int = 30,
        module: str = "ZEO.runzeo",
        log_level: str = "error",
        more: str = "",
        config: str = CONFIG,
    ) -> None:
        self.module = module
        self.port = free_port()
        self.folder = folder
        self._config = folder / "zeo.conf"
        self._config.write_text(
            more
            + config.format(
                port=self.port, folder=folder, timeout=transaction_timeout, level=log_level
            )
        )
        self._import_path = os.pathsep.join(map(str, import_path))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the one that was started last."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Of the one that was started last; None while it lives."""
        return None if self._process is None else self._process.poll()

    @property
    def output(self) -> str:
        """What it has said so far."""
        return (self.folder / "zeo.out").read_text()

    def launch(self) -> None:
        """Start it; does not wait for anything."""
        with (self.folder / "zeo.out").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, "-C", str(self._config)],
                env={**os.environ, "PYTHONPATH": self._import_path},
                stdout=output,
                stderr=output,
            )

    def start(self) -> Self:
        """Start it and wait until it listens."""
        self.launch()
        wait_until(lambda: listens(self.port), f"the database server to listen at port {self.port}")
        return self

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL it and wait until it is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop it, whatever state it is in.  Safe to repeat."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(30)


@contextmanager
def database_server(folder: Path, more: str = "") -> Iterator[int]:
    """Serves two storages, 1 and 2, with files in ``folder``, and ``more``; the port."""
    server = Server(folder, more=more)
    try:
        yield server.start().port
    finally:
        server.stop()


#: The server expects the pipe that ties it to its supervisor as a certain descriptor.
BECOME_SERVER = f"""
import os, sys
os.dup2(int(sys.argv[1]), {LIFELINE_FD})
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@contextmanager
def own_server(folder: Path, resolve_conflicts: Sequence[str] = ()) -> Iterator[str]:
    """The embedded default's server with a new storage in ``folder``; its socket."""
    path = folder / "s"
    spec = {
        "home": str(folder),
        "data_fs": str(folder / "Data.fs"),
        "blobs": str(folder / "blobs"),
        "socket": str(path),
        "transaction_timeout": 30,
        "resolve_conflicts": list(resolve_conflicts),
        "parent": os.getpid(),
    }
    lifeline, ours = os.pipe()
    module = ["-m", "zcasync.supervisor.zeo_server", json.dumps(spec)]
    process = subprocess.Popen(
        [sys.executable, "-c", BECOME_SERVER, str(lifeline), *module], pass_fds=[lifeline]
    )
    try:
        wait_until(path.exists, "the server's socket")
        yield str(path)
    finally:
        os.close(ours)  # a signal alone is for its supervisor
        process.terminate()
        process.wait(30)
        os.close(lifeline)
