"""A database server as operators run it: runzeo in a process of its own, on a loopback port."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import wait_until

CONFIG = """
<zeo>
  address 127.0.0.1:{port}
  transaction-timeout 30
  pid-filename {folder}/zeo.pid
</zeo>
<filestorage 1>
  path {folder}/Data.fs
</filestorage>
<filestorage 2>
  path {folder}/zc.async.fs
</filestorage>
<eventlog>
  level error
  <logfile>
    path STDERR
  </logfile>
</eventlog>
"""


def listens(port: int) -> bool:
    """Whether somebody listens at a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def database_server(folder: Path) -> Iterator[int]:
    """Serves two storages, 1 and 2, with files in ``folder``; the port."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    config = folder / "zeo.conf"
    config.write_text(CONFIG.format(port=port, folder=folder))
    process = subprocess.Popen([sys.executable, "-m", "ZEO.runzeo", "-C", str(config)])
    try:
        wait_until(lambda: listens(port), f"the database server to listen at port {port}")
        yield port
    finally:
        process.terminate()
        process.wait(30)
