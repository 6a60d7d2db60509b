"""``python -m zcasync.zeo``: ``runzeo`` with what this package adds to ZEO."""

from __future__ import annotations

import ZEO.runzeo
import ZEO.StorageServer

from zcasync.zeo.server import Server, keep_logs_in_memory


def main() -> None:
    """Be ``runzeo``, with the repairs."""
    keep_logs_in_memory()
    ZEO.StorageServer.StorageServer = Server
    ZEO.runzeo.main()


if __name__ == "__main__":
    main()
