"""The supervisor's end of the control socket: status and stop, for the operators of this home."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from zcasync.protocol import control
from zcasync.supervisor.zeo_server.socket_watch import SocketWatch

log = Logger()


class ControlProtocol(amp.AMP):  # type: ignore[misc]
    """Answers one operator."""

    def __init__(
        self,
        status: Callable[[], dict[str, Any]],
        stop: Callable[[], None],
        cancel: Callable[[bytes, str], str],
    ) -> None:
        super().__init__()
        self._status = status
        self._stop = stop
        self._cancel = cancel
        self._pieces: list[bytes] = []

    @control.Status.responder
    def answer_status(self, piece: int) -> dict[str, Any]:
        if piece == 0:
            self._pieces = control.pieces(self._status())
        return {"text": self._pieces[piece], "more": piece + 1 < len(self._pieces)}

    @control.Stop.responder
    def answer_stop(self) -> dict[str, Any]:
        self._stop()
        return {"pid": os.getpid()}

    @control.Cancel.responder
    def answer_cancel(self, oid: bytes, who: str) -> dict[str, Any]:
        return {"problem": self._cancel(oid, who)}


class ControlSocket:
    """Listens on ``path`` with mode 0600."""

    def __init__(
        self,
        reactor: Any,
        path: Path,
        status: Callable[[], dict[str, Any]],
        stop: Callable[[], None],
        cancel: Callable[[bytes, str], str],
    ) -> None:
        self._reactor = reactor
        self._path = path
        self._factory = Factory.forProtocol(lambda: ControlProtocol(status, stop, cancel))
        self._factory.noisy = False
        self._port: Any = None
        self._watch = SocketWatch(reactor, path, self._gone)

    def start(self) -> Any:
        """Listen; the home's lock is ours, so a socket that is there is nobody's."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            endpoint = UNIXServerEndpoint(self._reactor, os.fspath(self._path), mode=0o600)
            listening = endpoint.listen(self._factory)
        finally:
            os.umask(before)
        return listening.addCallback(self._listens)

    def _listens(self, port: Any) -> None:
        self._port = port
        self._watch.start()

    def _gone(self) -> None:
        log.error("control socket {path} is gone; it is made anew", path=str(self._path))
        stopped = maybeDeferred(self.stop)
        stopped.addCallback(lambda _: self.start())
        stopped.addErrback(lambda failure: log.failure("no control socket", failure))

    def stop(self) -> Any:
        """Stop listening.  Safe to repeat."""
        self._watch.stop()
        port, self._port = self._port, None
        if port is None:
            return None
        stopping = maybeDeferred(port.stopListening)  # fails when the file is gone already
        return stopping.addErrback(_ignore_missing)


def _ignore_missing(failure: Failure) -> None:
    failure.trap(FileNotFoundError)
