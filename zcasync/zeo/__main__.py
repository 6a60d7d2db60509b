"""``python -P -m zcasync.zeo``: ``runzeo`` with what this package adds to ZEO."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import ZEO.runzeo
import ZEO.StorageServer

from zcasync import standard_streams
from zcasync.certificates import load_schema
from zcasync.versions import why_unsupported
from zcasync.zeo.conflict_resolution import resolve_only
from zcasync.zeo.server import Server, keep_logs_in_memory

HELP = """Start a database server: ZEO's runzeo, with repairs.

Usage: python -P -m zcasync.zeo [-C FILE] [-a ADDRESS] [-f FILENAME] [-t TIMEOUT] [-h]

-C/--configure FILE     its configuration: etc/zeo.conf of the distribution is one
-a/--address ADDRESS    where to listen: PATH (with a "/" in it), PORT or HOST:PORT
-f/--filename FILENAME  a file storage to serve
-t/--timeout TIMEOUT    a client that holds up all commits for so many seconds is cut off
--pid-file PATH         where to note the process
-h/--help               print this and exit

-C, or -a and -f, are required.  docs/several-workers.rst has more.
"""


class Options(ZEO.runzeo.ZEOOptions):  # type: ignore[misc]
    """The options of ``runzeo``, and ``resolve-conflicts`` in its configuration file."""

    schemadir = str(Path(__file__).parent)

    def __init__(self) -> None:
        super().__init__()
        self.add("resolve_conflicts", "resolve_conflicts", default=())

    def load_schema(self) -> None:
        """Load the schema of the configuration file."""
        self.schema = load_schema(os.path.join(self.schemadir, self.schemafile))

    def help(self, dummy: str) -> None:
        """Print the options that there are, and exit."""
        self.doc = HELP
        super().help(dummy)

    def realize(self, *args: Any, **options: Any) -> None:
        """Read them, and do what is not the server's own: limit what this process loads."""
        super().realize(*args, **options)
        resolve_only(self.resolve_conflicts)


def main() -> None:
    """Be ``runzeo``, with the repairs; refuse versions of ZEO and ZODB that are not supported."""
    standard_streams.open_missing()
    unsupported = why_unsupported()
    if unsupported is not None:
        sys.exit(unsupported)
    keep_logs_in_memory()
    ZEO.StorageServer.StorageServer = Server
    ZEO.runzeo.ZEOOptions = Options
    ZEO.runzeo.main()


if __name__ == "__main__":
    main()
