"""The embedded default's database server, a process that the supervisor starts.

``python -m zcasync.supervisor.zeo_server SPEC``; prints ``listening`` once clients can connect.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zc.lockfile import LockError
from ZODB.FileStorage import FileStorage

from zcasync.database.packing import open_file
from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
from zcasync.protocol import dispositions, lifeline
from zcasync.supervisor.zeo_server import orders
from zcasync.unix_sockets import require_closed_folder
from zcasync.zeo.client_connections import ClientAcceptor
from zcasync.zeo.conflict_resolution import resolve_only
from zcasync.zeo.full_disk import EXIT_NO_ROOM, why_no_room
from zcasync.zeo.server import Server, keep_logs_in_memory

ORDERS_FD = 0
LIFELINE_FD = 5
EXIT_IN_USE = 71
EXIT_UNUSABLE = 72


def main() -> int:
    """Serve until the supervisor closes the lifeline, or is gone; return the exit code."""
    spec = json.loads(sys.argv[1])
    os.umask(0o077)
    tempfile.tempdir = os.path.dirname(spec["data_fs"])  # whatever becomes of another folder
    lifeline.own_group()
    signal.signal(signal.SIGTERM, _stop)
    dispositions.leave_to_supervisor(but=(signal.SIGTERM,))
    dispositions.deliver()
    resolve_only(spec["resolve_conflicts"])
    lifeline.leave_with_parent(spec["parent"], LIFELINE_FD, signal.SIGTERM)
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    # A client that is killed is the supervisor's to report, with the reason.
    logging.getLogger("ZEO.asyncio.server").setLevel(logging.CRITICAL)
    # Commits that wait for each other are usual where many clients write.
    logging.getLogger("ZEO.StorageServer").setLevel(logging.ERROR)
    try:
        Home.find(spec["home"])  # it may have changed since the supervisor began
        no_room = why_no_room(Path(spec["data_fs"]))
        if no_room is not None:
            print(no_room, flush=True)
            return EXIT_NO_ROOM
        storage = open_file(Path(spec["data_fs"]), Path(spec["blobs"]))
    except LockError:
        print(f"{spec['data_fs']} is in use by another process", flush=True)
        return EXIT_IN_USE
    except ConfigurationError as error:
        print(error, flush=True)
        return EXIT_UNUSABLE
    except Exception as error:  # whatever a damaged file makes it raise is the thing to report
        print(f"{spec['data_fs']}: {type(error).__name__}: {error}", flush=True)
        return EXIT_UNUSABLE
    require = functools.partial(require_closed_folder, owner=spec.get("owner"))
    return _serve(storage, spec["socket"], spec["transaction_timeout"], require)


def _serve(
    storage: FileStorage, socket: str, transaction_timeout: float, require: Callable[[str], None]
) -> int:
    """Serve; ``require(path)`` raises ConfigurationError where the socket must not be."""
    server = None
    try:
        require(socket)
        keep_logs_in_memory()
        server = Server(
            socket, {"1": storage}, transaction_timeout=transaction_timeout, may_move=True
        )
        loop = server.acceptor.event_loop
        # From now on by the loop's own means: an exception of the handler would come out somewhere
        # inside a callback, where the loop may take it for that callback's own and go on.
        signal.signal(signal.SIGTERM, functools.partial(_stop_loop, loop))
        _say_listening()
        orders.obey(loop, ORDERS_FD, functools.partial(_listen_anew, server.acceptor, require))
        loop.run_forever()
    except SystemExit:
        pass
    except ConfigurationError as error:
        print(error, flush=True)
        return EXIT_UNUSABLE
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already; a second signal may come
        if server is not None:
            with contextlib.suppress(FileNotFoundError):  # clients need not try it any more
                os.unlink(server.acceptor.addr)
            server.close()
        else:
            storage.close()
    return 0


def _listen_anew(acceptor: ClientAcceptor, require: Callable[[str], None], path: str) -> None:
    """Listen at a path; where that cannot be the supervisor hears why, and starts us again."""
    try:
        require(path)
        acceptor.listen_anew(path, _say_listening)
    except (ConfigurationError, OSError) as error:
        print(f"cannot listen at {path}: {error}", flush=True)


def _say_listening() -> None:
    print("listening", flush=True)


def _stop(number: int, frame: Any) -> None:
    """End where the supervisor has: a signal of others, to all processes at once, is for it."""
    if lifeline.has_ended(LIFELINE_FD):
        sys.exit(0)


def _stop_loop(loop: Any, number: int, frame: Any) -> None:
    if lifeline.has_ended(LIFELINE_FD):
        loop.call_soon_threadsafe(loop.stop)


if __name__ == "__main__":
    sys.exit(main())
