"""The connection to a home's supervisor, whose socket may be missing for a moment."""

from __future__ import annotations

import time

from zcasync.errors import NotRunning
from zcasync.instance.home import Home
from zcasync.instance.lock import has_holder
from zcasync.protocol.control_client import ControlClient

#: A supervisor makes a socket that was removed anew within a second; one that starts has none yet.
SOCKET_SECONDS = 3.0
PAUSE_SECONDS = 0.05


def connect(home: Home, timeout: float) -> ControlClient:
    """Return a connection to the supervisor of a home; all calls on it end within ``timeout``.

    Waits for its socket while its process lives.  Raises what ControlClient does.
    """
    began = time.monotonic()
    while True:
        waited = time.monotonic() - began
        try:
            return ControlClient(home.control_socket, max(0.001, timeout - waited), home.owner)
        except NotRunning:
            if waited >= min(timeout, SOCKET_SECONDS) or not has_holder(home):
                raise
        time.sleep(PAUSE_SECONDS)
