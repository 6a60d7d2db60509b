"""The supervisor's end of the control socket: it listens for the operators of the home."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from zcasync.instance.home import Home
from zcasync.supervisor.control_protocol import ControlFactory, Operations
from zcasync.supervisor.zeo_server.socket_watch import SocketWatch

log = Logger()

#: Until the next try to listen, after one that has failed while the supervisor runs.
RETRY_SECONDS = 1.0


class ControlSocket:
    """Listens with mode 0600, in a folder that is this user's alone."""

    def __init__(self, reactor: Any, home: Home, operations: Operations) -> None:
        self._reactor = reactor
        self._home = home
        self._factory = ControlFactory(reactor, operations)
        self._port: Any = None
        self._retry: Any = None
        self._is_stopped = False
        self._watch = SocketWatch(reactor, home, self._gone)

    def start(self) -> Any:
        """Listen; the home's lock is ours, so a socket that is there is nobody's.

        Raises ConfigurationError, and the Deferred fails, where that cannot be.
        """
        self._home.place_sockets()
        path = self._home.control_socket
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            endpoint = UNIXServerEndpoint(self._reactor, os.fspath(path), mode=0o600)
            listening = endpoint.listen(self._factory)
        finally:
            os.umask(before)
        return listening.addCallback(self._listens, path)

    def _listens(self, port: Any, path: Path) -> None:
        self._port = port
        self._watch.start(path)

    def _gone(self) -> None:
        log.error(
            "control socket {path} is gone; it is made anew", path=str(self._home.control_socket)
        )
        self._start_again()

    def _start_again(self) -> None:
        closed = maybeDeferred(self._close)
        closed.addCallback(self._closed)
        closed.addErrback(self._not_started)

    def _closed(self, _: object) -> Any:
        """Listen anew, unless that is not wanted any more."""
        return None if self._is_stopped else self.start()

    def _not_started(self, failure: Failure) -> None:
        log.error("no control socket: {why}", why=failure.getErrorMessage())
        self._retry = self._reactor.callLater(RETRY_SECONDS, self._start_again)

    def stop(self) -> Any:
        """Stop listening, for good.  Safe to repeat."""
        self._is_stopped = True
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        return self._close()

    def _close(self) -> Any:
        self._watch.stop()
        port, self._port = self._port, None
        if port is None:
            return None
        stopping = maybeDeferred(port.stopListening)
        return stopping.addErrback(_ignore_file)


def _ignore_file(failure: Failure) -> None:
    """Ignore that the file is gone, or in a folder that is another user's now."""
    failure.trap(OSError)
