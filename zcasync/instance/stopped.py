"""Processes of a home that a signal has stopped (SIGTSTP of a terminal, SIGSTOP): none answers."""

from __future__ import annotations

import json

from zcasync.instance.home import Home
from zcasync.instance.lock import read
from zcasync.instance.process_identity import ProcessIdentity


def stopped_supervisor(home: Home) -> str | None:
    """Return that the supervisor of a home is stopped, and what continues it; None: it is not."""
    holder = read(home)
    return None if holder is None else _told(ProcessIdentity.from_dict(holder))


def stopped_server(home: Home) -> str | None:
    """Return the same of the embedded default's database server."""
    try:
        found = ProcessIdentity.from_dict(json.loads(home.server_identity.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    told = _told(found)
    return None if told is None else f"the database server, {told}"


def _told(process: ProcessIdentity) -> str | None:
    if not process.is_alive() or not process.is_frozen():
        return None
    return f"process {process.pid} is stopped (fg, or kill -CONT {process.pid})"
