"""A ZEO server: ours, which the embedded default has, and ZEO's own."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import psutil
from ZODB.scripts import fsrefs, fstest

from tests.chaos.points import TORMENT
from tests.processes.servers import AT_SERVER, Server
from tests.support.audits import left_findings
from tests.support.instance import ROOT


class ZeoServer(Server):
    """Serves a file; both sides see what the other one does when it dies."""

    def __init__(self, folder: Path, module: str) -> None:
        super().__init__(folder, [TORMENT, ROOT], 4, module)
        self.config = AT_SERVER.format(port=self.port)

    def processes(self) -> list[psutil.Process]:
        """The one that there is."""
        return [psutil.Process(self.pid)] if self.is_alive else []

    def problems(self) -> list[str]:
        """What ZODB's own checkers and the audit say about the file."""
        said = storage_problems(self.folder / "Data.fs")
        return [*said.splitlines(), *left_findings(self.folder)]


def own_server(folder: Path) -> ZeoServer:
    """Ours."""
    return ZeoServer(folder, "zcasync.zeo")


def upstream_server(folder: Path) -> ZeoServer:
    """ZEO's."""
    return ZeoServer(folder, "ZEO.runzeo")


def storage_problems(path: Path) -> str:
    """What ZODB's own checkers say about a file storage that nobody serves."""
    fstest.check(str(path))  # raises
    said = io.StringIO()
    with redirect_stdout(said):
        fsrefs.main(str(path))
    return said.getvalue()
