"""A Zope on loopback: its ``zope.conf``, its database server, its web process, and a worker."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.processes.servers import database_server, listens
from tests.support.instance import ROOT, Instance, short_folder
from tests.support.ports import free_port
from zcasync.testing.waiting import wait_until

ZOPE_CONF = """\
instancehome {folder}
<environment>
  SHOP_TOWN Ulm
</environment>
<zodb_db main>
  <zeoclient>
    server 127.0.0.1:{port}
    blob-dir {folder}/var/blobs
  </zeoclient>
  mount-point /
</zodb_db>
"""
SITE_ZCML = """\
<configure xmlns="http://namespaces.zope.org/zope">
  <include package="Zope2.App" />
  <include package="tests.integrations.zope" />
  <include package="zcasync" file="zope.zcml" />
</configure>
"""
ZCASYNC_CONF = """
<zcasync>
  application zcasync.zope:Application {folder}/etc/zope.conf
  grace-period 5
  poll-seconds 2
</zcasync>
"""


class Place:
    """A Zope in a folder, with a shop in it."""

    def __init__(self, folder: Path, zeo_port: int) -> None:
        self.folder = folder
        self.port = free_port()
        self._web: subprocess.Popen[bytes] | None = None
        (folder / "etc").mkdir()
        (folder / "var").mkdir()
        self.zope_conf = folder / "etc" / "zope.conf"
        self.zope_conf.write_text(ZOPE_CONF.format(folder=folder, port=zeo_port))
        (folder / "etc" / "site.zcml").write_text(SITE_ZCML)
        self.instance = Instance(
            folder / "home", children=2, config=ZCASYNC_CONF.format(folder=folder)
        )

    def _run(self, argument: str) -> subprocess.Popen[bytes]:
        with (self.folder / "web.out").open("ab") as output:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.integrations.zope.server",
                    str(self.zope_conf),
                    argument,
                ],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=output,
            )

    @property
    def output(self) -> str:
        """What the web process has said."""
        return (self.folder / "web.out").read_text()

    def fill(self) -> None:
        """Make the shop."""
        assert self._run("fill").wait(60) == 0, self.output

    def start_web(self) -> None:
        """Start the web process, and wait until it listens."""
        self._web = self._run(str(self.port))
        wait_until(lambda: listens(self.port), "Zope to listen", 60, lambda: self.output)

    def stop_web(self) -> None:
        """End the web process.  Safe to repeat."""
        if self._web is not None:
            self._web.terminate()
            self._web.wait(30)

    def ask(self, path: str, user: str = "", **form: Any) -> tuple[int, str]:
        """Post a form, as a browser does; the status and the text."""
        request = Request(f"http://127.0.0.1:{self.port}{path}", urlencode(form).encode())
        if user:
            pair = base64.b64encode(f"{user}:secret".encode()).decode()
            request.add_header("Authorization", f"Basic {pair}")
        try:
            with urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()


@contextmanager
def place() -> Iterator[Place]:
    """A Zope with a shop, its web process and a worker with two children."""
    with short_folder() as folder, ExitStack() as stack:
        made = Place(folder, stack.enter_context(database_server(folder)))
        made.fill()
        stack.callback(made.stop_web)
        made.start_web()
        stack.callback(made.instance.end)
        made.instance.start()
        yield made
