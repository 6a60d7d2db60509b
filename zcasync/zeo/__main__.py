"""``python -P -m zcasync.zeo``: ``runzeo`` with what this package adds to ZEO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ZEO.runzeo
import ZEO.StorageServer

from zcasync.zeo.conflict_resolution import resolve_only
from zcasync.zeo.server import Server, keep_logs_in_memory


class Options(ZEO.runzeo.ZEOOptions):  # type: ignore[misc]
    """The options of ``runzeo``, and ``resolve-conflicts`` in its configuration file."""

    schemadir = str(Path(__file__).parent)

    def __init__(self) -> None:
        super().__init__()
        self.add("resolve_conflicts", "resolve_conflicts", default=())

    def realize(self, *args: Any, **options: Any) -> None:
        """Read them, and do what is not the server's own: limit what this process loads."""
        super().realize(*args, **options)
        resolve_only(self.resolve_conflicts)


def main() -> None:
    """Be ``runzeo``, with the repairs."""
    keep_logs_in_memory()
    ZEO.StorageServer.StorageServer = Server
    ZEO.runzeo.ZEOOptions = Options
    ZEO.runzeo.main()


if __name__ == "__main__":
    main()
